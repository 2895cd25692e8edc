import { count, duration, type Key, milliseconds, percent, t } from "@shell/i18n";
import { Verdict } from "@shell/parts";
import { Table } from "@shell/table";
import type { Path, Report } from "./model";

/** Where the time of a pod goes, and where ours goes. */
export function Time({ report }: { report: Report }) {
  const { bottlenecks, phases, plugins } = report;
  if (phases.length === 0) return null;
  return (
    <section aria-labelledby="analyzer-time">
      <h2 id="analyzer-time">{t("analyzer.time")}</h2>
      {bottlenecks.length > 0 && (
        <>
          <p class="muted small">{t("analyzer.time.lead")}</p>
          <div class="analyzer-stack" aria-hidden="true">
            {bottlenecks.map((each) => (
              <span key={each.part} class={`part-${each.part}`} style={{ flexGrow: each.share }} />
            ))}
          </div>
          <ul class="analyzer-legend">
            {bottlenecks.map((each) => (
              <li key={each.part}>
                <span class={`swatch part-${each.part}`} aria-hidden="true" />
                <strong>{t(`analyzer.where.${each.part}` as Key)}</strong> {duration(each.average_ms)} ·{" "}
                {percent(each.share)}
              </li>
            ))}
          </ul>
        </>
      )}
      <div class="analyzer-pair">
        <Table
          caption={t("analyzer.phases")}
          columns={[
            t("analyzer.phase"),
            [t("analyzer.calls"), "number"],
            ["p50", "number"],
            ["p95", "number"],
            ["p99", "number"],
          ]}
        >
          {phases.map((each) => (
            <tr key={each.phase}>
              <th scope="row">{t(`phase.${each.phase}` as Key)}</th>
              <td class="number">{count(each.calls)}</td>
              <td class="number">{milliseconds(each.p50_ms)}</td>
              <td class="number">{milliseconds(each.p95_ms)}</td>
              <td class="number">{milliseconds(each.p99_ms)}</td>
            </tr>
          ))}
        </Table>
        {plugins.length > 0 && (
          <Table
            caption={t("analyzer.plugins")}
            columns={[
              t("analyzer.plugin"),
              t("analyzer.phase"),
              [t("analyzer.total"), "number"],
              ["p95", "number"],
              [t("analyzer.errors"), "number"],
            ]}
          >
            {plugins.map((each) => (
              <tr key={each.plugin + each.phase}>
                <th scope="row">{each.plugin}</th>
                <td>{each.phase}</td>
                <td class="number">{duration(each.total_ms)}</td>
                <td class="number">{milliseconds(each.p95_ms)}</td>
                <td class="number">{count(each.errors)}</td>
              </tr>
            ))}
          </Table>
        )}
      </div>
    </section>
  );
}

/** Which ways decisions take; the length of the list is shown. */
export function Paths({ paths }: { paths: Path[] }) {
  if (paths.length === 0) return null;
  return (
    <section aria-labelledby="analyzer-paths">
      <h2 id="analyzer-paths">
        {t("analyzer.paths")} <span class="badge">{count(paths.length)}</span>
      </h2>
      <Table
        caption={t("analyzer.paths")}
        quiet
        columns={[
          t("analyzer.path"),
          t("analyzer.outcome"),
          [t("analyzer.count"), "number"],
          t("analyzer.share"),
          [t("analyzer.own"), "number"],
        ]}
      >
        {paths.map((each) => (
          <tr key={each.path.join(">") + each.outcome}>
            <th scope="row" class="analyzer-path">
              {each.path.map((phase) => (
                <span key={phase}>{t(`phase.${phase}` as Key)}</span>
              ))}
            </th>
            <td>
              <a href={`/decisions?outcome=${each.outcome}`}>
                <Verdict outcome={each.outcome} />
              </a>
            </td>
            <td class="number">{count(each.count)}</td>
            <td>
              <span class="analyzer-bar">
                <span style={{ width: `${100 * each.share}%` }} aria-hidden="true" />
              </span>{" "}
              {percent(each.share)}
            </td>
            <td class="number">{duration(each.average_latency_ms)}</td>
          </tr>
        ))}
      </Table>
    </section>
  );
}
