/** What the draft would have said to the pods of the last recorded decisions. */
import { send, Trouble } from "@shell/api";
import { count, t } from "@shell/i18n";
import { Loading } from "@shell/parts";
import { learnPhrases, SAYS, said } from "@shell/phrases";
import { useState } from "preact/hooks";
import type { Preview as Answer } from "./model";

const LAST = [50, 200, 1000] as const;
const WAIT_MS = 40_000;
const PODS = 10;

export function Preview({ text, usable }: { text: string; usable: boolean }) {
  const [last, setLast] = useState<number>(LAST[1]);
  const [busy, setBusy] = useState(false);
  const [found, setFound] = useState<{ text: string; answer: Answer }>();
  const [trouble, setTrouble] = useState<Trouble>();
  const ask = async () => {
    if (busy || !usable) return;
    setBusy(true);
    setTrouble(undefined);
    learnPhrases(SAYS); // for the reasons in the answer
    try {
      const sent = { body: text, type: "application/yaml", waitMs: WAIT_MS } as const;
      const done = await send<{ data: Answer }>("POST", `/api/v1/policy/preview?last=${last}`, sent);
      setFound({ text, answer: done.data });
    } catch (error) {
      setTrouble(error instanceof Trouble ? error : new Trouble("failed", String(error)));
    }
    setBusy(false);
  };
  return (
    <section aria-labelledby="preview-title">
      <div class="bar-of">
        <h3 id="preview-title">{t("policy.preview")}</h3>
        <div class="buttons">
          <label>
            <span class="sr-only">{t("policy.preview.last")}</span>
            <select value={String(last)} onChange={(event) => setLast(Number(event.currentTarget.value))}>
              {LAST.map((one) => (
                <option key={one} value={String(one)}>
                  {t("policy.preview.of", { n: one })}
                </option>
              ))}
            </select>
          </label>
          <button type="button" aria-disabled={busy || !usable} onClick={ask}>
            {t("policy.preview.ask")}
          </button>
        </div>
      </div>
      <div role="status">
        {busy ? (
          <Loading rows={3} />
        ) : trouble ? (
          <p class="wrong">{trouble.kind === "offline" ? t("trouble.offline.title") : trouble.message}</p>
        ) : found ? (
          <>
            {found.text !== text && <p class="warning small">{t("policy.preview.old")}</p>}
            <Found answer={found.answer} />
          </>
        ) : (
          <p class="muted small">{t("policy.preview.lead")}</p>
        )}
      </div>
    </section>
  );
}

function micros(value: number | null): string {
  return value === null ? t("none") : `${count(Math.round(value))} µs`;
}

function Found({ answer }: { answer: Answer }) {
  const figures = [
    ["policy.preview.rejected", answer.newlyRejected.pods],
    ["policy.preview.accepted", answer.newlyAccepted.pods],
    ["policy.preview.moved", answer.moved],
    ["policy.preview.unchanged", answer.unchanged],
  ] as const;
  const { current, candidate } = answer.cost;
  return (
    <>
      <dl class="tallies">
        {figures.map(([key, value]) => (
          <div key={key} class={value > 0 && key !== "policy.preview.unchanged" ? "some" : ""}>
            <dt>{t(key)}</dt>
            <dd>{count(value)}</dd>
          </div>
        ))}
      </dl>
      <p class="muted small">
        {t("policy.preview.evaluated", { n: answer.evaluated, of: answer.asked })}{" "}
        {answer.stopped && t("policy.preview.stopped")}{" "}
        {t("policy.preview.cost", {
          before: `${micros(current.p50Us)} / ${micros(current.p99Us)}`,
          after: `${micros(candidate.p50Us)} / ${micros(candidate.p99Us)}`,
        })}
      </p>
      <ul class="examples">
        {[...answer.newlyRejected.by].map((one) => (
          <li key={`${one.plugin}/${one.reason}`}>
            {t("policy.preview.by", { n: one.pods, plugin: one.plugin, reason: said(one.reason) })}
          </li>
        ))}
        {answer.pods.slice(0, PODS).map((pod) => (
          <li key={`${pod.namespace}/${pod.name}`}>
            <span class="name">
              {pod.namespace}/{pod.name}
            </span>{" "}
            <span class="muted">
              {t(`policy.preview.pod.${pod.change}`, {
                from: pod.from || t("none"),
                to: pod.to || t("none"),
              })}
            </span>
          </li>
        ))}
      </ul>
    </>
  );
}
