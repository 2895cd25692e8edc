import { signal } from "@preact/signals";

export type LiveState = "connecting" | "live" | "lost";

export const liveState = signal<LiveState>("connecting");

type Listener = (event: string, body: unknown) => void;

const listeners = new Set<Listener>();
let source: EventSource | undefined;

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
  if (source || document.hidden || listeners.size === 0) return;
  liveState.value = "connecting";
  source = new EventSource("/api/v1/events");
  for (const name of ["hello", "decisions", "evictions", "resync"]) {
    source.addEventListener(name, (event) => {
      liveState.value = "live";
      tell(name, JSON.parse((event as MessageEvent<string>).data));
    });
  }
  source.addEventListener("error", () => {
    liveState.value = "lost";
    // The browser gives up for good when the answer is no stream (503 while the sidecar restarts behind a proxy).
    if (source?.readyState === EventSource.CLOSED) {
      disconnect();
      window.setTimeout(connect, 5000);
    }
  });
}

function disconnect(): void {
  source?.close();
  source = undefined;
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
