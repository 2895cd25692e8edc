import { signal } from "@preact/signals";
import { streamOf } from "./api";

export type LiveState = "connecting" | "live" | "lost";

export const liveState = signal<LiveState>("connecting");

type Listener = (event: string, body: unknown) => void;

const listeners = new Set<Listener>();
let open: AbortController | undefined;
let lastId = "";

const AGAIN_MS = 2000;

/** Follow the event stream while mounted. A hidden tab lets go of it: browsers allow six per host. */
export function follow(listener: Listener): () => void {
  listeners.add(listener);
  connect();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) disconnect();
  };
}

function connect(): void {
  if (open || document.hidden || listeners.size === 0) return;
  liveState.value = "connecting";
  const mine = new AbortController();
  open = mine;
  read(mine.signal)
    .catch(() => {})
    .then(() => {
      if (open !== mine) return;
      liveState.value = "lost";
      open = undefined;
      window.setTimeout(connect, AGAIN_MS);
    });
}

function disconnect(): void {
  open?.abort();
  open = undefined;
}

/** Until the stream ends. Not an EventSource: that can carry no token. */
async function read(signal: AbortSignal): Promise<void> {
  const stream = await streamOf("/api/v1/events", lastId, signal);
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const whole = (rest + value).split("\n\n");
    rest = whole.pop() ?? "";
    for (const message of whole) hear(message);
  }
}

function hear(message: string): void {
  let name = "message";
  const body: string[] = [];
  for (const line of message.split("\n")) {
    if (line.startsWith("id: ")) lastId = line.slice(4);
    else if (line.startsWith("event: ")) name = line.slice(7);
    else if (line.startsWith("data: ")) body.push(line.slice(6));
  }
  if (body.length === 0) return; // a sign of life
  liveState.value = "live";
  tell(name, JSON.parse(body.join("\n")));
}

function tell(name: string, body: unknown): void {
  for (const listener of listeners) listener(name, body);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    disconnect();
    return;
  }
  connect();
  tell("resync", {});
});
