/** Answers of the decisions API, as far as the page reads them. */
import type { Eviction, PodName } from "./evictions";

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
