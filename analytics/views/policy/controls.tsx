/** Controls of the page: buttons that say which right is missing, dialogs that ask first, outcomes with an undo. */
import { data as ask } from "@shell/api";
import { count, t } from "@shell/i18n";
import { Copy, Icon, watchEdges } from "@shell/parts";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Change, Overview, Right, Session } from "./model";
import { act, missing, outcome, told } from "./state";
import { shown } from "./words";

interface ActProps {
  session: Session | undefined;
  right: Right;
  run: () => void;
  children: ComponentChildren;
  kind?: "main" | "danger" | "plain";
  busy?: boolean;
  label?: string;
}

/** A button that changes something. Without the right it stays in reach and says what is missing. */
export function Act({ session, right, run, children, kind = "plain", busy = false, label }: ActProps) {
  const why = missing(session, right);
  const id = useId();
  return (
    <>
      <button
        type="button"
        class={`act ${kind}`}
        aria-disabled={why !== "" || busy}
        aria-describedby={why ? id : undefined}
        aria-label={label}
        title={why || undefined}
        onClick={() => !why && !busy && run()}
      >
        {children}
      </button>
      {why && (
        <span id={id} class="sr-only">
          {why}
        </span>
      )}
    </>
  );
}

interface ConfirmProps {
  title: string;
  action: string;
  children?: ComponentChildren;
  done: (reason: string) => void;
  cancel: () => void;
}

/** Asks before something sensitive is done. Escape and Cancel leave everything as it is. */
export function Confirm({ title, action, children, done, cancel }: ConfirmProps) {
  const box = useRef<HTMLDialogElement>(null);
  const [reason, setReason] = useState("");
  const id = useId();
  useEffect(() => {
    box.current?.showModal();
  }, []);
  return (
    <dialog ref={box} class="confirm" aria-labelledby={id} onClose={cancel}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          done(reason);
        }}
      >
        <h2 id={id}>{title}</h2>
        {children}
        <Reason value={reason} set={setReason} />
        <div class="buttons">
          <button type="button" onClick={cancel}>
            {t("policy.cancel")}
          </button>
          <button type="submit" class="act danger">
            {action}
          </button>
        </div>
      </form>
    </dialog>
  );
}

export function Reason({ value, set }: { value: string; set: (value: string) => void }) {
  return (
    <label class="field">
      <span>{t("policy.reason")}</span>
      <input
        name="reason"
        value={value}
        maxLength={500}
        autocomplete="off"
        placeholder={t("policy.reason.hint")}
        onInput={(event) => set(event.currentTarget.value)}
      />
    </label>
  );
}

/** Whether the last action worked, why not, and how to take it back. */
export function Outcome({ refresh }: { refresh: () => void }) {
  const last = outcome.value;
  const undo = async (backup: number, revision: string, message: string) => {
    try {
      const now = await ask<Overview>("/api/v1/policy");
      if (now.revision !== revision) {
        outcome.value = { ...told(new Error()), message: t("policy.undo.late") };
        return;
      }
    } catch (trouble) {
      outcome.value = told(trouble);
      return;
    }
    await act("POST", `/api/v1/policy/revisions/${backup}/rollback`, {
      reason: t("policy.undo.reason", { what: message }),
    });
    refresh();
  };
  return (
    <div class="outcomes" role={last && !last.good ? "alert" : "status"}>
      {last && (
        <div class={`outcome ${last.good ? "good" : "bad"}`}>
          <Icon name={last.good ? "check" : "alert"} />
          <div>
            <p class="strong">
              {last.good ? "" : `${t("policy.failed")} `}
              {last.message}
            </p>
            {last.details.map((detail) => (
              <p key={detail.path + detail.message} class="small">
                <code>{detail.path}</code> {detail.message}
              </p>
            ))}
            {last.warnings.map((warning) => (
              <p key={warning} class="small warning">
                {warning}
              </p>
            ))}
            {last.requestId && <p class="small muted">{t("trouble.request", { id: last.requestId })}</p>}
          </div>
          <div class="buttons">
            {last.undo && (
              <button
                type="button"
                onClick={() => last.undo && undo(last.undo.backup, last.undo.revision, last.message)}
              >
                <Icon name="undo" />
                {t("policy.undo")}
              </button>
            )}
            <button
              type="button"
              class="square"
              aria-label={t("policy.dismiss")}
              onClick={() => {
                outcome.value = undefined;
              }}
            >
              <Icon name="cross" />
            </button>
          </div>
        </div>
      )}
    </div>
  );
}

/** What differs, place by place. */
export function Changes({ list }: { list: readonly Change[] }) {
  if (list.length === 0) return <p class="muted">{t("policy.diff.none")}</p>;
  return (
    <ul class="changes">
      {list.slice(0, 50).map((change) => (
        <li key={change.path}>
          <code class="where">{change.path || "/"}</code>
          <span class="values">
            <del>
              <span class="sr-only">{t("policy.diff.before")} </span>
              {shown(change.before)}
            </del>
            <span aria-hidden="true"> → </span>
            <ins>
              <span class="sr-only">{t("policy.diff.after")} </span>
              {shown(change.after)}
            </ins>
          </span>
        </li>
      ))}
      {list.length > 50 && <li class="muted">{t("one.sample.more", { n: count(list.length - 50) })}</li>}
    </ul>
  );
}

/** A unified difference, line by line. */
export function Unified({ text }: { text: string }) {
  const box = useRef<HTMLElement>(null);
  const lines = text.split("\n").filter((line, at, all) => at > 1 && (line !== "" || at < all.length - 1));
  useEffect(() => (box.current ? watchEdges(box.current) : undefined), [text]);
  if (lines.length === 0) return null;
  return (
    <section class="unified" ref={box} aria-label={t("policy.diff")}>
      <pre>
        {lines.map((line, at) => (
          <span key={at} class={KINDS[line[0] ?? ""] ?? ""}>
            {`${line}\n`}
          </span>
        ))}
      </pre>
    </section>
  );
}

const KINDS: Record<string, string> = { "+": "plus", "-": "minus", "@": "hunk" };

/** The same from a shell. */
export function Commands({ lines }: { lines: readonly string[] }) {
  return (
    <details class="commands">
      <summary>{t("policy.shell")}</summary>
      {lines.map((line) => (
        <div key={line} class="command">
          <code>{line}</code>
          <Copy text={line} label={t("policy.shell.copy")} />
        </div>
      ))}
    </details>
  );
}

export function curl(method: string, path: string, body?: unknown): string {
  const sent = body === undefined ? "" : ` -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`;
  return `curl -X ${method} '${window.location.origin}${path}'${sent}`;
}
