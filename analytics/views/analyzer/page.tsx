/** The scheduler analyzer: score, findings, and the four analyses with their details. */
import { data, send } from "@shell/api";
import { type Key, t, toSecond } from "@shell/i18n";
import { useLoad } from "@shell/load";
import { Icon, Loading, Notice, TroubleNotice } from "@shell/parts";
import { go, place } from "@shell/router";
import { queryOf, RangeChoice, rangeOf, SchedulerChoice, type Stretch, stretchOf } from "@shell/stretch";
import { useEffect, useRef } from "preact/hooks";
import "./analyzer.css";
import { Failed } from "./failures";
import { Findings, Head } from "./head";
import { Checks } from "./health";
import { type Report, SPANS, TYPES } from "./model";
import { Paths, Time } from "./time";
import { Use } from "./use";
import "./catalogue";

const WAIT_MS = 60_000;
const AGAIN_MS = 30_000;

const USUAL = "1h";

interface Chosen extends Stretch {
  type: string;
}

function chosenOf(query: URLSearchParams): Chosen {
  const type = query.get("type") ?? "";
  return {
    ...stretchOf(query, SPANS, USUAL),
    type: (TYPES as readonly string[]).includes(type) ? type : "performance",
  };
}

function choose(changed: Partial<Chosen>): void {
  const chosen = { ...chosenOf(place.value.query), ...changed };
  const query = queryOf(chosen, USUAL);
  if (chosen.type !== "performance") query.set("type", chosen.type);
  go(`/analyzer${query.size ? `?${query}` : ""}`, true);
}

async function run(chosen: Chosen, signal: AbortSignal): Promise<Report> {
  const own = chosen.start || chosen.end;
  const time_range = own
    ? { ...(chosen.start && { start: chosen.start }), ...(chosen.end && { end: chosen.end }) }
    : rangeOf(chosen.span);
  const body = { analysis_type: chosen.type, scheduler: chosen.scheduler, time_range };
  const answer = await send<{ data: Report }>("POST", "/api/analysis/run", {
    body: JSON.stringify(body),
    signal,
    waitMs: WAIT_MS,
  });
  return answer.data;
}

export function AnalyzerPage() {
  const chosen = chosenOf(place.value.query);
  const report = useLoad(JSON.stringify(chosen), (signal) => run(chosen, signal));

  useEffect(() => {
    document.title = `${t("analyzer.title")} · Trimtab`;
  });
  useFresh(report.again, chosen.end === "");

  const value = report.value;
  return (
    <>
      <div class="title">
        <div>
          <h1>{t("analyzer.title")}</h1>
          <p class="muted">{t("analyzer.lead")}</p>
        </div>
        <div class="analyzer-run">
          {value && <Download report={value} />}
          <button type="button" class="run" onClick={report.again} disabled={report.busy}>
            <Icon name="play" />
            {t(report.busy ? "analyzer.running" : "analyzer.run")}
          </button>
        </div>
      </div>
      <Choices chosen={chosen} />
      {report.trouble && <TroubleNotice trouble={report.trouble} retry={report.again} />}
      {value === undefined ? (
        !report.trouble && <Loading rows={12} />
      ) : (
        <div class="analyzer" aria-busy={report.busy}>
          <p class="muted small" role="status">
            {t("analyzer.about", {
              scheduler: value.scheduler,
              start: toSecond(value.performance.time_range.start),
              end: toSecond(value.performance.time_range.end),
            })}
          </p>
          <Head report={value} />
          {value.decision_paths.length === 0 && (
            <Notice title={t("analyzer.empty.title")}>
              <p>{t("analyzer.empty.advice")}</p>
            </Notice>
          )}
          <Findings findings={value.findings} />
          <Time report={value} />
          <Paths paths={value.decision_paths} />
          <Failed failures={value.failures} />
          <Use use={value.utilization} />
          <Checks health={value.health} />
        </div>
      )}
    </>
  );
}

/** Ask again now and then while somebody looks, where the range ends now. */
function useFresh(again: () => void, moving: boolean): void {
  const latest = useRef(again);
  latest.current = again;
  useEffect(() => {
    if (!moving) return;
    const timer = window.setInterval(() => document.hidden || latest.current(), AGAIN_MS);
    return () => window.clearInterval(timer);
  }, [moving]);
}

interface Schedulers {
  schedulers: { name: string; decisions: number }[];
}

function Choices({ chosen }: { chosen: Chosen }) {
  const known = useLoad("analyzer schedulers", (signal) =>
    data<Schedulers>("/api/v1/analysis/schedulers?start=7d", signal),
  ).value;
  const names = known?.schedulers.map((each) => each.name) ?? [];
  return (
    <search class="filters" aria-label={t("analyzer.choices")}>
      <div class="row">
        <SchedulerChoice stretch={chosen} choose={choose} names={names} any={t("analyzer.busiest")} />
        <label>
          <span>{t("analyzer.type")}</span>
          <select
            name="type"
            value={chosen.type}
            onChange={(event) => choose({ type: event.currentTarget.value })}
          >
            {TYPES.map((type) => (
              <option key={type} value={type}>
                {t(`analyzer.type.${type}` as Key)}
              </option>
            ))}
          </select>
        </label>
        <RangeChoice stretch={chosen} choose={choose} spans={SPANS} />
      </div>
    </search>
  );
}

function Download({ report }: { report: Report }) {
  const href = `data:application/json;charset=utf-8,${encodeURIComponent(JSON.stringify(report, null, 2))}`;
  return (
    <a href={href} download={`analysis-${report.scheduler}-${report.performance.time_range.end}.json`}>
      {t("analyzer.download")}
    </a>
  );
}
