/** The performance analyzer (R-156): figures, charts with forecast, changes by revision, anomalies, and what to do. */
import { data } from "@shell/api";
import { t, toSecond } from "@shell/i18n";
import { useLoad, usePolled } from "@shell/load";
import { Loading, Notice, TroubleNotice } from "@shell/parts";
import { go, place } from "@shell/router";
import { queryOf, RangeChoice, rangeOf, SchedulerChoice, type Stretch, stretchOf } from "@shell/stretch";
import { useEffect } from "preact/hooks";
import "./catalogue";
import { Charts } from "./charts";
import { csvOf, type Report, type SeriesAnswer, SPANS } from "./model";
import "./performance.css";
import { Advice, Figures } from "./head";
import { Full, KubeScheduler, Sources, Times } from "./tables";

const AGAIN_MS = 60_000;

const USUAL = "24h";

function chosenOf(query: URLSearchParams): Stretch {
  return stretchOf(query, SPANS, USUAL);
}

function choose(changed: Partial<Stretch>): void {
  const query = queryOf({ ...chosenOf(place.value.query), ...changed }, USUAL);
  go(`/performance${query.size ? `?${query}` : ""}`, true);
}

interface Both {
  report: Report;
  series: SeriesAnswer;
}

async function ask(chosen: Stretch, signal: AbortSignal): Promise<Both> {
  const query = new URLSearchParams();
  if (chosen.scheduler) query.set("scheduler", chosen.scheduler);
  const own = chosen.start !== "" || chosen.end !== "";
  // One moment for both, so that charts and findings are about the same steps.
  const range = own ? { start: chosen.start, end: chosen.end } : rangeOf(chosen.span);
  if (range.start) query.set("start", range.start);
  if (range.end) query.set("end", range.end);
  const [report, series] = await Promise.all([
    data<Report>(`/api/analysis?${query}`, signal),
    data<SeriesAnswer>(`/api/v1/performance/series?${query}`, signal),
  ]);
  return { report, series };
}

export function PerformancePage() {
  const chosen = chosenOf(place.value.query);
  const both = usePolled(JSON.stringify(chosen), (signal) => ask(chosen, signal), AGAIN_MS);

  useEffect(() => {
    document.title = `${t("performance.title")} · Trimtab`;
  });

  const value = both.value;
  return (
    <>
      <div class="title">
        <div>
          <h1>{t("performance.title")}</h1>
          <p class="muted">{t("performance.lead")}</p>
        </div>
        {value && <Downloads {...value} />}
      </div>
      <Choices chosen={chosen} />
      {both.trouble && <TroubleNotice trouble={both.trouble} retry={both.again} />}
      {value === undefined ? (
        !both.trouble && <Loading rows={12} />
      ) : (
        <div class="perf" aria-busy={both.busy}>
          <p class="muted small" role="status">
            {t("performance.about", {
              scheduler: value.report.scheduler || t("performance.all"),
              start: toSecond(value.report.time_range.start),
              end: toSecond(value.report.time_range.end),
              step: value.report.step_s / 60,
            })}
          </p>
          <Figures report={value.report} />
          {value.report.pods_scheduled === 0 && value.report.by_verb.length === 0 && (
            <Notice title={t("performance.empty.title")}>
              <p>{t("performance.empty.advice")}</p>
            </Notice>
          )}
          {isMeasured(value) && (
            <>
              <Advice recommendations={value.report.recommendations} />
              <Charts {...value} />
            </>
          )}
          <Full capacity={value.report.capacity} />
          <Times report={value.report} />
          <KubeScheduler told={value.report.kube_scheduler} />
          <Sources report={value.report} />
        </div>
      )}
    </>
  );
}

/** Is there anything to draw or to judge? */
function isMeasured({ series, report }: Both): boolean {
  const drawn = Object.values(series.series).some((values) =>
    values.some((value) => value !== null && value > 0),
  );
  return drawn || report.recommendations.length > 0;
}

interface Schedulers {
  schedulers: { name: string; attempts: number }[];
}

function Choices({ chosen }: { chosen: Stretch }) {
  const known = useLoad("performance schedulers", (signal) =>
    data<Schedulers>("/api/v1/performance/schedulers?start=30d", signal),
  ).value;
  const names = known?.schedulers.map((each) => each.name) ?? [];
  return (
    <search class="filters" aria-label={t("performance.choices")}>
      <div class="row">
        <SchedulerChoice stretch={chosen} choose={choose} names={names} any={t("performance.all")} />
        <RangeChoice stretch={chosen} choose={choose} spans={SPANS} />
      </div>
    </search>
  );
}

function Downloads({ report, series }: Both) {
  const json = `data:application/json;charset=utf-8,${encodeURIComponent(JSON.stringify(report, null, 2))}`;
  const csv = `data:text/csv;charset=utf-8,${encodeURIComponent(csvOf(series))}`;
  return (
    <p class="perf-downloads">
      <a href={json} download={`performance-${report.time_range.end}.json`}>
        {t("performance.download.json")}
      </a>
      <a href={csv} download={`performance-${report.time_range.end}.csv`}>
        {t("performance.download.csv")}
      </a>
    </p>
  );
}
