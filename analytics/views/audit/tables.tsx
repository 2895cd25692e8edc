/** The other tabs: events, patterns, latency, rules. */
import { data } from "@shell/api";
import { Choice } from "@shell/choice";
import { count, milliseconds, moment, t } from "@shell/i18n";
import { type Loaded, useLoad } from "@shell/load";
import { Loading, Notice, TroubleNotice } from "@shell/parts";
import { Phrase } from "@shell/phrases";
import { place } from "@shell/router";
import { Table } from "@shell/table";
import type { ComponentChildren } from "preact";
import {
  type AuditEvent,
  asked,
  choose,
  LIMIT,
  type Pattern,
  type Rule,
  range,
  said,
  startOf,
  target,
  titleOf,
  within,
} from "./model";
import { Paging, RangeChoice, SeverityBadge } from "./parts";

interface TabProps {
  turn: number;
}

/** What has come, what is wrong, or that it is on its way. */
function Loadable<T>({ loaded, children }: { loaded: Loaded<T>; children: (value: T) => ComponentChildren }) {
  if (loaded.value !== undefined) return <>{children(loaded.value)}</>;
  return loaded.trouble ? <TroubleNotice trouble={loaded.trouble} retry={loaded.again} /> : <Loading />;
}

function OnlyRange() {
  return (
    <search class="filters" aria-label={t("filter.label")}>
      <div class="row">
        <RangeChoice />
      </div>
    </search>
  );
}

export function Events({ turn }: TabProps) {
  const filters = asked(["kind", "user", "namespace", "verb", "name", "node"]);
  const token = place.value.query.get("continue") ?? "";
  const path = `/api/v1/audit/events?limit=${LIMIT}${filters && `&${filters}`}${token && `&continue=${encodeURIComponent(token)}`}`;
  const list = useLoad(`${path} ${turn}`, (signal) =>
    data<{ events: AuditEvent[]; total: number; continue?: string }>(path, signal),
  );
  const values = useLoad("audit values", (signal) =>
    data<Record<"kind" | "user" | "namespace" | "verb", string[]>>("/api/v1/audit/values", signal),
  ).value;
  return (
    <>
      <search class="filters" aria-label={t("filter.label")}>
        <div class="row">
          <RangeChoice />
          <Choice
            choose={choose}
            name="kind"
            label="audit.kind"
            options={values?.kind ?? []}
            told={(kind) => said("kind", kind)}
          />
          <Choice choose={choose} name="user" label="audit.who" options={values?.user ?? []} />
          <Choice
            choose={choose}
            name="namespace"
            label="filter.namespace"
            options={values?.namespace ?? []}
          />
        </div>
      </search>
      <Loadable loaded={list}>
        {(value) => (
          <>
            <EventTable events={value.events} />
            <Paging shown={value.events.length} total={value.total} next={value.continue} />
          </>
        )}
      </Loadable>
    </>
  );
}

function EventTable({ events }: { events: AuditEvent[] }) {
  if (events.length === 0) return <Notice title={t("audit.events.empty")} />;
  return (
    <Table
      name="audit-events"
      caption={t("audit.tab.events")}
      quiet
      columns={[
        [t("list.time"), "middle"],
        t("audit.kind"),
        t("audit.object"),
        [t("audit.who"), "middle"],
        [t("audit.latency"), "middle number"],
        [t("audit.code"), "number"],
      ]}
    >
      {events.map((event) => (
        <tr key={event.id}>
          <td class="time middle">
            <time dateTime={event.time} title={event.time}>
              {moment(event.time)}
            </time>
          </td>
          <td>
            {event.kind ? said("kind", event.kind) : event.verb}
            <span class="note muted small">{event.verb}</span>
          </td>
          <td class="name">
            {target(event)}
            {event.node && event.resource !== "nodes" && <span class="muted"> → {event.node}</span>}
            <span class="narrow muted small">
              {event.user} · {moment(event.time)}
            </span>
          </td>
          <td class="middle name">{event.user}</td>
          <td class="middle number">{event.latency_ms === null ? "" : milliseconds(event.latency_ms)}</td>
          <td class="number">{event.code || ""}</td>
        </tr>
      ))}
    </Table>
  );
}

export function Patterns({ turn }: TabProps) {
  const path = `/api/audit/patterns?limit=200&${startOf(range())}`;
  const list = useLoad(`${path} ${turn}`, (signal) => data<{ patterns: Pattern[] }>(path, signal));
  return (
    <>
      <OnlyRange />
      <Loadable loaded={list}>
        {({ patterns }) =>
          patterns.length === 0 ? (
            <Notice title={t("audit.patterns.empty")}>
              <p>{t("audit.patterns.empty.advice")}</p>
            </Notice>
          ) : (
            <Table
              caption={t("audit.tab.patterns")}
              quiet
              columns={[
                t("audit.pattern"),
                [t("audit.times"), "number"],
                [t("audit.first"), "middle"],
                [t("audit.last"), "middle"],
              ]}
            >
              {patterns.map((pattern) => (
                <tr key={pattern.id}>
                  <td class="name">
                    <Phrase text={pattern.description} />
                    <span class="note muted small">{said("repeated", pattern.kind)}</span>
                  </td>
                  <td class="number">{count(pattern.count)}</td>
                  <td class="time middle">{moment(pattern.first_seen)}</td>
                  <td class="time middle">{moment(pattern.last_seen)}</td>
                </tr>
              ))}
            </Table>
          )
        }
      </Loadable>
    </>
  );
}

interface Latency {
  pods: number;
  skewed: number;
  parts: { part: Part; mean_ms: number; p50_ms: number; p90_ms: number; p99_ms: number }[];
}

type Part = "total" | "queue" | "decision" | "bind" | "rest";

export function LatencyTab({ turn }: TabProps) {
  const path = `/api/v1/audit/latency?${startOf(range()) || "start=2000-01-01"}`;
  const loaded = useLoad(`${path} ${turn}`, (signal) => data<Latency>(path, signal));
  return (
    <>
      <OnlyRange />
      <Loadable loaded={loaded}>
        {(value) =>
          value.pods === 0 ? (
            <Notice title={t("audit.latency.empty")}>
              <p>{t("audit.latency.empty.advice")}</p>
            </Notice>
          ) : (
            <>
              <p class="said">{t("audit.latency.said", { n: value.pods })}</p>
              <Bar parts={value.parts} />
              <Table
                caption={t("audit.tab.latency")}
                quiet
                columns={[
                  t("audit.part"),
                  [t("audit.mean"), "number"],
                  ["p50", "number"],
                  ["p90", "number middle"],
                  ["p99", "number"],
                ]}
              >
                {value.parts.map((part) => (
                  <tr key={part.part}>
                    <th scope="row">
                      <span class={`swatch ${part.part}`} aria-hidden="true" />
                      {t(`audit.part.${part.part}`)}
                    </th>
                    <td class="number">{milliseconds(part.mean_ms)}</td>
                    <td class="number">{milliseconds(part.p50_ms)}</td>
                    <td class="number middle">{milliseconds(part.p90_ms)}</td>
                    <td class="number">{milliseconds(part.p99_ms)}</td>
                  </tr>
                ))}
              </Table>
              {value.skewed > 0 && <p class="aside">{t("audit.latency.skewed", { n: value.skewed })}</p>}
            </>
          )
        }
      </Loadable>
    </>
  );
}

/** The mean of each part as its share of the whole. */
function Bar({ parts }: { parts: Latency["parts"] }) {
  const shares = parts.filter((part) => part.part !== "total" && part.mean_ms > 0);
  const sum = shares.reduce((all, part) => all + part.mean_ms, 0);
  if (sum === 0) return null;
  return (
    <div class="audit-split" role="img" aria-label={t("audit.latency.bar")}>
      {shares.map((part) => (
        <span key={part.part} class={part.part} style={{ flexGrow: part.mean_ms / sum }} />
      ))}
    </div>
  );
}

export function Rules({ turn }: TabProps) {
  const path = `/api/v1/audit/rules?${startOf(range())}`;
  const loaded = useLoad(`${path} ${turn}`, (signal) => data<{ rules: Rule[] }>(path, signal));
  return (
    <>
      <OnlyRange />
      <Loadable loaded={loaded}>
        {({ rules }) => (
          <Table
            caption={t("audit.tab.rules")}
            quiet
            columns={[
              t("audit.rule"),
              [t("audit.severity"), "middle"],
              [t("audit.state.open"), "number"],
              [t("audit.state.acknowledged"), "number middle"],
              [t("audit.state.suppressed"), "number middle"],
            ]}
          >
            {rules.map((rule) => (
              <tr key={rule.rule}>
                <td class="name">
                  <a href={ruleHref(rule.rule)}>{rule.rule}</a> {titleOf(rule)}
                  <span class="narrow">
                    <SeverityBadge severity={rule.severity} />
                  </span>
                </td>
                <td class="middle">
                  <SeverityBadge severity={rule.severity} />
                </td>
                <td class="number">{count(rule.open)}</td>
                <td class="number middle">{count(rule.acknowledged)}</td>
                <td class="number middle">{count(rule.suppressed)}</td>
              </tr>
            ))}
          </Table>
        )}
      </Loadable>
    </>
  );
}

function ruleHref(rule: string): string {
  const base = within("/audit");
  return `${base}${base.includes("?") ? "&" : "?"}rule=${rule}`;
}
