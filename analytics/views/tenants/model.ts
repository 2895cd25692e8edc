/** What the tenants' calls answer. */

export interface Resource {
  resource: string;
  used: string;
  pending: string;
  quota: string;
  limit: string;
  used_ratio: number | null;
  limit_ratio: number | null;
  borrowed: string;
  idle: string;
  lent: string;
}

export interface Tenant {
  name: string;
  source: string;
  namespaces: string[];
  priority: number;
  resources: Resource[];
  measured: Record<"cpu" | "memory", Measured> | null;
  pods: number;
  pending_pods: number;
  burst: string[];
  violations: string[];
  dominant: { resource: string; share: number };
  wait_p95_s: number | null;
}

export interface Measured {
  used: string;
  requested: string;
  waste: string;
  efficiency: number | null;
}

export interface Finding {
  rule: string;
  severity: "critical" | "warning" | "info";
  tenant: string;
  message: string;
}

export interface Everybody {
  tenants: Tenant[];
  fairness: { jain_index: number | null; wait_p50_s: number | null };
  findings: Finding[];
}

export interface Violation {
  time: string;
  tenant: string;
  resource: string;
  change: "opened" | "closed";
  used: string;
  limit: string;
  newest_pod: string;
}

/** As it is registered. */
export interface Configured {
  name: string;
  namespaces: string[];
  quota: Record<string, string | number>;
  priority: number;
  policies: {
    allowBurstable: boolean;
    maxBurstRatio: number;
    preemptionPolicy: string;
    schedulingPolicy: string;
  };
}

export interface Step {
  time: string;
  used: string;
  mean: number;
  peak: number;
  quota: number;
  limit: number;
}

export interface Chart {
  step_s: number;
  from: string;
  until: string;
  resources: Record<string, Step[]>;
}

export interface Reached {
  time: string | null;
  earliest: string | null;
  latest: string | null;
  days: number | null;
}

export interface Foretold {
  resource: string;
  used: string;
  quota: string;
  limit: string;
  peak_day: string;
  unused_day: string;
  method: string | null;
  quota_reached: Reached | null;
  limit_reached: Reached | null;
}

export interface Judged {
  allowed: boolean;
  reason: string;
  burst: boolean;
}

export interface Promised {
  kind: string;
  name: string;
  namespaces: string[];
  tenants: string[];
  guaranteed: Record<string, string | number>;
  limit: Record<string, string | number>;
  cohort: string;
  only: string;
}

export interface Promises {
  systems: { kind: string; served: boolean; promises: number }[];
  promises: Promised[];
  total: number;
  problems: { kind: string; name: string; path: string; message: string }[];
}

export const RESOURCES = ["cpu", "memory", "storage", "gpu", "pods"] as const;
