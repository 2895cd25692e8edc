/** The frame of every card: a title that leads to the tool's page, a sentence with a mark, and figures below it. */
import { data } from "@shell/api";
import { type Key, t } from "@shell/i18n";
import { type Loaded, usePolled } from "@shell/load";
import { Icon, Loading } from "@shell/parts";
import type { ComponentChildren } from "preact";

const POLL_MS = 5000;

export type Mark = "good" | "warn" | "bad" | "plain";

const ICON = { good: "check", warn: "alert", bad: "cross", plain: "open" } as const;

export function useAnswer<T>(path: string, everyMs = POLL_MS): Loaded<T> {
  return usePolled(path, (signal) => data<T>(path, signal), everyMs);
}

interface Said {
  mark: Mark;
  sentence: string;
  children?: ComponentChildren;
}

interface Props<T> {
  name: string;
  href: string;
  asked: Loaded<T>;
  show: (value: T) => Said;
}

export function Card<T>({ name, href, asked, show }: Props<T>) {
  const said = asked.value === undefined ? undefined : show(asked.value);
  const id = `overview-${name}`;
  return (
    <section class="card" aria-labelledby={id}>
      <h2 id={id}>
        <a href={href}>{t(`overview.${name}.title` as Key)}</a>
      </h2>
      {said && (
        <p class={`said ${said.mark}`}>
          <Icon name={ICON[said.mark]} />
          <span>{said.sentence}</span>
        </p>
      )}
      {said?.children}
      {!said && !asked.trouble && <Loading rows={3} />}
      {asked.trouble && (
        <p class="said bad" role="alert">
          <Icon name="alert" />
          <span>
            {t(said ? "overview.stale" : "overview.failed")} <span lang="en">{asked.trouble.brief}</span>
          </span>
        </p>
      )}
    </section>
  );
}

/** Shares of one whole: what is promised as a frame, what is used filled. */
export function Bar({
  label,
  value,
  share,
  used,
}: {
  label: string;
  value: string;
  share: number;
  used?: number;
}) {
  const wide = (ratio: number) => Math.min(100, Math.max(0, ratio * 100));
  return (
    <>
      <span class="small">{label}</span>
      <svg viewBox="0 0 100 8" preserveAspectRatio="none" role="img" aria-label={`${label}: ${value}`}>
        <rect class="track" width="100" height="8" rx="1" />
        <rect class={used === undefined ? "used" : "promised"} width={wide(share)} height="8" rx="1" />
        {used !== undefined && <rect class="used" y="2" width={wide(used)} height="4" rx="1" />}
      </svg>
      <span class="small value">{value}</span>
    </>
  );
}
