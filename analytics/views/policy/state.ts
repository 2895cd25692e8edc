/** What all parts of the page share: what is polled, the draft, the outcome of the last action, and who may what. */

import { signal } from "@preact/signals";
import { type Detail, send, Trouble } from "@shell/api";
import { t } from "@shell/i18n";
import { useEffect, useState } from "preact/hooks";
import type { CatalogueEntry, Changed, Done, Overview, PluginsAnswer, Right, Session } from "./model";
import type * as Yaml from "./yaml";

/** Well inside the five seconds after which a change made elsewhere has to be seen. */
export const POLL_MS = 2500;

export interface Steering {
  session: Session | undefined;
  overview: Overview | undefined;
  plugins: PluginsAnswer | undefined;
  catalogue: CatalogueEntry[] | undefined;
  /** Undefined: the reader of YAML is still on its way. */
  yaml: typeof Yaml | undefined;
  tree: unknown;
  profile: string;
  refresh: () => void;
}

let yaml: typeof Yaml | undefined;
const load = () =>
  import("./yaml").then((module) => {
    yaml = module;
  });
let coming: Promise<void> | undefined = load();
coming.catch(() => {}); // whoever wants it asks again

export function useYaml(): typeof Yaml | undefined {
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let here = true;
    const next = () => here && setTurn(turn + 1);
    if (!yaml) {
      const asked = coming ?? load();
      coming = undefined;
      asked.then(next).catch(() => window.setTimeout(next, POLL_MS));
    }
    return () => {
      here = false;
    };
  }, [turn]);
  return yaml;
}

/** Now, once a second, for what counts down. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 1000);
    return () => window.clearInterval(timer);
  }, []);
  return now;
}

/** An edit under way, and the policy that it began with. It outlives a look at another page. */
export interface Draft {
  base: {
    text: string;
    hash: string /** What was stored before our own save, until that is seen. */;
    before?: string;
  };
  text: string;
}

export const draft = signal<Draft | undefined>(undefined);

export function isChanged(edit: Draft | undefined): edit is Draft {
  return edit !== undefined && edit.text !== edit.base.text;
}

window.addEventListener("beforeunload", (event) => {
  if (isChanged(draft.value)) event.preventDefault();
});

export interface Outcome {
  good: boolean;
  message: string;
  warnings: readonly string[];
  details: readonly Detail[];
  requestId: string;
  /** How to take it back: the saved revision, and what was stored then. */
  undo?: { backup: number; revision: string };
}

export const outcome = signal<Outcome | undefined>(undefined);

export function told(trouble: unknown): Outcome {
  const known = trouble instanceof Trouble ? trouble : new Trouble("failed", String(trouble));
  const offline = known.kind === "offline";
  return {
    good: false,
    message: offline ? t("trouble.offline.title") : known.brief,
    warnings: [],
    details: known.details,
    requestId: known.requestId,
  };
}

export interface Asked {
  body?: unknown;
  reason?: string;
  /** What the outcome says where the answer has no words of its own. */
  said?: string;
}

/** Do something, and show whether it worked; undefined: it did not. */
export async function act<T = Changed>(
  method: "POST" | "PUT",
  path: string,
  asked: Asked = {},
): Promise<T | undefined> {
  outcome.value = undefined;
  try {
    const done = await send<Done<T>>(method, withReason(path, asked.reason), jsonOf(asked.body));
    outcome.value = succeeded(done.message ?? asked.said ?? "", done.data as Partial<Changed>);
    return done.data;
  } catch (trouble) {
    outcome.value = told(trouble);
    return undefined;
  }
}

export function jsonOf(body: unknown) {
  return body === undefined ? {} : { body: JSON.stringify(body) };
}

/** In the address: a header holds no text but Latin. */
export function withReason(path: string, reason = ""): string {
  if (!reason.trim()) return path;
  return `${path}${path.includes("?") ? "&" : "?"}reason=${encodeURIComponent(reason.trim())}`;
}

export function succeeded(message: string, data: Partial<Changed>): Outcome {
  const undo =
    data.backup_id && data.revision ? { backup: data.backup_id, revision: data.revision } : undefined;
  return {
    good: true,
    message,
    warnings: data.warnings ?? [],
    details: [],
    requestId: "",
    ...(undo ? { undo } : {}),
  };
}

/** Why a control cannot be used by this caller; empty: it can. */
export function missing(session: Session | undefined, right: Right): string {
  if (!session) return t("policy.may.unknown");
  if (session.can[right]) return "";
  if (session.auth === "token") return t("policy.may.key");
  return t(right === "restart" || right === "restore" ? "policy.may.restart" : "policy.may.change", {
    actor: session.actor || t("policy.may.nobody"),
  });
}

export function profileQuery(profile: string): string {
  return profile ? `?profile=${encodeURIComponent(profile)}` : "";
}
