/** What the console says to a policy while it is being written. */
import { type Detail, send, Trouble } from "@shell/api";
import { useEffect, useState } from "preact/hooks";
import type { Verdict } from "./model";

const TYPING_MS = 350;

export interface Judged {
  /** Of which text this is said. */
  text: string;
  verdict?: Verdict;
  problems: readonly Detail[];
  /** Nobody could be asked. */
  trouble?: Trouble;
}

/** Undefined: still on its way for this text. Nothing is asked while `wait`. */
export function useVerdict(text: string, hash: string, wait: boolean): Judged | undefined {
  const [judged, setJudged] = useState<Judged & { hash: string }>();
  useEffect(() => {
    if (wait) return;
    const abort = new AbortController();
    const timer = window.setTimeout(() => {
      const sent = { body: text, type: "application/yaml", signal: abort.signal } as const;
      send<{ data: Verdict }>("POST", "/api/v1/policy/validate", sent)
        .then(({ data }) => setJudged({ text, hash, verdict: data, problems: [] }))
        .catch((error: unknown) => {
          if (abort.signal.aborted) return;
          const trouble = error instanceof Trouble ? error : new Trouble("failed", String(error));
          const refused = trouble.status === 422 || trouble.status === 400 || trouble.status === 413;
          const problems = trouble.details.length ? trouble.details : [{ path: "", message: trouble.brief }];
          setJudged({ text, hash, problems: refused ? problems : [], ...(refused ? {} : { trouble }) });
        });
    }, TYPING_MS);
    return () => {
      abort.abort();
      window.clearTimeout(timer);
    };
  }, [text, hash, wait]);
  return judged?.text === text && judged.hash === hash ? judged : undefined;
}
