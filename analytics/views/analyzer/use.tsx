import { count, type Key, percent, t } from "@shell/i18n";
import { Notice } from "@shell/parts";
import { quantity } from "@shell/quantity";
import { Table } from "@shell/table";
import type { Amounts, NodeShare, Utilization } from "./model";

/** What the nodes offer, what is promised of it and what is used. */
export function Use({ use }: { use: Utilization }) {
  return (
    <section aria-labelledby="analyzer-use">
      <h2 id="analyzer-use">{t("analyzer.use")}</h2>
      {use.known ? (
        <>
          <p class="muted small">
            {t("analyzer.use.lead", {
              nodes: use.nodes.total,
              running: use.pods.running,
              pending: use.pods.pending,
            })}
          </p>
          <div class="analyzer-pair">
            <Resource name="cpu" amounts={use.cpu} />
            <Resource name="memory" amounts={use.memory} />
          </div>
          {use.nodes.total > 0 && (
            <div class="analyzer-pair">
              <Nodes caption="analyzer.fullest" nodes={use.nodes.fullest} />
              <Nodes caption="analyzer.emptiest" nodes={use.nodes.emptiest} />
            </div>
          )}
        </>
      ) : (
        <Notice title={t("analyzer.use.unknown")}>
          <p lang="en">{use.why_not}</p>
        </Notice>
      )}
    </section>
  );
}

function Resource({ name, amounts }: { name: "cpu" | "memory"; amounts: Amounts }) {
  const none = t("none");
  const used = amounts.utilization_ratio;
  return (
    <div class="analyzer-resource">
      <h3>{t(name === "cpu" ? "analyzer.cpu" : "analyzer.memory")}</h3>
      <Bar
        label={t("analyzer.requested")}
        ratio={amounts.requested_ratio}
        text={amounts.requested === null ? none : quantity(name, amounts.requested)}
      />
      <Bar
        label={t("analyzer.used")}
        ratio={used}
        text={amounts.used === null ? t("analyzer.unmeasured") : quantity(name, amounts.used)}
      />
      <p class="muted small">
        {t("analyzer.allocatable", {
          amount: amounts.allocatable === null ? none : quantity(name, amounts.allocatable),
        })}
      </p>
    </div>
  );
}

function Bar({ label, ratio, text }: { label: string; ratio: number | null; text: string }) {
  return (
    <p class="analyzer-measure">
      <span>{label}</span>
      <span class="analyzer-bar wide">
        <span style={{ width: `${100 * Math.min(1, ratio ?? 0)}%` }} aria-hidden="true" />
      </span>
      <span>
        {text}
        {ratio !== null && ` · ${percent(ratio)}`}
      </span>
    </p>
  );
}

function Nodes({ caption, nodes }: { caption: Key; nodes: NodeShare[] }) {
  const none = t("none");
  return (
    <Table
      caption={
        <>
          {t(caption)} <span class="badge">{count(nodes.length)}</span>
        </>
      }
      columns={[t("list.node"), [t("analyzer.cpu"), "number"], [t("analyzer.memory"), "number"]]}
    >
      {nodes.map((each) => (
        <tr key={each.node}>
          <th scope="row" class="mono">
            {each.node}
          </th>
          <td class="number">
            {each.cpu_requested_ratio === null ? none : percent(each.cpu_requested_ratio)}
          </td>
          <td class="number">
            {each.memory_requested_ratio === null ? none : percent(each.memory_requested_ratio)}
          </td>
        </tr>
      ))}
    </Table>
  );
}
