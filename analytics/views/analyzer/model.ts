/** What POST /api/analysis/run answers. */

import type { Said } from "@shell/phrases";

export type Severity = "critical" | "warning" | "info";

export interface Finding extends Said {
  id: string;
  area: string;
  severity: Severity;
  title: string;
  detail: string;
  remedy: string;
  evidence: Record<string, unknown>;
}

export interface Check extends Said {
  name: string;
  ok: boolean;
  detail: string;
  severity?: Severity;
  remedy?: string;
}

export interface Health {
  scheduler: string;
  health: "healthy" | "degraded" | "unhealthy";
  checks: Check[];
}

export interface Amounts {
  allocatable: string | null;
  requested: string | null;
  used: string | null;
  utilization_ratio: number | null;
  requested_ratio: number | null;
}

export interface NodeShare {
  node: string;
  cpu_requested_ratio: number | null;
  memory_requested_ratio: number | null;
}

export interface Utilization {
  cpu: Amounts;
  memory: Amounts;
  efficiency_percent: number | null;
  known: boolean;
  why_not: string;
  nodes: {
    total: number;
    unschedulable: string[];
    not_ready: string[];
    fullest: NodeShare[];
    emptiest: NodeShare[];
  };
  pods: { running: number; pending: number };
}

export interface Path {
  path: string[];
  outcome: string;
  count: number;
  share: number;
  average_latency_ms: number;
}

export interface Phase {
  phase: string;
  calls: number;
  total_ms: number;
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
}

export interface PluginTime {
  plugin: string;
  phase: string;
  calls: number;
  total_ms: number;
  p95_ms: number;
  errors: number;
}

export interface Failures {
  reasons: { plugin: string; reason: string; attempts: number; nodes: number }[];
  errors: { message: string; attempts: number; last: string }[];
  pods: { namespace: string; pod: string; uid: string; attempts: number; decision: string; last: string }[];
  namespaces: { namespace: string; attempts: number; pods: number }[];
}

export interface Report {
  analysis_type: string;
  scheduler: string;
  performance: {
    time_range: { start: string; end: string };
    average_latency_ms: number | null;
    throughput_pods_per_second: number;
    success_rate: number | null;
    latency_ms: { p50: number | null; p95: number | null; p99: number | null };
    pods_scheduled: number;
    attempts: Record<string, number>;
  };
  decision_paths: Path[];
  utilization: Utilization;
  health: Health;
  score: { value: number | null; parts: Record<string, number | null> };
  findings: Finding[];
  bottlenecks: { part: string; average_ms: number; share: number }[];
  phases: Phase[];
  plugins: PluginTime[];
  failures: Failures;
}

export const TYPES = ["performance", "failures", "decisions", "utilization"] as const;
export const SPANS = ["15m", "1h", "6h", "24h", "7d"] as const;
