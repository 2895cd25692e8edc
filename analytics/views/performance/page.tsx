/** The performance analyzer (R-156): figures, charts with forecast, changes by revision, anomalies, and what to do. */
import { data } from "@shell/api";
import { type Key, moment, t } from "@shell/i18n";
import { useLoad, usePolled } from "@shell/load";
import { Loading, Notice, TroubleNotice } from "@shell/parts";
import { go, place } from "@shell/router";
import { useEffect } from "preact/hooks";
import "./catalogue";
import { Charts } from "./charts";
import { csvOf, type Report, rangeOf, type SeriesAnswer, SPANS } from "./model";
import "./performance.css";
import { Advice, Figures } from "./head";
import { Full, KubeScheduler, Sources, Times } from "./tables";

const AGAIN_MS = 60_000;

interface Chosen {
  scheduler: string;
  span: string;
  /** Both set: a range of one's own, instead of `span`. */
  start: string;
  end: string;
}

function chosenOf(query: URLSearchParams): Chosen {
  const span = query.get("range") ?? "";
  return {
    scheduler: query.get("scheduler") ?? "",
    span: (SPANS as readonly string[]).includes(span) ? span : "24h",
    start: query.get("start") ?? "",
    end: query.get("end") ?? "",
  };
}

function choose(changed: Partial<Chosen>): void {
  const chosen = { ...chosenOf(place.value.query), ...changed };
  const query = new URLSearchParams();
  if (chosen.scheduler) query.set("scheduler", chosen.scheduler);
  if (chosen.start || chosen.end) {
    if (chosen.start) query.set("start", chosen.start);
    if (chosen.end) query.set("end", chosen.end);
  } else if (chosen.span !== "24h") query.set("range", chosen.span);
  go(`/performance${query.size ? `?${query}` : ""}`, true);
}

interface Both {
  report: Report;
  series: SeriesAnswer;
}

async function ask(chosen: Chosen, signal: AbortSignal): Promise<Both> {
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
              start: moment(value.report.time_range.start).slice(0, -4),
              end: moment(value.report.time_range.end).slice(0, -4),
              step: value.report.step_s / 60,
            })}
          </p>
          <Figures report={value.report} />
          {value.report.pods_scheduled === 0 && value.report.by_verb.length === 0 && (
            <Notice title={t("performance.empty.title")}>
              <p>{t("performance.empty.advice")}</p>
            </Notice>
          )}
          <Advice recommendations={value.report.recommendations} />
          <Charts {...value} />
          <Full capacity={value.report.capacity} />
          <Times report={value.report} />
          <KubeScheduler told={value.report.kube_scheduler} />
          <Sources report={value.report} />
        </div>
      )}
    </>
  );
}

interface Schedulers {
  schedulers: { name: string; attempts: number }[];
}

function Choices({ chosen }: { chosen: Chosen }) {
  const known = useLoad("performance schedulers", (signal) =>
    data<Schedulers>("/api/v1/performance/schedulers?start=30d", signal),
  ).value;
  const names = known?.schedulers.map((each) => each.name) ?? [];
  const own = chosen.start !== "" || chosen.end !== "";
  return (
    <search class="filters" aria-label={t("performance.choices")}>
      <div class="row">
        <label>
          <span>{t("performance.scheduler")}</span>
          <select
            name="scheduler"
            value={chosen.scheduler}
            class={chosen.scheduler ? "set" : ""}
            onChange={(event) => choose({ scheduler: event.currentTarget.value })}
          >
            <option value="">{t("performance.all")}</option>
            {names.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
            {chosen.scheduler && !names.includes(chosen.scheduler) && (
              <option value={chosen.scheduler}>{chosen.scheduler}</option>
            )}
          </select>
        </label>
        <label>
          <span>{t("performance.range")}</span>
          <select
            name="range"
            value={own ? "own" : chosen.span}
            onChange={(event) => {
              const span = event.currentTarget.value;
              if (span === "own") choose(rangeOf(chosen.span));
              else choose({ span, start: "", end: "" });
            }}
          >
            {SPANS.map((span) => (
              <option key={span} value={span}>
                {t(`performance.range.${span}` as Key)}
              </option>
            ))}
            <option value="own">{t("performance.range.own")}</option>
          </select>
        </label>
        {own && (
          <>
            <Moment name="start" value={chosen.start} />
            <Moment name="end" value={chosen.end} />
          </>
        )}
      </div>
    </search>
  );
}

/** One end of a range of one's own; the address holds it in UTC. */
function Moment({ name, value }: { name: "start" | "end"; value: string }) {
  const at = value ? new Date(value) : undefined;
  const local =
    at && !Number.isNaN(at.getTime())
      ? new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
      : "";
  return (
    <label>
      <span>{t(name === "start" ? "performance.start" : "performance.end")}</span>
      <input
        type="datetime-local"
        name={name}
        value={local}
        onChange={(event) => {
          const read = new Date(event.currentTarget.value);
          if (!Number.isNaN(read.getTime())) choose({ [name]: read.toISOString() });
        }}
      />
    </label>
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
