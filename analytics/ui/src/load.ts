import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Trouble } from "./api";

export interface Loaded<T> {
  value: T | undefined;
  trouble: Trouble | undefined;
  busy: boolean;
  again: () => void;
  /** Put a newer value in its place; an answer still on its way wins over it. */
  set: (value: T) => void;
}

/** Ask whenever `key` changes; the last good value stays in sight while a newer one is on its way or fails. */
export function useLoad<T>(key: string, ask: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [turn, setTurn] = useState(0);
  const [state, setState] = useState<{ key: string; value?: T; trouble?: Trouble; busy: boolean }>({
    key,
    busy: true,
  });
  const latest = useRef(ask);
  latest.current = ask;

  // Before the first paint: the question need not wait for it.
  useLayoutEffect(() => {
    const abort = new AbortController();
    setState((old) => (old.key === key ? { ...old, busy: true } : { key, busy: true }));
    latest
      .current(abort.signal)
      .then((value) => setState({ key, value, busy: false }))
      .catch((error: unknown) => {
        if (abort.signal.aborted) return;
        const trouble = error instanceof Trouble ? error : new Trouble("failed", String(error));
        setState((old) => ({ ...old, key, trouble, busy: false }));
      });
    return () => abort.abort();
  }, [key, turn]);

  return {
    value: state.value,
    trouble: state.trouble,
    busy: state.busy,
    again: () => setTurn((old) => old + 1),
    set: (value) => setState((old) => (old.key === key ? { ...old, value } : old)),
  };
}

/** The newest answer, asked again every `everyMs` while the page is in sight, and never twice at once. */
export function usePolled<T>(
  key: string,
  ask: (signal: AbortSignal) => Promise<T>,
  everyMs: number,
): Loaded<T> {
  const loaded = useLoad(key, ask);
  const latest = useRef(loaded);
  latest.current = loaded;
  useEffect(() => {
    const turn = () => {
      if (!document.hidden && !latest.current.busy) latest.current.again();
    };
    const timer = window.setInterval(turn, everyMs);
    document.addEventListener("visibilitychange", turn);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener("visibilitychange", turn);
    };
  }, [everyMs]);
  return loaded;
}
