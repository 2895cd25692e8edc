/** The status of every plugin: phases, weight, mode, canary, time box, arguments (R-055). */
import { type Key, percent, t } from "@shell/i18n";
import { Icon, Notice } from "@shell/parts";
import { Phrase } from "@shell/phrases";
import { useState } from "preact/hooks";
import { pathOfSwitch, type Switch } from "./actions";
import { entriesOf, namesOf, type Placed, span } from "./entries";
import type { CatalogueEntry } from "./model";
import { phasesOf, type State, stateOf } from "./phases";
import { act, missing, type Steering, useNow } from "./state";
import { shown } from "./words";

interface Row {
  name: string;
  about: CatalogueEntry | undefined;
  phases: { phase: string; state: State }[];
  entries: Placed[];
  args: Record<string, unknown>;
}

const SHOWN_ARGS = 3;

function rowsOf(steering: Steering): Row[] {
  return (steering.plugins?.supported_plugins ?? []).map((name) => {
    const names = namesOf(name, steering.catalogue);
    const entries = entriesOf(steering.tree, steering.profile, names);
    return {
      name,
      about: steering.catalogue?.find((entry) => entry.name === name),
      phases: phasesOf(name, steering).map((phase) => ({
        phase,
        state: stateOf(name, phase, steering, entries),
      })),
      entries,
      args: steering.plugins?.data.plugin_configs[name] ?? {},
    };
  });
}

const STATES = ["any", "on", "shadow", "off"] as const;

export function PluginTable({
  steering,
  disable,
}: {
  steering: Steering;
  disable: (wanted: Switch, reason: string) => void;
}) {
  const [search, setSearch] = useState("");
  const [state, setState] = useState<(typeof STATES)[number]>("any");
  const rows = rowsOf(steering);
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const found = rows.filter((row) => {
    const said = `${row.name} ${row.about?.doc ?? ""} ${Object.keys(row.args).join(" ")}`.toLowerCase();
    return words.every((word) => said.includes(word)) && isIn(row, state);
  });
  return (
    <section aria-labelledby="plugins-title" class="plugins">
      <div class="bar-of">
        <h2 id="plugins-title">{t("policy.plugins")}</h2>
        <search class="finder">
          <label>
            <span class="sr-only">{t("policy.search")}</span>
            <input
              type="search"
              name="search"
              placeholder={t("policy.search")}
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
          </label>
          <label>
            <span class="sr-only">{t("policy.state")}</span>
            <select
              name="state"
              value={state}
              onChange={(event) => setState(event.currentTarget.value as (typeof STATES)[number])}
            >
              {STATES.map((one) => (
                <option key={one} value={one}>
                  {t(`policy.state.${one}` as Key)}
                </option>
              ))}
            </select>
          </label>
          <span class="muted small" role="status">
            {t("list.count", { shown: found.length, total: rows.length })}
          </span>
        </search>
      </div>
      {found.length === 0 ? (
        <Notice
          title={t("policy.search.none")}
          action={{
            label: t("policy.search.clear"),
            run: () => {
              setSearch("");
              setState("any");
            },
          }}
        />
      ) : (
        <table class="policy">
          <caption class="sr-only">{t("policy.plugins")}</caption>
          <thead>
            <tr>
              <th scope="col">{t("policy.plugin")}</th>
              <th scope="col">{t("policy.phases")}</th>
              <th scope="col">{t("policy.limits")}</th>
              <th scope="col">{t("policy.args")}</th>
            </tr>
          </thead>
          <tbody>
            {found.map((row) => (
              <PluginRow key={row.name} row={row} steering={steering} disable={disable} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function isIn(row: Row, state: (typeof STATES)[number]): boolean {
  if (state === "any") return true;
  if (state === "off") return row.phases.every((one) => one.state === "off");
  return row.phases.some((one) => one.state === state);
}

function PluginRow({
  row,
  steering,
  disable,
}: {
  row: Row;
  steering: Steering;
  disable: (wanted: Switch, reason: string) => void;
}) {
  const off = row.phases.every((one) => one.state === "off");
  const absent = off ? [] : (row.about?.inputs ?? []).filter((input) => input.state !== "present");
  return (
    <tr class={off ? "off" : ""}>
      <th scope="row">
        <a href={`/policy/edit?plugin=${encodeURIComponent(row.name)}${profileOf(steering)}`}>{row.name}</a>
        {row.about && row.about.maturity !== "stable" && <span class="badge">{row.about.maturity}</span>}
        {row.about && (
          <span class="note muted small">
            <Phrase text={row.about.doc} />
          </span>
        )}
        {absent.map((input) => (
          <span key={input.name} class="note small warning" title={input.detail}>
            {t("policy.input", { name: input.name, state: input.state })}
          </span>
        ))}
      </th>
      <td>
        <span class="chips">
          {row.phases.map((one) => (
            <Toggle key={one.phase} plugin={row.name} {...one} steering={steering} disable={disable} />
          ))}
        </span>
      </td>
      <td class={isLimited(row, off) ? "" : "empty"}>
        <Limits entries={off ? [] : row.entries} />
      </td>
      <td class={`args ${Object.keys(row.args).length === 0 ? "empty" : ""}`}>
        {Object.keys(row.args).length === 0 ? (
          <span class="muted">{t(hasArgs(row.about) ? "policy.args.default" : "policy.args.none")}</span>
        ) : (
          <ul>
            {Object.entries(row.args)
              .slice(0, SHOWN_ARGS)
              .map(([key, value]) => (
                <li key={key}>
                  <span class="muted">{key}</span> <code>{shown(value)}</code>
                </li>
              ))}
            {Object.keys(row.args).length > SHOWN_ARGS && (
              <li>
                <a href={`/policy/edit?plugin=${encodeURIComponent(row.name)}${profileOf(steering)}`}>
                  {t("one.sample.more", { n: Object.keys(row.args).length - SHOWN_ARGS })}
                </a>
              </li>
            )}
          </ul>
        )}
      </td>
    </tr>
  );
}

function hasArgs(about: CatalogueEntry | undefined): boolean {
  const name = about?.argsSchema.$ref?.split("/").at(-1) ?? "";
  return Object.keys(about?.argsSchema.$defs?.[name]?.properties ?? {}).length > 0;
}

export function profileOf({ profile }: Steering): string {
  return profile ? `&profile=${encodeURIComponent(profile)}` : "";
}

/** One plugin in one phase. Switching off asks first. */
function Toggle({
  plugin,
  phase,
  state,
  steering,
  disable,
}: {
  plugin: string;
  phase: string;
  state: State;
  steering: Steering;
  disable: (wanted: Switch, reason: string) => void;
}) {
  const [busy, setBusy] = useState(false);
  const why = missing(steering.session, "change");
  const said = t(`policy.state.${state}` as Key);
  const flip = async () => {
    if (why || busy) return;
    if (state !== "off") {
      disable({ plugin, phases: [phase] }, "");
      return;
    }
    setBusy(true);
    await act("POST", pathOfSwitch(plugin, "enable", steering.profile), { body: { phases: [phase] } });
    setBusy(false);
    steering.refresh();
  };
  return (
    <button
      type="button"
      role="switch"
      class={`chip ${state}`}
      aria-checked={state !== "off"}
      aria-disabled={why !== "" || busy}
      aria-label={`${plugin}, ${phase}: ${said}${why ? `. ${why}` : ""}`}
      title={why || said}
      onClick={flip}
    >
      <Icon name={state === "on" ? "check" : state === "shadow" ? "eye" : "cross"} />
      {phase}
    </button>
  );
}

/** Weight, mode, canary and time box of each entry. */
function Limits({ entries }: { entries: readonly Placed[] }) {
  const told = entries
    .map((placed) => ({ placed, parts: partsOf(placed) }))
    .filter(({ parts }) => parts.length > 0);
  const timed = entries.some(({ entry }) => entry.from || entry.until);
  if (told.length === 0 && !timed) return <span class="muted">{t("none")}</span>;
  return (
    <ul class="limits">
      {entries.map((placed) => {
        const parts = partsOf(placed);
        const box = placed.entry.from || placed.entry.until;
        if (parts.length === 0 && !box) return null;
        return (
          <li key={placed.path.join("/")}>
            {entries.length > 1 && <span class="muted">{placed.phase} </span>}
            {parts.join(" · ")}
            {box && <TimeBox placed={placed} />}
          </li>
        );
      })}
    </ul>
  );
}

function isLimited(row: Row, off: boolean): boolean {
  return !off && row.entries.some((one) => partsOf(one).length > 0 || one.entry.from || one.entry.until);
}

function partsOf({ entry }: Placed): string[] {
  const { canary } = entry;
  return [
    entry.weight === undefined ? "" : t("one.weight", { n: entry.weight }),
    entry.mode === "shadow" ? t("policy.mode.shadow") : "",
    canary ? t("policy.canary.share", { share: percent((canary.percent ?? 100) / 100) }) : "",
    canary?.namespaces?.length ? canary.namespaces.join(", ") : "",
    canary?.podSelector ? t("policy.canary.labels") : "",
    entry.deadline ? t("policy.deadline.of", { time: entry.deadline }) : "",
    entry.onFailure === "closed" ? t("policy.failure.closed") : "",
  ].filter(Boolean);
}

function TimeBox({ placed }: { placed: Placed }) {
  const now = useNow();
  const from = placed.entry.from ? Date.parse(placed.entry.from) : Number.NEGATIVE_INFINITY;
  const until = placed.entry.until ? Date.parse(placed.entry.until) : Number.POSITIVE_INFINITY;
  const [key, left]: [Key, number] =
    now < from
      ? ["policy.time.starts", from - now]
      : now >= until
        ? ["policy.time.ended", now - until]
        : Number.isFinite(until)
          ? ["policy.time.ends", until - now]
          : ["policy.time.since", now - from];
  return (
    <span
      class={`timebox ${now >= until ? "over" : ""}`}
      title={[placed.entry.from, placed.entry.until].join(" – ")}
    >
      <Icon name="clock" />
      {t(key, { time: span(left) })}
    </span>
  );
}
