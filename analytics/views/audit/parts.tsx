/** Small parts of the audit page: severities, states, filters, paging. */
import { t } from "@shell/i18n";
import { place } from "@shell/router";
import { choose, RANGES, range, type Severity, type State } from "./model";

const SHAPES: Record<Severity, string> = {
  critical: "M8 1.5 14.5 8 8 14.5 1.5 8 z",
  high: "M8 2 14.5 13.5 H1.5 z",
  medium: "M2.5 2.5 h11 v11 h-11 z",
  low: "M8 2.5 a5.5 5.5 0 1 0 .01 0",
};

/** Shape, word and colour; any one of them is enough. */
export function SeverityBadge({ severity }: { severity: Severity }) {
  return (
    <span class={`severity ${severity}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={SHAPES[severity]} />
      </svg>
      {t(`audit.severity.${severity}`)}
    </span>
  );
}

export function StateBadge({ state }: { state: State }) {
  return <span class={`badge state ${state}`}>{t(`audit.state.${state}`)}</span>;
}

export function Attack({ ids }: { ids: string[] }) {
  return (
    <span class="attack">
      {ids.map((id) => (
        <span key={id} class="badge mono">
          {id}
        </span>
      ))}
    </span>
  );
}

export function RangeChoice() {
  return (
    <label>
      <span>{t("audit.range")}</span>
      <select name="range" value={range()} onChange={(event) => choose("range", event.currentTarget.value)}>
        {RANGES.map((name) => (
          <option key={name} value={name}>
            {t(`audit.range.${name}`)}
          </option>
        ))}
      </select>
    </label>
  );
}

export function Paging({ shown, total, next }: { shown: number; total: number; next: string | undefined }) {
  const href = (token: string) => {
    const query = new URLSearchParams(place.value.query);
    query.delete("continue");
    if (token) query.set("continue", token);
    return `${place.value.path}${query.size ? `?${query}` : ""}`;
  };
  return (
    <nav class="paging" aria-label={t("list.paging")}>
      <span class="muted">{t("list.count", { shown, total })}</span>
      {place.value.query.get("continue") && <a href={href("")}>{t("list.newest")}</a>}
      {next && <a href={href(next)}>{t("list.older")}</a>}
    </nav>
  );
}
