/** Why an answer did not come. `offline`: the sidecar could not be reached at all. */
export class Trouble extends Error {
  constructor(
    readonly kind: "offline" | "missing" | "refused" | "failed",
    message: string,
    readonly requestId = "",
  ) {
    super(message);
  }
}

const WAIT_MS = 20_000;

async function ask(path: string, signal: AbortSignal | undefined): Promise<Response> {
  const timeout = AbortSignal.timeout(WAIT_MS);
  let answer: Response;
  try {
    answer = await fetch(path, { signal: signal ? AbortSignal.any([signal, timeout]) : timeout });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble("offline", String(error));
  }
  if (answer.ok) return answer;
  const body = (await answer.json().catch(() => ({}))) as {
    message?: string;
    requestId?: string;
    details?: { path: string; message: string }[];
  };
  const details = (body.details ?? []).map((detail) => `${detail.path}: ${detail.message}`).join("; ");
  const message = [body.message ?? answer.statusText, details].filter(Boolean).join(" ");
  const kind = answer.status === 404 ? "missing" : answer.status < 500 ? "refused" : "failed";
  throw new Trouble(kind, message, body.requestId ?? "");
}

export async function data<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await ask(path, signal);
  return ((await answer.json()) as { data: T }).data;
}

export async function text(path: string, signal?: AbortSignal): Promise<string> {
  return (await ask(path, signal)).text();
}
