/** The heatmap: every node as a cell, what it means beside it, and what is stranded below. */
import { data } from "@shell/api";
import { count, type Key, moment, percent, t } from "@shell/i18n";
import { usePolled } from "@shell/load";
import { Loading, Notice, TroubleNotice, Wide } from "@shell/parts";
import { go, place } from "@shell/router";
import { dark } from "@shell/theme";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { draw, type Layout, layoutOf, type Nodes, nodeAt, step } from "./canvas";
import "./heatmap.css";
import { Fragmentation } from "./fragmentation";
import { NodePanel } from "./node";
import "./catalogue";

const POLL_MS = 5000;
const HISTORY_MS = 60_000;
const ROWS = 100;
/** User timing of the last drawing. */
const DRAWN = "heatmap.draw";
export const VALUES = [
  "cpu_allocated",
  "memory_allocated",
  "cpu_used",
  "memory_used",
  "cpu_efficiency",
  "memory_efficiency",
  "pods",
  "stranded",
  "rejections",
] as const;
type Value = (typeof VALUES)[number];

interface Spread {
  min: number;
  p50: number;
  p95: number;
  max: number;
  stddev: number;
}

interface Heat {
  time: string;
  live: boolean;
  cluster: {
    status: "healthy" | "degraded" | "unhealthy";
    nodes: number;
    ready_nodes: number;
    cpu_utilization_ratio: number | null;
    memory_utilization_ratio: number | null;
  };
  nodes: Nodes;
  distribution: Record<string, Spread | null>;
  labels: string[];
}

export function HeatmapPage() {
  const query = place.value.query;
  const value = VALUES.find((one) => one === query.get("value")) ?? "cpu_allocated";
  const group = query.get("group") ?? "zone";
  const at = query.get("at") ?? "";
  const path = `/api/v1/heatmap?group=${encodeURIComponent(group)}${at && `&at=${encodeURIComponent(at)}`}`;
  const heat = usePolled(path, (signal) => data<Heat>(path, signal), at ? HISTORY_MS : POLL_MS);
  const shown = heat.value;

  useEffect(() => {
    document.title = `${t("heatmap.title")} · Trimtab`;
  });

  return (
    <>
      <div class="title">
        <div>
          <h1>{t("heatmap.title")}</h1>
          <p class="muted">{t("heatmap.lead")}</p>
        </div>
      </div>
      {shown === undefined ? (
        heat.trouble ? (
          heat.trouble.kind === "missing" ? (
            <Notice title={t("heatmap.nowhere")}>
              <p>{heat.trouble.message}</p>
            </Notice>
          ) : (
            <TroubleNotice trouble={heat.trouble} retry={heat.again} />
          )
        ) : (
          <Loading />
        )
      ) : shown.nodes.name.length === 0 ? (
        <Notice title={t("heatmap.empty.title")}>
          <p>{t("heatmap.empty.advice")}</p>
        </Notice>
      ) : (
        <>
          <Figures heat={shown} value={value} />
          <Choices heat={shown} value={value} group={group} />
          <NodeMap heat={shown} value={value} at={at} />
          <div class="heat-more">
            <Fragmentation />
            <Table nodes={shown.nodes} value={value} />
          </div>
        </>
      )}
    </>
  );
}

function choose(name: string, chosen: string): void {
  const query = new URLSearchParams(place.value.query);
  if (chosen) query.set(name, chosen);
  else query.delete(name);
  go(query.size ? `/heatmap?${query}` : "/heatmap", true);
}

export function share(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : percent(value);
}

function Figures({ heat, value }: { heat: Heat; value: Value }) {
  const { cluster } = heat;
  const spread = heat.distribution[value];
  return (
    <section class="figures" aria-label={t("heatmap.figures")}>
      <Figure
        label={t("heatmap.nodes")}
        value={t("heatmap.ready", { ready: count(cluster.ready_nodes), nodes: count(cluster.nodes) })}
        note={t(`heatmap.status.${cluster.status}` as Key)}
      />
      <Figure
        label={t("heatmap.value.cpu_used")}
        value={share(cluster.cpu_utilization_ratio)}
        note={t("heatmap.mean")}
      />
      <Figure
        label={t("heatmap.value.memory_used")}
        value={share(cluster.memory_utilization_ratio)}
        note={t("heatmap.mean")}
      />
      {spread && (
        <Figure
          label={t(`heatmap.value.${value}` as Key)}
          value={`${share(spread.p50)} · ${share(spread.p95)}`}
          note={t("heatmap.spread", {
            min: share(spread.min),
            max: share(spread.max),
            deviation: share(spread.stddev),
          })}
        />
      )}
    </section>
  );
}

function Figure({ label, value, note }: { label: string; value: string; note: string }) {
  return (
    <div class="figure words">
      <span class="label">{label}</span>
      <span class="value">{value}</span>
      <span class="note">{note}</span>
    </div>
  );
}

function Choices({ heat, value, group }: { heat: Heat; value: Value; group: string }) {
  return (
    <search class="filters" aria-label={t("filter.label")}>
      <div class="row">
        <label>
          <span>{t("heatmap.shown")}</span>
          <select name="value" value={value} onChange={(event) => choose("value", event.currentTarget.value)}>
            {VALUES.map((one) => (
              <option key={one} value={one}>
                {t(`heatmap.value.${one}` as Key)}
              </option>
            ))}
          </select>
        </label>
        <label>
          <span>{t("heatmap.grouped")}</span>
          <select value={group} onChange={(event) => choose("group", event.currentTarget.value)}>
            {["zone", "pool", "none"].map((one) => (
              <option key={one} value={one}>
                {t(`heatmap.group.${one}` as Key)}
              </option>
            ))}
            {heat.labels.map((label) => (
              <option key={label} value={`label:${label}`}>
                {label}
              </option>
            ))}
          </select>
        </label>
      </div>
    </search>
  );
}

/** Of each node, 0 to 1; rejections are measured by the node that has most of them. */
function sharesOf(nodes: Nodes, value: Value): (number | null)[] {
  if (value !== "rejections") return nodes[value] as (number | null)[];
  const most = Math.max(1, ...nodes.rejections);
  return nodes.rejections.map((times) => times / most);
}

function said(nodes: Nodes, node: number, value: Value): string {
  if (node < 0) return t("heatmap.none");
  const amount =
    value === "rejections"
      ? count(nodes.rejections[node] ?? 0)
      : share((nodes[value] as (number | null)[])[node]);
  const notes = [
    nodes.ready[node] ? "" : t("heatmap.key.down"),
    nodes.schedulable[node] ? "" : t("heatmap.key.cordoned"),
    nodes.stale[node] ? t("heatmap.key.stale") : "",
  ].filter(Boolean);
  const group = nodes.group[node];
  return `${nodes.name[node]}${group ? ` (${group})` : ""}: ${[amount, ...notes].join(", ")}`;
}

function NodeMap({ heat, value, at }: { heat: Heat; value: Value; at: string }) {
  const { nodes } = heat;
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [zoom, setZoom] = useState(1);
  const [name, setName] = useState("");
  const chosen = nodes.name.indexOf(name);
  const isDark = dark.value;
  const shares = useMemo(() => sharesOf(nodes, value), [nodes, value]);
  const layout = useMemo<Layout | undefined>(
    () => (width ? layoutOf(nodes, width, zoom) : undefined),
    [nodes, width, zoom],
  );

  // Before the first paint: keys that come at once find the cells laid out.
  useLayoutEffect(() => {
    if (!box.current) return;
    setWidth(Math.floor(box.current.clientWidth));
    const watch = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);

  useEffect(() => {
    if (!canvas.current || !layout) return;
    const start = performance.now();
    draw(canvas.current, layout, nodes, shares, chosen, isDark);
    performance.clearMeasures(DRAWN);
    performance.measure(DRAWN, { start });
  }, [layout, shares, chosen, isDark]);

  const pick = (event: MouseEvent) => {
    if (!layout || !canvas.current) return;
    const place = canvas.current.getBoundingClientRect();
    const node = nodeAt(layout, event.clientX - place.left, event.clientY - place.top);
    if (node >= 0) setName(nodes.name[node] ?? "");
  };
  const move = (event: KeyboardEvent) => {
    if (!layout || !/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key)) return;
    event.preventDefault();
    setName(nodes.name[step(layout, chosen, event.key)] ?? "");
  };
  return (
    <div class="heat">
      <section class="card" aria-labelledby="heat-title">
        <h2 id="heat-title" class="sr-only">
          {t("heatmap.map")}
        </h2>
        <div class="tools">
          <button
            type="button"
            class="square"
            onClick={() => setZoom(Math.max(0.5, zoom / 1.4))}
            aria-label={t("heatmap.smaller")}
          >
            −
          </button>
          <button
            type="button"
            class="square"
            onClick={() => setZoom(Math.min(4, zoom * 1.4))}
            aria-label={t("heatmap.larger")}
          >
            +
          </button>
        </div>
        <div
          ref={box}
          class="cells"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: the arrow keys move a cursor over the cells
          tabIndex={0}
          role="application"
          aria-label={t("heatmap.canvas", {
            value: t(`heatmap.value.${value}` as Key),
            nodes: count(nodes.name.length),
          })}
          aria-describedby="heat-said"
          onMouseMove={pick}
          onKeyDown={move}
        >
          <canvas ref={canvas} />
        </div>
        <p id="heat-said" class="small strong" aria-live="polite">
          {said(nodes, chosen, value)}
        </p>
        <Legend value={value} most={Math.max(0, ...nodes.rejections)} />
        <Time heat={heat} at={at} />
      </section>
      <NodePanel name={name} live={heat.live} />
    </div>
  );
}

function Legend({ value, most }: { value: Value; most: number }) {
  return (
    <div class="legend">
      <span class="scale">
        {value === "rejections" ? count(0) : percent(0)}
        <span class="gradient" />
        {value === "rejections" ? count(most) : `≥ ${percent(1)}`}
      </span>
      <span class="key">
        <svg viewBox="0 0 14 14" aria-hidden="true">
          <path d="M1 1 13 13 M13 1 1 13" stroke="currentColor" stroke-width="2" />
        </svg>
        {t("heatmap.key.down")}
      </span>
      <span class="key">
        <svg viewBox="0 0 14 14" aria-hidden="true">
          <path d="M1 13 H13" stroke="currentColor" stroke-width="4" />
        </svg>
        {t("heatmap.key.cordoned")}
      </span>
      <span class="key">
        <svg viewBox="0 0 14 14" aria-hidden="true">
          <path d="M7 1 1 7 M13 1 1 13 M13 7 7 13" stroke="currentColor" stroke-width="2" />
        </svg>
        {t("heatmap.key.stale")}
      </span>
    </div>
  );
}

/** Back through the samples of a day. */
function Time({ heat, at }: { heat: Heat; at: string }) {
  const path = "/api/v1/heatmap/times";
  const known =
    usePolled(path, (signal) => data<{ times: string[] }>(path, signal), HISTORY_MS).value?.times ?? [];
  if (known.length < 2 && !at) return <p class="muted small">{t("heatmap.history.none")}</p>;
  const place = at
    ? Math.max(
        0,
        known.findIndex((time) => time >= at),
      )
    : known.length;
  return (
    <div class="time">
      <label for="heat-time" class="small">
        {heat.live ? t("heatmap.now") : moment(heat.time)}
      </label>
      <input
        id="heat-time"
        type="range"
        min={0}
        max={known.length}
        value={place}
        aria-valuetext={heat.live ? t("heatmap.now") : moment(heat.time)}
        onChange={(event) => choose("at", known[Number(event.currentTarget.value)] ?? "")}
      />
      {!heat.live && (
        <button type="button" onClick={() => choose("at", "")}>
          {t("heatmap.live")}
        </button>
      )}
    </div>
  );
}

function Table({ nodes, value }: { nodes: Nodes; value: Value }) {
  const shares = sharesOf(nodes, value);
  const beside = (["cpu_allocated", "memory_allocated", "pods"] as const)
    .filter((other) => other !== value)
    .slice(0, 2);
  const order = nodes.name
    .map((_, at) => at)
    .sort((one, other) => (shares[other] ?? -1) - (shares[one] ?? -1));
  return (
    <section class="card" aria-labelledby="heat-table">
      <div class="bar-of">
        <h2 id="heat-table">{t("heatmap.table", { value: t(`heatmap.value.${value}` as Key) })}</h2>
        <span class="small">
          <a href={csvOf(nodes)} download="heatmap.csv">
            CSV
          </a>{" "}
          ·{" "}
          <a href="/api/v1/heatmap" download="heatmap.json">
            JSON
          </a>
        </span>
      </div>
      <Wide>
        <table>
          <caption class="sr-only">
            {t("heatmap.table", { value: t(`heatmap.value.${value}` as Key) })}
          </caption>
          <thead>
            <tr>
              <th scope="col">{t("list.node")}</th>
              <th scope="col" class="number">
                {t(`heatmap.value.${value}` as Key)}
              </th>
              {beside.map((other) => (
                <th key={other} scope="col" class="number">
                  {t(`heatmap.value.${other}` as Key)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {order.slice(0, ROWS).map((at) => (
              <tr key={nodes.name[at]}>
                <td class="mono">{nodes.name[at]}</td>
                <td class="number">
                  {value === "rejections" ? count(nodes.rejections[at] ?? 0) : share(shares[at])}
                </td>
                {beside.map((other) => (
                  <td key={other} class="number">
                    {share((nodes[other] as (number | null)[])[at])}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
      {order.length > ROWS && (
        <p class="muted small">{t("heatmap.rows", { rows: ROWS, nodes: order.length })}</p>
      )}
    </section>
  );
}

function csvOf(nodes: Nodes): string {
  const columns = ["name", "group", "ready", "schedulable", "stale", ...VALUES];
  const quoted = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = nodes.name.map((_, at) =>
    columns.map((column) => quoted(String(nodes[column]?.[at] ?? ""))).join(","),
  );
  return `data:text/csv;charset=utf-8,${encodeURIComponent([columns.join(","), ...lines].join("\n"))}`;
}
