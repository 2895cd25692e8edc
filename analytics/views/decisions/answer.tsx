/** Why a pod is pending: one cause in one sentence, advice, the nodes in groups, and what it is known from. */
import { count, type Key, t, withTimes } from "@shell/i18n";
import { Copy } from "@shell/parts";
import { quoting, said } from "@shell/phrases";
import { Table } from "@shell/table";
import "./answer.css";

type Basis = "observed" | "inferred";

export interface Answer {
  cause: string;
  title: string;
  sentence: string;
  lasting: string;
  label: string;
  lines: { text: string; basis: Basis; source: string }[];
  groups: {
    reason: string;
    plugin: string;
    nodes: string[];
    count: number;
    would_fit_if: string;
    basis: Basis;
  }[];
  advice: { text: string; command: string }[];
}

export function Lasting({ answer }: { answer: Answer }) {
  return <span class={`badge lasting ${answer.lasting}`}>{answer.label}</span>;
}

export function Why({ answer }: { answer: Answer }) {
  return (
    <section class="why">
      {answer.advice.length > 0 && <Advised answer={answer} />}
      {answer.groups.length > 0 && <Groups answer={answer} />}
      {answer.lines.length > 0 && <Lines answer={answer} />}
    </section>
  );
}

function Advised({ answer }: { answer: Answer }) {
  return (
    <section class="panel">
      <h2>{t("cause.advice")}</h2>
      <ul class="advice">
        {answer.advice.map((one) => (
          <li key={one.text}>
            {one.text}
            {one.command && (
              <span class="command">
                {one.command.startsWith("/") ? (
                  <a href={one.command}>{titleOf(one.command)}</a>
                ) : (
                  <>
                    <code>{one.command}</code>
                    <Copy text={one.command} label={t("cause.copy")} />
                  </>
                )}
              </span>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** `/evictions` -> what its page is called. */
function titleOf(path: string): string {
  return t(`${path.split(/[/?]/)[1]}.title` as Key);
}

function Groups({ answer }: { answer: Answer }) {
  return (
    <section class="panel">
      <h2>{t("cause.nodes")}</h2>
      <Table
        name="groups"
        caption={t("cause.nodes")}
        quiet
        columns={[
          [t("cause.count"), "number"],
          t("cause.reason"),
          t("cause.fit"),
          [t("cause.such"), "middle"],
        ]}
      >
        {answer.groups.map((one) => (
          <tr key={one.plugin + one.reason}>
            <td class="number">{count(one.count)}</td>
            <td>
              {said(one.reason)}
              <span class="note muted small">
                {one.plugin && `${one.plugin} · `}
                <Known basis={one.basis} />
              </span>
            </td>
            <td>{one.would_fit_if || t("none")}</td>
            <td class="middle mono small">
              {one.nodes.slice(0, 3).join(", ") || t("none")}
              {one.nodes.length > 0 && one.count > 3 && ", …"}
            </td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

function Lines({ answer }: { answer: Answer }) {
  return (
    <section class="panel">
      <h2>{t("cause.lines")}</h2>
      <ul class="lines">
        {answer.lines.map((one) => (
          <li key={one.text}>
            {withTimes(quoting(one.text))}{" "}
            <span class="muted small">
              <Known basis={one.basis} /> · {one.source}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Known({ basis }: { basis: Basis }) {
  return <em class={basis}>{t(basis === "observed" ? "cause.observed" : "cause.inferred")}</em>;
}
