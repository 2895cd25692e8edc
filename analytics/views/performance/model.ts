/** What GET /api/analysis and GET /api/v1/performance/series answer. */

import type { Said } from "@shell/phrases";

export type Severity = "critical" | "warning" | "info";

export interface Trend {
  metric: string;
  direction: "rising" | "falling" | "flat";
  change_per_hour: number;
  p_value: number;
  change_ratio_per_day: number | null;
}

export interface ForecastPoint {
  metric: string;
  time: string;
  value: number;
  low: number;
  high: number;
}

export interface Anomaly {
  metric: string;
  time: string;
  value: number;
  expected: number;
  severity: Severity;
  /** When the level changed that makes this one ordinary. */
  change: string | null;
}

export interface Change {
  metric: string;
  time: string;
  before: number;
  after: number;
  change_ratio: number | null;
  worse: boolean;
  revision: string | null;
  tied: boolean;
  sentence: string;
}

export interface Recommendation extends Said {
  id: string;
  severity: Severity;
  title: string;
  detail: string;
  setting: { where: "policy" | "kube-scheduler" | "cluster"; name: string; href: string };
  evidence: Record<string, unknown>;
}

export interface Took {
  calls: number;
  total_ms: number;
  average_ms: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
  share: number;
}

export interface Capacity {
  resource: string;
  requested_ratio: number;
  days_until_full: number | null;
  earliest_days: number | null;
  latest_days: number | null;
  looked_ahead_days: number | null;
  error_ratio: number | null;
}

type Quantiles = { p50: number | null; p95: number | null; p99: number | null };

export interface Report {
  time_range: { start: string; end: string };
  latency_ms: Quantiles & { average: number | null };
  throughput_pods_per_second: number;
  success_rate: number | null;
  success_rate_interval: [number, number] | null;
  trends: Trend[];
  forecast: ForecastPoint[];
  forecast_quality: { metric: string; method: string; error_ratio: number; ahead_s: number }[];
  anomalies: Anomaly[];
  change_points: Change[];
  recommendations: Recommendation[];
  not_enough: { trends: string[]; forecast: string[] };
  attempts: { scheduled: number; unschedulable: number; error: number };
  pods_scheduled: number;
  by_verb: (Took & { phase: string })[];
  by_plugin: (Took & { plugin: string; phase: string; faults: number })[];
  capacity: Capacity[];
  kube_scheduler: {
    known: boolean;
    attempts: Record<string, number>;
    attempt_ms: Quantiles;
    pod_ms: Quantiles;
    extension_points: { name: string; total_ms: number; p99_ms: number | null }[];
    queues: Record<string, number>;
  };
  sources: (Said & { name: string; ok: boolean; detail: string })[];
  step_s: number;
  scheduler: string;
}

export interface SeriesAnswer {
  time_range: { start: string; end: string };
  step_s: number;
  times: string[];
  series: Record<string, (number | null)[]>;
  attempts: number[];
  pods: number[];
  revisions: { time: string; revision: string; source: string }[];
}

export const SPANS = ["1h", "6h", "24h", "7d", "30d"] as const;

/** The series as a table for other programs: a line per step, nothing where nothing was measured. */
export function csvOf(answer: SeriesAnswer): string {
  const names = Object.keys(answer.series);
  const lines = answer.times.map((time, at) =>
    [time, ...names.map((name) => answer.series[name]?.[at] ?? ""), answer.attempts[at] ?? 0].join(","),
  );
  return [["time", ...names, "attempts"].join(","), ...lines, ""].join("\r\n");
}
