import { data } from "@shell/api";
import { type Key, t } from "@shell/i18n";
import { useLoad } from "@shell/load";
import { go, place } from "@shell/router";
import { useEffect, useState } from "preact/hooks";
import type { Values } from "./model";

export const SINCE = ["15m", "1h", "6h", "24h", "7d"] as const;
const OUTCOMES = ["scheduled", "unschedulable", "error", "unknown"] as const;
const TEXTS = ["namespace", "pod", "node", "plugin", "reason", "revision"] as const;
export const FILTERS = [...TEXTS, "outcome", "since"] as const;
const TYPING_MS = 350;

/** The filters of the address, and nothing else of it, ready for the API. */
export function filtersOf(query: URLSearchParams): URLSearchParams {
  const kept = new URLSearchParams();
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value) kept.set(name, value);
  }
  return kept;
}

/** Put one filter into the address; the list begins at its newest page again. */
function choose(name: string, value: string): void {
  const query = filtersOf(place.value.query);
  const by = place.value.query.get("by");
  if (by) query.set("by", by);
  if (value) query.set(name, value);
  else query.delete(name);
  const text = query.toString();
  go(text ? `/decisions?${text}` : "/decisions", true);
}

function TextFilter({
  name,
  values,
  hint,
}: {
  name: (typeof TEXTS)[number];
  values?: string[];
  hint?: string;
}) {
  const chosen = place.value.query.get(name) ?? "";
  const [typed, setTyped] = useState(chosen);
  useEffect(() => setTyped(chosen), [chosen]);
  useEffect(() => {
    if (typed === chosen) return;
    const timer = window.setTimeout(() => choose(name, typed.trim()), TYPING_MS);
    return () => window.clearTimeout(timer);
  }, [typed, chosen, name]);
  return (
    <label>
      <span>{t(`filter.${name}` as Key)}</span>
      <input
        name={name}
        value={typed}
        placeholder={hint ?? t("filter.any")}
        list={values ? `values-${name}` : undefined}
        autocomplete="off"
        spellcheck={false}
        class={chosen ? "set" : ""}
        onInput={(event) => setTyped(event.currentTarget.value)}
      />
      {values && (
        <datalist id={`values-${name}`}>
          {values.map((value) => (
            <option key={value} value={value} />
          ))}
        </datalist>
      )}
    </label>
  );
}

function Choice({ name, options, any }: { name: "outcome" | "since"; options: readonly string[]; any: Key }) {
  const chosen = place.value.query.get(name) ?? "";
  const known = chosen === "" || options.includes(chosen);
  return (
    <label>
      <span>{t(`filter.${name}` as Key)}</span>
      <select
        name={name}
        value={chosen}
        class={chosen ? "set" : ""}
        onChange={(event) => choose(name, event.currentTarget.value)}
      >
        <option value="">{t(any)}</option>
        {options.map((option) => (
          <option key={option} value={option}>
            {t(`${name}.${option}` as Key)}
          </option>
        ))}
        {!known && <option value={chosen}>{chosen}</option>}
      </select>
    </label>
  );
}

export function Filters() {
  const values = useLoad("values", (signal) => data<Values>("/api/v1/decisions/values", signal)).value;
  const query = place.value.query;
  const hidden = (["node", "plugin", "reason", "revision"] as const).some((name) => query.get(name));
  const some = filtersOf(query).size > 0;
  return (
    <search class="filters" aria-label={t("filter.label")}>
      <div class="row">
        <TextFilter name="pod" hint={t("filter.pod.hint")} />
        <TextFilter name="namespace" values={values?.namespace ?? []} />
        <Choice name="outcome" options={OUTCOMES} any="filter.any" />
        <Choice name="since" options={SINCE} any="since.all" />
        {some && (
          <button type="button" class="quiet" onClick={() => go("/decisions", true)}>
            {t("filter.clear")}
          </button>
        )}
      </div>
      <details open={hidden}>
        <summary>{t("filter.more")}</summary>
        <div class="row">
          <TextFilter name="node" values={values?.node ?? []} />
          <TextFilter name="plugin" values={values?.plugin ?? []} />
          <TextFilter name="reason" hint={t("filter.reason.hint")} />
          <TextFilter name="revision" values={values?.revision ?? []} />
        </div>
      </details>
    </search>
  );
}
