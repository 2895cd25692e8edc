/** A line chart of our own: lines with gaps, a forecast with its bounds, marks for what is out of the ordinary, and
 * vertical lines where a level changed. What it shows is also there as a table. */
import { count, type Key, t, toSecond } from "@shell/i18n";
import { Wide } from "@shell/parts";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Anomaly, Change, ForecastPoint } from "./model";

export interface Line {
  name: string;
  label: string;
  values: (number | null)[];
}

interface ChartProps {
  title: string;
  times: number[];
  stepMs: number;
  lines: Line[];
  say: (value: number) => string;
  /** On the scale, where there is little room; as elsewhere if not given. */
  tick?: (value: number) => string;
  forecast?: ForecastPoint[];
  anomalies?: Anomaly[];
  changes?: Change[];
  revisions?: { at: number; revision: string }[];
  most?: number;
}

const HEIGHT = 210;
const LEFT = 58;
const RIGHT = 10;
const TOP = 22;
const BOTTOM = 24;
const ROWS_MAX = 120;

/** Numbers at which the scale is labelled: 1, 2 or 5 times a power of ten apart, from 0. */
export function ticks(most: number, wanted = 4): number[] {
  if (!(most > 0)) return [0];
  const rough = most / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5, 10].find((times) => times * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.floor(most / step + 1e-9) + 1 }, (_, at) => at * step);
}

/** A path with a new beginning behind each gap; a point that stands alone is a dash of its own. */
export function pathOf(values: (number | null)[], x: (at: number) => number, y: (value: number) => number) {
  let path = "";
  values.forEach((value, at) => {
    if (value === null) return;
    const before = at > 0 ? (values[at - 1] ?? null) : null;
    const point = `${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
    path += before === null ? `M${point}` : `L${point}`;
    if (before === null && (values[at + 1] ?? null) === null) path += "h1";
  });
  return path;
}

export function Chart(props: ChartProps) {
  const { title, times, lines, say, stepMs } = props;
  const forecast = props.forecast ?? [];
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [at, setAt] = useState<number>();
  const id = useId();

  const first = times[0] ?? 0;
  const last = times.at(-1) ?? 0;
  const end = Math.max(last, ...forecast.map((point) => Date.parse(point.time)), first + stepMs);
  const measured = lines.flatMap((line) => line.values.filter((value) => value !== null));
  // A bound that is far off must not flatten what was measured.
  const seen = measured.reduce((most, value) => Math.max(most, value), 0);
  const foretold = forecast.reduce((most, point) => Math.max(most, point.high), 0);
  const highest = Math.max(seen, Math.min(foretold, 3 * seen || foretold), 1e-9);
  const most = Math.min(props.most ?? Number.POSITIVE_INFINITY, highest * 1.08);
  const xOf = (ms: number) => LEFT + ((ms - first) / (end - first)) * (width - LEFT - RIGHT);
  const x = (place: number) => xOf(times[place] ?? first);
  const y = (value: number) => HEIGHT - BOTTOM - (Math.min(value, most) / most) * (HEIGHT - TOP - BOTTOM);

  const nearest = (clientX: number) => {
    const left = box.current?.getBoundingClientRect().left ?? 0;
    const ms = first + ((clientX - left - LEFT) / (width - LEFT - RIGHT)) * (end - first);
    setAt(Math.max(0, Math.min(times.length - 1, Math.round((ms - first) / stepMs))));
  };
  const told = at === undefined ? "" : readout(props, at);

  return (
    <figure class="perf-chart" aria-labelledby={id}>
      <figcaption>
        <h3 id={id}>{title}</h3>
        <ul class="perf-legend">
          {lines.map((line, place) => (
            <li key={line.name}>
              <svg viewBox="0 0 24 8" aria-hidden="true">
                <path d="M1 4H23" class={`line n${place}`} />
              </svg>
              {line.label}
            </li>
          ))}
          {forecast.length > 0 && (
            <li>
              <svg viewBox="0 0 24 8" aria-hidden="true">
                <rect width="24" height="8" class="band" />
              </svg>
              {t("performance.forecast")}
            </li>
          )}
        </ul>
      </figcaption>
      <div
        class="perf-plot"
        ref={box}
        onPointerMove={(event) => nearest(event.clientX)}
        onPointerLeave={() => setAt(undefined)}
      >
        {measured.length === 0 ? (
          <p class="muted perf-none">{t("performance.chart.none")}</p>
        ) : (
          <svg viewBox={`0 0 ${width} ${HEIGHT}`} height={HEIGHT} role="img" aria-label={summary(props)}>
            {ticks(most).map((value) => (
              <g key={value} class="grid">
                <path d={`M${LEFT} ${y(value)}H${width - RIGHT}`} />
                <text x={LEFT - 6} y={y(value)} text-anchor="end" dominant-baseline="central">
                  {(props.tick ?? say)(value)}
                </text>
              </g>
            ))}
            <Hours first={first} end={end} x={xOf} width={width} />
            {forecast.length > 0 && <Band points={forecast} x={xOf} y={y} />}
            {lines.map((line, place) => (
              <path key={line.name} d={pathOf(line.values, x, y)} class={`line n${place}`} />
            ))}
            {(props.revisions ?? []).map((each) => (
              <path
                key={`${each.at}${each.revision}`}
                class="revision"
                d={`M${xOf(each.at)} ${HEIGHT - BOTTOM}v5`}
              >
                <title>{t("performance.revision", { revision: each.revision })}</title>
              </path>
            ))}
            <Changes changes={props.changes ?? []} x={xOf} width={width} say={say} />
            {(props.anomalies ?? []).map((each) => (
              <circle
                key={each.time + each.metric}
                class={`anomaly ${each.severity}`}
                cx={xOf(Date.parse(each.time))}
                cy={y(each.value)}
                r={each.severity === "critical" ? 5 : 4}
              >
                <title>{anomalySaid(each, say)}</title>
              </circle>
            ))}
            {at !== undefined && <path class="cursor" d={`M${x(at)} ${TOP}V${HEIGHT - BOTTOM}`} />}
          </svg>
        )}
      </div>
      {measured.length > 0 && (
        <input
          class="perf-cursor"
          type="range"
          min={0}
          max={times.length - 1}
          value={at ?? times.length - 1}
          aria-label={t("performance.chart.cursor", { title })}
          aria-valuetext={readout(props, at ?? times.length - 1)}
          onInput={(event) => setAt(Number(event.currentTarget.value))}
          onBlur={() => setAt(undefined)}
        />
      )}
      <p class="small muted perf-read">{told}</p>
      {(props.changes ?? []).length > 0 && (
        <ul class="perf-changes small">
          {(props.changes ?? []).map((each) => (
            <li key={each.time + each.metric} class={each.worse ? "worse" : ""}>
              {toSecond(each.time)}: {changeSaid(each, say)}
            </li>
          ))}
        </ul>
      )}
      {measured.length > 0 && <Table {...props} />}
    </figure>
  );
}

function useWidth(box: { current: HTMLDivElement | null }): number {
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const watch = new ResizeObserver(() => setWidth(Math.max(240, element.clientWidth)));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  return width;
}

function readout({ times, lines, say }: ChartProps, at: number): string {
  const time = times[at];
  if (time === undefined) return "";
  const told = lines.map((line) => {
    const value = line.values[at] ?? null;
    return `${line.label} ${value === null ? t("none") : say(value)}`;
  });
  return `${toSecond(new Date(time).toISOString())} · ${told.join(" · ")}`;
}

function summary({ title, lines, say, anomalies = [], changes = [] }: ChartProps): string {
  const told = lines.map((line) => {
    const newest = line.values.findLast((value) => value !== null) ?? null;
    return newest === null ? "" : t("performance.chart.line", { line: line.label, newest: say(newest) });
  });
  const marks = t("performance.chart.marks", { anomalies: anomalies.length, changes: changes.length });
  return `${title}. ${told.filter(Boolean).join("; ")}. ${marks}`;
}

export function anomalySaid(each: Anomaly, say: (value: number) => string): string {
  return t("performance.anomaly.said", {
    time: toSecond(each.time),
    value: say(each.value),
    expected: say(each.expected),
  });
}

/** As `sentence`, in the language of the page. */
export function changeSaid(each: Change, say: (value: number) => string): string {
  const { change_ratio: share, revision } = each;
  const by =
    share === null || Math.abs(share) >= 10
      ? t("performance.change.fromto", { before: say(each.before), after: say(each.after) })
      : `${share < 0 ? "−" : "+"}${Math.round(100 * Math.abs(share))} %`;
  const words = { what: t(`performance.short.${each.metric}` as Key), by, revision: revision ?? "" };
  if (revision === null) return t("performance.change.alone", words);
  return t(each.tied ? "performance.change.tied" : "performance.change.later", words);
}

interface Scale {
  x: (ms: number) => number;
}

function Hours({ first, end, x, width }: Scale & { first: number; end: number; width: number }) {
  const room = Math.floor((width - LEFT - RIGHT) / 110);
  const parts = Math.max(1, Math.min(6, room, Math.floor((end - first) / 60_000)));
  const places = Array.from({ length: parts + 1 }, (_, at) => first + ((end - first) * at) / parts);
  const long = end - first > 36 * 3_600_000;
  return (
    <g class="grid">
      {places.map((ms, at) => (
        <text
          key={ms}
          x={x(ms)}
          y={HEIGHT - 6}
          text-anchor={at === 0 ? "start" : at === parts ? "end" : "middle"}
        >
          {hour(ms, long)}
        </text>
      ))}
    </g>
  );
}

function hour(ms: number, long: boolean): string {
  const format: Intl.DateTimeFormatOptions = long
    ? { month: "short", day: "numeric", hour: "2-digit", hourCycle: "h23" }
    : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  return new Intl.DateTimeFormat(document.documentElement.lang || "en", format).format(new Date(ms));
}

function Band({ points, x, y }: Scale & { points: ForecastPoint[]; y: (value: number) => number }) {
  const at = (point: ForecastPoint) => x(Date.parse(point.time)).toFixed(1);
  const high = points.map((point) => `${at(point)} ${y(point.high).toFixed(1)}`);
  const low = points.map((point) => `${at(point)} ${y(point.low).toFixed(1)}`).reverse();
  const middle = points.map((point) => `${at(point)} ${y(point.value).toFixed(1)}`);
  return (
    <g>
      <path class="band" d={`M${[...high, ...low].join("L")}Z`} />
      <path class="foretold" d={`M${middle.join("L")}`} />
    </g>
  );
}

function Changes({
  changes,
  x,
  width,
  say,
}: Scale & { changes: Change[]; width: number; say: (value: number) => string }) {
  return (
    <g>
      {changes.map((each) => {
        const place = x(Date.parse(each.time));
        const near = place > width - 90;
        return (
          <g key={each.time + each.metric} class={each.worse ? "change worse" : "change"}>
            <path d={`M${place} ${TOP - 8}V${HEIGHT - BOTTOM}`} />
            <text x={place + (near ? -4 : 4)} y={TOP - 10} text-anchor={near ? "end" : "start"}>
              {each.tied && each.revision
                ? t("performance.revision", { revision: each.revision })
                : t("performance.change")}
            </text>
            <title>{changeSaid(each, say)}</title>
          </g>
        );
      })}
    </g>
  );
}

/** The same for whoever does not see the picture; of many steps every so many. */
function Table({ title, times, lines, say }: ChartProps) {
  const [open, setOpen] = useState(false);
  const every = Math.max(1, Math.ceil(times.length / ROWS_MAX));
  const places = times.map((_, at) => at).filter((at) => at % every === 0);
  return (
    <details class="perf-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {t("performance.chart.table")}
        <span class="sr-only">: {title}</span>
      </summary>
      {open && (
        <Wide>
          <table>
            <caption class="sr-only">{title}</caption>
            <thead>
              <tr>
                <th scope="col">{t("performance.time")}</th>
                {lines.map((line) => (
                  <th key={line.name} scope="col" class="number">
                    {line.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {places.map((at) => (
                <tr key={at}>
                  <th scope="row">{toSecond(new Date(times[at] ?? 0).toISOString())}</th>
                  {lines.map((line) => {
                    const value = line.values[at] ?? null;
                    return (
                      <td key={line.name} class="number">
                        {value === null ? t("none") : say(value)}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
          {every > 1 && <p class="muted small">{t("performance.chart.every", { n: count(every) })}</p>}
        </Wide>
      )}
    </details>
  );
}
