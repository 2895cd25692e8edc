import { count, duration, type Key, milliseconds, percent, t, withTimes } from "@shell/i18n";
import { Icon, Wide } from "@shell/parts";
import { Sentence } from "@shell/phrases";
import { type Column, Table } from "@shell/table";
import type { Capacity, Report, Took } from "./model";

/** What share of each resource is promised, and when all of it is. */
export function Full({ capacity }: { capacity: Capacity[] }) {
  if (capacity.length === 0) return null;
  const days = (value: number | null) =>
    value === null ? t("none") : t("performance.days", { n: Number(value.toPrecision(2)) });
  return (
    <section aria-labelledby="perf-full">
      <h2 id="perf-full">{t("performance.full")}</h2>
      <Table
        caption={t("performance.full")}
        quiet
        columns={[
          t("performance.resource"),
          [t("performance.promised"), "number"],
          [t("performance.full"), "number"],
          [t("performance.earliest"), "number"],
          [t("performance.error"), "number"],
        ]}
      >
        {capacity.map((each) => (
          <tr key={each.resource}>
            <th scope="row">{t(`performance.resource.${each.resource}` as Key)}</th>
            <td class="number">{percent(each.requested_ratio)}</td>
            <td class="number">
              {each.days_until_full === null && each.looked_ahead_days !== null
                ? t("performance.full.beyond", { n: each.looked_ahead_days })
                : days(each.days_until_full)}
            </td>
            <td class="number">{days(each.earliest_days)}</td>
            <td class="number">{each.error_ratio === null ? t("none") : percent(each.error_ratio)}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}

function Figures({ took }: { took: Took }) {
  return (
    <>
      <td class="number">{count(took.calls)}</td>
      <td class="number">{milliseconds(took.p50_ms)}</td>
      <td class="number">{milliseconds(took.p95_ms)}</td>
      <td class="number">{milliseconds(took.p99_ms)}</td>
      <td class="number">{percent(took.share)}</td>
    </>
  );
}

/** The columns of Figures. */
const figuresOf = (): Column[] =>
  [t("performance.calls"), "p50", "p95", "p99", t("performance.share")].map((word) => [word, "number"]);

/** Our time by verb and by plugin. */
export function Times({ report }: { report: Report }) {
  if (report.by_verb.length === 0) return null;
  return (
    <section aria-labelledby="perf-times">
      <h2 id="perf-times">{t("performance.times")}</h2>
      <div class="perf-pair">
        <Table caption={t("performance.verbs")} columns={[t("performance.phase"), ...figuresOf()]}>
          {report.by_verb.map((each) => (
            <tr key={each.phase}>
              <th scope="row">{t(`phase.${each.phase}` as Key)}</th>
              <Figures took={each} />
            </tr>
          ))}
        </Table>
        {report.by_plugin.length > 0 && (
          <Table
            caption={t("performance.plugins")}
            columns={[t("performance.plugin"), t("performance.phase"), ...figuresOf()]}
          >
            {report.by_plugin.map((each) => (
              <tr key={each.plugin + each.phase}>
                <th scope="row">{each.plugin}</th>
                <td>
                  {each.phase}
                  {each.faults > 0 && (
                    <span class="perf-mark warning"> {t("performance.faults", { n: each.faults })}</span>
                  )}
                </td>
                <Figures took={each} />
              </tr>
            ))}
          </Table>
        )}
      </div>
    </section>
  );
}

/** What kube-scheduler says of itself. */
export function KubeScheduler({ told }: { told: Report["kube_scheduler"] }) {
  if (!told.known) return null;
  const rows: [string, string][] = [
    ...(["attempt_ms", "pod_ms"] as const).map((name): [string, string] => [
      t(`performance.scheduler.${name}` as Key),
      (["p50", "p95", "p99"] as const)
        .map((q) => `${q} ${told[name][q] === null ? t("none") : duration(told[name][q] ?? 0)}`)
        .join(", "),
    ]),
    [t("performance.scheduler.queues"), countsTold(told.queues)],
    [t("performance.scheduler.attempts"), countsTold(told.attempts)],
  ];
  return (
    <section aria-labelledby="perf-scheduler">
      <h2 id="perf-scheduler">kube-scheduler</h2>
      <Wide>
        <table>
          <caption class="sr-only">kube-scheduler</caption>
          <tbody>
            {rows.map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td>{value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
      {told.extension_points.length > 0 && (
        <Table
          caption={t("performance.scheduler.points")}
          columns={[t("performance.phase"), [t("performance.total"), "number"], ["p99", "number"]]}
        >
          {told.extension_points.map((each) => (
            <tr key={each.name}>
              <th scope="row">{each.name}</th>
              <td class="number">{duration(each.total_ms)}</td>
              <td class="number">{each.p99_ms === null ? t("none") : duration(each.p99_ms)}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

function countsTold(counts: Record<string, number>): string {
  const told = Object.entries(counts).map(([name, n]) => `${name} ${count(n)}`);
  return told.join(", ") || t("none");
}

/** Where figures come from, and what is missing for the others. */
export function Sources({ report }: { report: Report }) {
  return (
    <section aria-labelledby="perf-sources">
      <h2 id="perf-sources">{t("performance.sources")}</h2>
      <ul class="perf-sources small">
        {report.sources.map((each) => (
          <li key={each.name}>
            <Icon name={each.ok ? "check" : "open"} />
            <span>
              <strong>{t(`performance.source.${each.name}` as Key)}</strong>:{" "}
              <Sentence said={each} part="detail" english={withTimes(each.detail)} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
