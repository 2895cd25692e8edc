/** Which scheduler a page looks at, and over which stretch of time: the last so many hours, or two moments of one's own. */
import { type Key, t } from "./i18n";

export interface Stretch {
  scheduler: string;
  /** Such as 6h. */
  span: string;
  /** Set, one or both: instead of `span`. */
  start: string;
  end: string;
}

const SECONDS: Record<string, number> = { m: 60, h: 3600, d: 86_400 };

/** `6h` -> begin and end of a range that ends now. */
export function rangeOf(span: string, now = Date.now()): { start: string; end: string } {
  const seconds = Number.parseInt(span, 10) * (SECONDS[span.slice(-1)] ?? 3600);
  return { start: new Date(now - seconds * 1000).toISOString(), end: new Date(now).toISOString() };
}

export function stretchOf(query: URLSearchParams, spans: readonly string[], usual: string): Stretch {
  const span = query.get("range") ?? "";
  return {
    scheduler: query.get("scheduler") ?? "",
    span: spans.includes(span) ? span : usual,
    start: query.get("start") ?? "",
    end: query.get("end") ?? "",
  };
}

/** What of it is not usual, for the address. */
export function queryOf(stretch: Stretch, usual: string): URLSearchParams {
  const query = new URLSearchParams();
  if (stretch.scheduler) query.set("scheduler", stretch.scheduler);
  if (stretch.start || stretch.end) {
    if (stretch.start) query.set("start", stretch.start);
    if (stretch.end) query.set("end", stretch.end);
  } else if (stretch.span !== usual) query.set("range", stretch.span);
  return query;
}

interface Props {
  stretch: Stretch;
  choose: (changed: Partial<Stretch>) => void;
}

export function SchedulerChoice({
  stretch,
  choose,
  names,
  any,
}: Props & { names: readonly string[]; any: string }) {
  const { scheduler } = stretch;
  return (
    <label>
      <span>{t("stretch.scheduler")}</span>
      <select
        name="scheduler"
        value={scheduler}
        class={scheduler ? "set" : ""}
        onChange={(event) => choose({ scheduler: event.currentTarget.value })}
      >
        <option value="">{any}</option>
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
        {scheduler && !names.includes(scheduler) && <option value={scheduler}>{scheduler}</option>}
      </select>
    </label>
  );
}

export function RangeChoice({ stretch, choose, spans }: Props & { spans: readonly string[] }) {
  const own = stretch.start !== "" || stretch.end !== "";
  return (
    <>
      <label>
        <span>{t("stretch.time")}</span>
        <select
          name="range"
          value={own ? "own" : stretch.span}
          onChange={(event) => {
            const span = event.currentTarget.value;
            if (span === "own") choose(rangeOf(stretch.span));
            else choose({ span, start: "", end: "" });
          }}
        >
          {spans.map((span) => (
            <option key={span} value={span}>
              {t(`stretch.last.${span}` as Key)}
            </option>
          ))}
          <option value="own">{t("stretch.own")}</option>
        </select>
      </label>
      {own && (
        <>
          <Moment name="start" value={stretch.start} choose={choose} />
          <Moment name="end" value={stretch.end} choose={choose} />
        </>
      )}
    </>
  );
}

/** One end of a range of one's own; the address holds it in UTC. */
function Moment({ name, value, choose }: { name: "start" | "end"; value: string; choose: Props["choose"] }) {
  const at = value ? new Date(value) : undefined;
  const local =
    at && !Number.isNaN(at.getTime())
      ? new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
      : "";
  return (
    <label>
      <span>{t(name === "start" ? "stretch.start" : "stretch.end")}</span>
      <input
        type="datetime-local"
        name={name}
        value={local}
        onChange={(event) => {
          const read = new Date(event.currentTarget.value);
          if (!Number.isNaN(read.getTime())) choose({ [name]: read.toISOString() });
        }}
      />
    </label>
  );
}
