/** Answers of the decisions API, as far as the page reads them. */
import type { Eviction } from "@shell/eviction";
import type { PodName } from "@shell/pod";

export interface Pod {
  namespace: string;
  name: string;
  uid: string;
  owner: string;
  priority: number;
}

export interface Summary {
  id: string;
  time: string;
  scheduler: string;
  pod: Pod;
  attempt: number;
  outcome: string;
  node: string;
  message: string;
  revision: string;
  duration_ms: number;
  rejections: Rejection[];
}

export interface List {
  decisions: Summary[];
  total: number;
  limit: number;
  continue?: string;
}

export interface Values {
  namespace: string[];
  node: string[];
  plugin: string[];
  revision: string[];
}

export interface Latency {
  p50_ms: number;
  p99_ms: number;
}

export interface Stats {
  total: number;
  scheduled: number;
  unschedulable: number;
  error: number;
  success_rate: number | null;
  phases: Record<string, Latency>;
  rejections: { plugin: string; reason: string; count: number }[];
}

export interface PluginStory {
  plugin: string;
  phase: string;
  code: string;
  mode: string;
  nodes_in: number;
  rejected: number;
  duration_ms: number;
  message: string;
}

export interface PhaseStory {
  phase: string;
  time: string;
  duration_ms: number;
  nodes_in: number;
  nodes_out: number;
  nodes_unknown: number;
  nominated: boolean;
  code: string;
  node: string;
  message: string;
  /** permit: held back still. */
  waits: boolean;
  plugins: PluginStory[];
  /** preempt: node -> pods that would leave it. */
  proposed: Record<string, PodName[]>;
}

export interface Rejection {
  plugin: string;
  phase: string;
  mode: string;
  reason: string;
  nodes: number;
  /** filter or preempt: which call it was. */
  call: string;
  /** Only of one decision shown by itself. */
  sample?: string[];
}

/** Why no node passed: the rejection that weighs most. */
export interface Cause {
  plugin: string;
  reason: string;
  nodes: number;
  /** It alone rejected all nodes. */
  every: boolean;
  /** Key of its meaning in plain words, or empty. */
  meaning: string;
  /** gang, quota, tenant, reservation, order, or empty. */
  waits_for: string;
}

export interface ScorePart {
  raw: number;
  normalized: number;
  weighted: number;
  weight: number | null;
}

export interface BestNode {
  node: string;
  score: number;
  parts: Record<string, ScorePart>;
}

export interface Story extends Summary {
  profile: string;
  generation: number;
  ended: string | null;
  seen_by: string;
  phases: PhaseStory[];
  cause: Cause | null;
  scores: BestNode[];
  leases: { plugin: string; action: string; detail: string }[];
  attempts: { id: string; attempt: number; time: string; outcome: string; node: string; message: string }[];
  victims: Eviction[];
  evicted: Eviction[];
  waited_ms: number;
  detail: string;
}

/** Event `decisions` of the stream. `more`: not all that changed is in it. */
export interface News {
  ids: string[];
  more: boolean;
  decisions: Summary[];
}

/** What the extender says about its policy. `refused`: why the newest edit is not in effect. */
export interface Policy {
  reachable: boolean;
  revision: string;
  source: string;
  refused: string;
}

export interface PartLatency {
  p50_ms: number;
  p95_ms: number;
  p99_ms: number;
}

/** Decisions that have one thing in common. */
export interface Group {
  group: string;
  /** Only by reason: `group` is then the plugin. */
  reason?: string;
  decisions: number;
  scheduled: number;
  unschedulable: number;
  error: number;
  success_rate: number | null;
  /** Only by plugin or reason: nodes that were rejected. */
  nodes?: number;
  latency: Record<"queue" | "own" | "bind" | "total", PartLatency | null>;
}

export interface Groups {
  by: string;
  groups: Group[];
  more: boolean;
}

/** How often the scheduler took our first choice. */
export interface AgreementCounts {
  decisions: number;
  first: number;
  tied: number;
  second: number;
  further: number;
  untold: number;
  elsewhere: number;
  agreement_ratio: number | null;
  ahead_average: number | null;
}

export interface Agreement extends AgreementCounts {
  unscored: number;
}

export interface AgreementGroups {
  groups: (AgreementCounts & { group: string })[];
}

export interface CompareSide {
  id: string;
  time: string;
  namespace: string;
  pod: string;
  attempt: number;
  outcome: string;
  node: string;
  revision: string;
  nodes_in: number;
  nodes_out: number;
}

export interface Unlike {
  name: string;
  a: unknown;
  b: unknown;
}

export interface Comparison {
  a: CompareSide;
  b: CompareSide;
  verdict: string;
  because: { kind: string; detail: string; a: string; b: string };
  pod: Unlike[];
  features_known: boolean;
  candidates: {
    known: boolean;
    both: number;
    only_a_count: number;
    only_b_count: number;
    only_a: string[];
    only_b: string[];
  };
  rejections: { plugin: string; reason: string; a: number; b: number; difference: number }[];
  scores: {
    node: string;
    a: number | null;
    b: number | null;
    difference: number | null;
    plugins: Unlike[];
  }[];
  durations: { phase: string; a: number | null; b: number | null; difference: number | null }[];
}

/** One attempt of a pod's trace. */
export interface PodTry {
  id: string;
  attempt: number;
  outcome: string;
  node: string;
  message: string;
  queue_ms: number | null;
  own_ms: number;
  bind_ms: number;
  obstacle: { plugin: string; reason: string; nodes: number } | null;
  changes: string[];
}

export interface PodTrace {
  created: string | null;
  state: string;
  node: string;
  tries: PodTry[];
  earlier: number;
  others: string[];
  elapsed_ms: number | null;
  queue_ms: number;
  own_ms: number;
  waited_ms: number;
  bind_ms: number;
}
