import { token } from "./token";

export interface Detail {
  path: string;
  message: string;
}

/** `offline`: the sidecar could not be reached at all; `denied`: it wants a token, or another one. */
export type Kind = "offline" | "missing" | "refused" | "denied" | "failed";

/** Why an answer did not come. */
export class Trouble extends Error {
  constructor(
    readonly kind: Kind,
    message: string,
    readonly requestId = "",
    readonly status = 0,
    readonly details: readonly Detail[] = [],
    /** The message without its details. */
    readonly brief = message,
  ) {
    super(message);
  }
}

const WAIT_MS = 20_000;
const FILE_WAIT_MS = 300_000;

function headersOf(init: RequestInit): Headers {
  const headers = new Headers(init.headers);
  if (token.value) headers.set("Authorization", `Bearer ${token.value}`);
  return headers;
}

/** An event stream from behind the event with this id. Raises Trouble, or what fetch raises. */
export async function streamOf(path: string, lastId: string, signal: AbortSignal) {
  const init = lastId ? { headers: { "Last-Event-ID": lastId } } : {};
  const answer = await fetch(path, { headers: headersOf(init), signal });
  if (!answer.ok || !answer.body) throw new Trouble("failed", answer.statusText, "", answer.status);
  return answer.body;
}

async function ask(path: string, signal: AbortSignal | undefined, init: RequestInit = {}, waitMs = WAIT_MS) {
  const timeout = AbortSignal.timeout(waitMs);
  const headers = headersOf(init);
  let answer: Response;
  try {
    answer = await fetch(path, {
      ...init,
      headers,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble("offline", String(error));
  }
  if (answer.ok) return answer;
  const body = (await answer.json().catch(() => ({}))) as {
    message?: string;
    requestId?: string;
    details?: Detail[];
  };
  const details = body.details ?? [];
  const told = details.map((detail) => (detail.path ? `${detail.path}: ${detail.message}` : detail.message));
  const brief = body.message ?? answer.statusText;
  const message = [brief, told.join("; ")].filter(Boolean).join(" ");
  throw new Trouble(kindOf(answer.status), message, body.requestId ?? "", answer.status, details, brief);
}

function kindOf(status: number): Kind {
  if (status === 401) return "denied";
  if (status === 404) return "missing";
  return status < 500 ? "refused" : "failed";
}

export async function data<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await ask(path, signal);
  return ((await answer.json()) as { data: T }).data;
}

/** The whole answer, for those that hold more than `data`. */
export async function whole<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await ask(path, signal)).json()) as T;
}

export async function text(path: string, signal?: AbortSignal): Promise<string> {
  return (await ask(path, signal)).text();
}

export interface Sent {
  body?: string;
  type?: "application/json" | "application/yaml";
  headers?: Record<string, string>;
  signal?: AbortSignal;
  waitMs?: number;
}

/** Saves an answer as a file, under the name that it has or else under `name`. Raises Trouble. */
export async function file(path: string, name: string): Promise<void> {
  const answer = await ask(path, undefined, {}, FILE_WAIT_MS);
  const named = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition") ?? "");
  let content: Blob;
  try {
    content = await answer.blob();
  } catch (error) {
    throw new Trouble("offline", String(error));
  }
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = named?.[1] ?? name;
  link.click();
  URL.revokeObjectURL(address);
}

/** A call that changes or judges something. Raises Trouble. */
export async function send<T>(method: "POST" | "PUT" | "DELETE", path: string, sent: Sent = {}): Promise<T> {
  const headers: Record<string, string> = { ...sent.headers };
  if (sent.body !== undefined) headers["Content-Type"] = sent.type ?? "application/json";
  const init: RequestInit = { method, headers, ...(sent.body === undefined ? {} : { body: sent.body }) };
  const answer = await ask(path, sent.signal, init, sent.waitMs);
  return (await answer.json()) as T;
}
