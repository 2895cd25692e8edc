/** What the audit endpoints answer, and the part of the address that all tabs share. */
import { type Key, t } from "@shell/i18n";
import { go, place } from "@shell/router";

export const SEVERITIES = ["critical", "high", "medium", "low"] as const;
export type Severity = (typeof SEVERITIES)[number];
export const STATES = ["open", "acknowledged", "suppressed"] as const;
export type State = (typeof STATES)[number];
export const RANGES = ["1h", "24h", "7d", "30d", "all"] as const;
export const LIMIT = 50;

export interface Finding {
  id: string;
  rule: string;
  title: string;
  severity: Severity;
  time: string;
  user: string;
  object: string;
  description: string;
  event_ids: string[];
  attack: string[];
  fix: string;
  state: State;
  who: string;
  why: string;
  said: string | null;
  until: string | null;
}

export interface AuditEvent {
  id: string;
  time: string;
  kind: string;
  verb: string;
  user: string;
  groups: string[];
  impersonated: string;
  address: string;
  user_agent: string;
  api_group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  node: string;
  code: number;
  request_ms: number;
  latency_ms: number | null;
  annotations: Record<string, string>;
  source: string;
}

export interface Pattern {
  id: string;
  kind: string;
  description: string;
  count: number;
  first_seen: string;
  last_seen: string;
}

export type Rule = { rule: string; title: string; severity: Severity } & Record<State, number>;

export interface Timeline {
  start: string;
  end: string;
  step_seconds: number;
  steps: ({ time: string } & Record<Severity, number>)[];
  totals: Record<Severity, number>;
  total_bindings: number;
  average_latency_ms: number | null;
}

export interface Log {
  path: string;
  behind_bytes: number;
  lines: number;
  bad_lines: number;
  troubles: string[];
  error: string;
}

export interface Status {
  logs: Log[];
  webhook: boolean;
  configured: boolean;
  /** Own rules: their folder (null: none is set), the ids in force, and what is wrong with it (empty: nothing). */
  rules: { folder: string | null; own: string[]; problem: string };
  events: number;
  newest: string | null;
}

/** The range in the address; a day unless it says otherwise. */
export function range(): string {
  const chosen = place.value.query.get("range") ?? "24h";
  return (RANGES as readonly string[]).includes(chosen) ? chosen : "24h";
}

/** `start` of that range as the API takes it: a span back from now. */
export function startOf(chosen: string): string {
  return chosen === "all" ? "" : `start=${chosen}`;
}

/** Another value of one filter, in the address; paging begins again. */
export function choose(name: string, value: string): void {
  const query = new URLSearchParams(place.value.query);
  query.delete("continue");
  if (value) query.set(name, value);
  else query.delete(name);
  const text = query.toString();
  go(text ? `${place.value.path}?${text}` : place.value.path, true);
}

/** The filters of these names that are set, with the range, as the API takes them. */
export function asked(names: readonly string[]): string {
  const query = new URLSearchParams();
  for (const name of names) {
    const value = place.value.query.get(name);
    if (value) query.set(name, value);
  }
  return [startOf(range()), query.toString()].filter(Boolean).join("&");
}

/** An address of this page with the range kept. */
export function within(path: string): string {
  const chosen = place.value.query.get("range");
  return chosen ? `${path}?range=${encodeURIComponent(chosen)}` : path;
}

/** What the object of a request is called: resource/subresource namespace/name. */
export function target(event: AuditEvent): string {
  const resource = event.subresource ? `${event.resource}/${event.subresource}` : event.resource;
  return [resource, [event.namespace, event.name].filter(Boolean).join("/")].filter(Boolean).join(" ");
}

/** The text of a kind where the catalogue has one, else the kind. */
export function said(family: string, name: string): string {
  return known(`audit.${family}.${name}`) ?? name.replaceAll("_", " ");
}

/** The title of a rule in the reader's language; of one that the catalogue does not know, as it was stored. */
export function titleOf(told: { rule: string; title: string }): string {
  return known(`audit.about.${told.rule}`) ?? told.title;
}

/** What to do about a finding, likewise. */
export function remedyOf(finding: Finding): string {
  return known(`audit.remedy.${finding.rule}`) ?? finding.fix;
}

/** `t` answers the key itself where it has no words for it. */
function known(key: string): string | undefined {
  const text = t(key as Key);
  return text === key ? undefined : text;
}
