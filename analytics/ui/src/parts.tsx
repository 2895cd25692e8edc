/** Small parts that every page uses: badges, states, copy buttons, icons. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Trouble } from "./api";
import { type Key, t } from "./i18n";
import { SignIn } from "./signin";

const PATHS = {
  check: "M3.5 8.5 6.5 11.5 12.5 4.5",
  cross: "M4.5 4.5 11.5 11.5 M11.5 4.5 4.5 11.5",
  alert: "M8 3.5 V9 M8 11.8 V12.2",
  open: "M4.2 8 h.1 M8 8 h.1 M11.8 8 h.1",
  copy: "M5.5 5.5 V3 h7.5 v7.5 h-2.5 M3 5.5 h7.5 V13 H3 z",
  pause: "M5.5 4 V12 M10.5 4 V12",
  play: "M5 3.5 12 8 5 12.5 z",
  sun: "M8 5.2 a2.8 2.8 0 1 0 .01 0 M8 1.5 V2.8 M8 13.2 V14.5 M1.5 8 H2.8 M13.2 8 H14.5 M3.4 3.4 l.9 .9 M11.7 11.7 l.9 .9 M12.6 3.4 l-.9 .9 M4.3 11.7 l-.9 .9",
  moon: "M12.8 9.6 A5.4 5.4 0 1 1 6.4 3.2 A4.3 4.3 0 0 0 12.8 9.6 z",
  eye: "M1.8 8 C4.2 3.6 11.8 3.6 14.2 8 C11.8 12.4 4.2 12.4 1.8 8 z M8 6.3 a1.7 1.7 0 1 0 .01 0",
  clock: "M8 2.5 a5.5 5.5 0 1 0 .01 0 M8 5 V8 l2.2 1.6",
  undo: "M4 6.5 H10 a3 3 0 0 1 0 6 H6.5 M6.5 4 L4 6.5 L6.5 9",
  auto: "M8 2.5 a5.5 5.5 0 1 0 .01 0 M8 2.5 V13.5 M8 5.2 l3.6 2.2 M8 8.4 l3.2 2",
} as const;

export function Icon({ name }: { name: keyof typeof PATHS }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

const ICON_OF: Record<string, keyof typeof PATHS> = {
  scheduled: "check",
  unschedulable: "cross",
  error: "alert",
  unknown: "open",
};

/** Verdict as shape, word and colour; any one of them is enough. */
export function Verdict({ outcome }: { outcome: string }) {
  const known = outcome in ICON_OF ? outcome : "unknown";
  return (
    <span class={`verdict ${known}`}>
      <Icon name={ICON_OF[known] ?? "open"} />
      {t(`outcome.${known}` as Key)}
    </span>
  );
}

/** Browsers offer the clipboard to https and localhost only; elsewhere a selection is copied as by hand. */
async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const box = document.createElement("textarea");
    box.value = text;
    box.className = "sr-only";
    document.body.append(box);
    const before = document.activeElement;
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    if (before instanceof HTMLElement) before.focus();
    return done;
  }
}

export function Copy({ text, label }: { text: string; label: string }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    if (!(await copied(text))) return;
    setDone(true);
    window.setTimeout(() => setDone(false), 1500);
  };
  return (
    <button type="button" class="copy" onClick={copy} title={label} aria-label={label}>
      <Icon name={done ? "check" : "copy"} />
      <span class="sr-only" aria-live="polite">
        {done ? t("copied") : ""}
      </span>
    </button>
  );
}

/** Keep `data-more` of a scrolling element true: on which sides there is more. It takes part in Tab only while it scrolls. */
export function watchEdges(element: HTMLElement): () => void {
  const look = () => {
    const room = element.scrollWidth - element.clientWidth;
    const before = element.scrollLeft > 1 ? "before" : "";
    const after = room - element.scrollLeft > 1 ? "after" : "";
    element.dataset.more = `${before} ${after}`.trim();
    if (room > 1 || element.scrollHeight > element.clientHeight + 1) element.tabIndex = 0;
    else element.removeAttribute("tabindex");
  };
  const watch = new ResizeObserver(look);
  watch.observe(element);
  if (element.firstElementChild) watch.observe(element.firstElementChild);
  element.addEventListener("scroll", look, { passive: true });
  look();
  return () => {
    watch.disconnect();
    element.removeEventListener("scroll", look);
  };
}

/** A table that may be wider than the page: scrolls by itself, and fades out on the side where there is more. */
export function Wide({ children }: { children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => (box.current ? watchEdges(box.current) : undefined), []);
  return (
    <div class="table" ref={box}>
      {children}
    </div>
  );
}

interface NoticeProps {
  title: string;
  children?: ComponentChildren;
  kind?: "plain" | "bad";
  action?: { label: string; run: () => void };
}

export function Notice({ title, children, kind = "plain", action }: NoticeProps) {
  return (
    <div class={`notice ${kind}`} role={kind === "bad" ? "alert" : "status"}>
      <h2>{title}</h2>
      {children && <div>{children}</div>}
      {action && (
        <button type="button" onClick={action.run}>
          {action.label}
        </button>
      )}
    </div>
  );
}

/** What went wrong, and what to do about it. */
export function TroubleNotice({ trouble, retry }: { trouble: Trouble; retry: () => void }) {
  const title = t(`trouble.${trouble.kind}.title` as Key);
  return (
    <Notice title={title} kind="bad" action={{ label: t("trouble.retry"), run: retry }}>
      <p>{t(`trouble.${trouble.kind}.advice` as Key)}</p>
      {trouble.kind !== "offline" && <p class="mono small">{trouble.message}</p>}
      {trouble.requestId && <p class="muted small">{t("trouble.request", { id: trouble.requestId })}</p>}
      {trouble.kind === "denied" && <SignIn done={retry} />}
    </Notice>
  );
}

export function Loading({ rows = 8 }: { rows?: number }) {
  return (
    <div class="loading" role="status" aria-label={t("loading")}>
      {Array.from({ length: rows }, (_, at) => (
        <span key={at} class="bar" />
      ))}
    </div>
  );
}
