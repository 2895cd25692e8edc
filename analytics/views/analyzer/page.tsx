/** The scheduler analyzer: score, findings, and the four analyses with their details. */
import { data, send } from "@shell/api";
import { type Key, moment, t } from "@shell/i18n";
import { useLoad } from "@shell/load";
import { Icon, Loading, Notice, TroubleNotice } from "@shell/parts";
import { go, place } from "@shell/router";
import { useEffect, useRef } from "preact/hooks";
import "./analyzer.css";
import { Failed } from "./failures";
import { Findings, Head } from "./head";
import { Checks } from "./health";
import { type Report, rangeOf, SPANS, TYPES } from "./model";
import { Paths, Time } from "./time";
import { Use } from "./use";
import "./catalogue";

const WAIT_MS = 60_000;
const AGAIN_MS = 30_000;

interface Chosen {
  scheduler: string;
  type: string;
  span: string;
  /** Both set: a range of one's own, instead of `span`. */
  start: string;
  end: string;
}

function chosenOf(query: URLSearchParams): Chosen {
  const type = query.get("type") ?? "";
  const span = query.get("range") ?? "";
  return {
    scheduler: query.get("scheduler") ?? "",
    type: (TYPES as readonly string[]).includes(type) ? type : "performance",
    span: (SPANS as readonly string[]).includes(span) ? span : "1h",
    start: query.get("start") ?? "",
    end: query.get("end") ?? "",
  };
}

function choose(changed: Partial<Chosen>): void {
  const chosen = { ...chosenOf(place.value.query), ...changed };
  const query = new URLSearchParams();
  if (chosen.scheduler) query.set("scheduler", chosen.scheduler);
  if (chosen.type !== "performance") query.set("type", chosen.type);
  if (chosen.start || chosen.end) {
    if (chosen.start) query.set("start", chosen.start);
    if (chosen.end) query.set("end", chosen.end);
  } else if (chosen.span !== "1h") query.set("range", chosen.span);
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
              start: moment(value.performance.time_range.start),
              end: moment(value.performance.time_range.end),
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
  const own = chosen.start !== "" || chosen.end !== "";
  return (
    <search class="filters" aria-label={t("analyzer.choices")}>
      <div class="row">
        <label>
          <span>{t("analyzer.scheduler")}</span>
          <select
            name="scheduler"
            value={chosen.scheduler}
            class={chosen.scheduler ? "set" : ""}
            onChange={(event) => choose({ scheduler: event.currentTarget.value })}
          >
            <option value="">{t("analyzer.busiest")}</option>
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
        <label>
          <span>{t("analyzer.range")}</span>
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
                {t(`analyzer.range.${span}` as Key)}
              </option>
            ))}
            <option value="own">{t("analyzer.range.own")}</option>
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
      <span>{t(name === "start" ? "analyzer.start" : "analyzer.end")}</span>
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

function Download({ report }: { report: Report }) {
  const href = `data:application/json;charset=utf-8,${encodeURIComponent(JSON.stringify(report, null, 2))}`;
  return (
    <a href={href} download={`analysis-${report.scheduler}-${report.performance.time_range.end}.json`}>
      {t("analyzer.download")}
    </a>
  );
}
