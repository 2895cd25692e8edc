/** One pod over all its attempts, until it is bound: what each waited for, and where the time went. */
import { data } from "@shell/api";
import { count, type Key, milliseconds, moment, seconds, t } from "@shell/i18n";
import { useLoad } from "@shell/load";
import { TroubleNotice, Verdict } from "@shell/parts";
import { said } from "@shell/phrases";
import { Table } from "@shell/table";
import { useEffect } from "preact/hooks";
import { comparePath } from "./compare";
import type { PodTrace, PodTry } from "./model";

const PARTS = ["queue", "own", "waited", "bind"] as const;

/** `version`: asked again when it changes. */
export function Trace({ namespace, name, version }: { namespace: string; name: string; version: string }) {
  const path = `/api/v1/pods/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/trace`;
  const loaded = useLoad(path, (signal) => data<PodTrace>(path, signal));
  useEffect(() => {
    if (loaded.value) loaded.again();
  }, [version]);
  if (loaded.trouble?.kind === "missing") return null;
  if (loaded.trouble && !loaded.value) return <TroubleNotice trouble={loaded.trouble} retry={loaded.again} />;
  return loaded.value ? <Told trace={loaded.value} /> : null;
}

function Told({ trace }: { trace: PodTrace }) {
  const spent = PARTS.map((part) => ({ part, ms: trace[`${part}_ms`] }));
  return (
    <section class="panel decisions-trace">
      <h2>{t("trace.title")}</h2>
      <p>
        {t(trace.state === "bound" ? "trace.said.bound" : "trace.said.open", {
          n: trace.tries.length + trace.earlier,
          time: seconds(trace.elapsed_ms ?? 0),
          node: trace.node,
        })}
      </p>
      <dl class="facts">
        <div>
          <dt>{t("trace.created")}</dt>
          <dd>
            {trace.created ? (
              <time dateTime={trace.created}>{moment(trace.created)}</time>
            ) : (
              <span class="muted">{t("trace.created.unknown")}</span>
            )}
          </dd>
        </div>
        {spent.map(({ part, ms }) => (
          <div key={part}>
            <dt>{t(`trace.${part}`)}</dt>
            <dd>{seconds(ms)}</dd>
          </div>
        ))}
      </dl>
      <Table
        caption={t("trace.title")}
        quiet
        columns={[
          [t("one.attempt"), "number"],
          [t("trace.before"), "number"],
          t("list.verdict"),
          [t("trace.why"), "middle"],
          [t("trace.own"), "number middle"],
          [t("trace.bind"), "number middle"],
          t("trace.new"),
        ]}
      >
        {trace.tries.map((one, at) => (
          <TryRow key={one.id} one={one} before={trace.tries[at - 1]} />
        ))}
      </Table>
      {trace.earlier > 0 && <p class="aside">{t("trace.earlier", { n: trace.earlier })}</p>}
      {trace.others.length > 0 && <p class="aside">{t("trace.others", { n: trace.others.length })}</p>}
    </section>
  );
}

function TryRow({ one, before }: { one: PodTry; before: PodTry | undefined }) {
  const why = one.obstacle
    ? t("trace.obstacle", {
        n: one.obstacle.nodes,
        reason: said(one.obstacle.reason),
        plugin: one.obstacle.plugin,
      })
    : said(one.message);
  return (
    <tr>
      <td class="number">
        <a href={`/decisions/${encodeURIComponent(one.id)}`}>{count(one.attempt)}</a>
      </td>
      <td class="number">{one.queue_ms === null ? t("none") : seconds(one.queue_ms)}</td>
      <td>
        <Verdict outcome={one.outcome} />
        {one.node && <span class="note muted small mono">{one.node}</span>}
        <span class="narrow muted small">{why}</span>
      </td>
      <td class="middle">{why || t("none")}</td>
      <td class="number middle">{milliseconds(one.own_ms)}</td>
      <td class="number middle">{one.bind_ms ? milliseconds(one.bind_ms) : t("none")}</td>
      <td>
        {one.changes.map((change) => t(`trace.new.${change}` as Key)).join(", ")}{" "}
        {before && (
          <a class="small" href={comparePath(before.id, one.id)}>
            {t("trace.compare")}
          </a>
        )}
      </td>
    </tr>
  );
}
