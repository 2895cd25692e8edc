/** Shapes of the policy API, as docs/api.md has them. */
import type { Detail } from "@shell/api";

export interface Session {
  actor: string;
  groups: string[];
  role: "none" | "viewer" | "operator" | "admin";
  can: Record<Right, boolean>;
  auth: "none" | "token" | "kubernetes";
}

export type Right = "view" | "change" | "restart" | "restore";

export interface PluginsAnswer {
  data: {
    enabled_plugins: Record<string, string[]>;
    disabled_plugins: Record<string, string[]>;
    plugin_configs: Record<string, Record<string, unknown>>;
  };
  supported_plugins: string[];
  supported_phases: string[];
  warnings?: string[];
}

export interface Replica {
  replica: string;
  revision: string;
  hash: string;
  observed: string;
  status: string;
}

export interface Overview {
  text: string;
  hash: string;
  revision: string;
  form: "document" | "flat" | "unreadable";
  desired: { revision: string; hash: string; problems: Detail[] };
  effective: Replica[];
  warnings: string[];
}

/** A plugin that its breaker has taken out, as the extender says. */
export interface Breaker {
  plugin: string;
  state: "open" | "half-open";
  failures: number;
  retry_at: string;
  last_error: string;
}

export interface Input {
  name: string;
  state: string;
  detail: string;
  optional: boolean;
  present: boolean;
}

export interface CatalogueEntry {
  name: string;
  phases: string[];
  maturity: string;
  doc: string;
  argsSchema: Schema;
  defaults: Record<string, unknown>;
  aliases: string[];
  members: string[];
  inputs: Input[];
}

export interface Schema {
  $ref?: string;
  $defs?: Record<string, Schema>;
  title?: string;
  description?: string;
  type?: string;
  enum?: unknown[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  items?: Schema;
  anyOf?: Schema[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  examples?: unknown[];
  default?: unknown;
}

export interface Change {
  path: string;
  before: unknown;
  after: unknown;
}

export interface Diff {
  unified: string;
  changes: Change[];
}

/** `data` of every answer to a change. */
export interface Changed {
  plugin?: string;
  phases?: string[];
  revision: string;
  backup_id: number;
  warnings: string[];
  hash?: string;
  effective?: boolean;
  dry_run?: boolean;
  diff?: Diff;
}

export interface Done<T> {
  message: string;
  data: T;
}

export interface Revision {
  backup_id: number;
  created_at: string;
  reason: "auto" | "manual" | "observed";
  actor: string;
  via: string;
  why: string;
  revision: string;
  hash: string;
  signed: boolean;
}

export interface Revisions {
  revisions: Revision[];
  total: number;
  continue?: string;
}

export interface Verdict {
  valid: boolean;
  warnings: string[];
  diff: Diff;
}

interface Counted {
  pods: number;
  by: { plugin: string; reason: string; pods: number }[];
}

interface Cost {
  p50Us: number | null;
  p99Us: number | null;
}

export interface Preview {
  asked: number;
  evaluated: number;
  stopped: string;
  newlyRejected: Counted;
  newlyAccepted: Counted;
  moved: number;
  settled: number;
  unchanged: number;
  cost: { current: Cost; candidate: Cost };
  pods: {
    namespace: string;
    name: string;
    change: "rejected" | "accepted" | "moved";
    from: string;
    to: string;
    plugin: string;
    reason: string;
  }[];
  podsLeftOut: number;
  warnings: string[];
}

export interface ShadowNumbers {
  since: string;
  until: string;
  seen: number;
  would_reject: { pods: number; percent: number | null };
  would_reject_all: { pods: number; percent: number | null };
  moved: { placements: number; of: number; percent: number | null; settled: number };
  failed: number;
  skipped: Record<string, number>;
  cost_us: { p50: number | null; p99: number | null };
}

export interface ShadowPlugin extends ShadowNumbers {
  plugin: string;
  namespaces: (ShadowNumbers & { namespace: string })[];
  revisions: (ShadowNumbers & { revision: string })[];
  examples: {
    time: string;
    decision: string;
    pod: { namespace: string; name: string };
    rejected: number;
    nodes: number;
    rejected_all: boolean;
    moved: { from: string; to: string } | null;
  }[];
}

/** One entry of a phase's `enabled`. */
export interface Entry {
  name: string;
  weight?: number;
  mode?: "enforce" | "shadow";
  canary?: { percent?: number; namespaces?: string[]; podSelector?: unknown; guards?: unknown };
  from?: string;
  until?: string;
  deadline?: string;
  onFailure?: "open" | "closed";
}
