/** The evictions page: preemptions, quota taken back, and moves of the Rescheduler, refused ones too. */
import { data } from "@shell/api";
import { Choice } from "@shell/choice";
import { type Eviction, EvictionResult } from "@shell/eviction";
import { type Key, moment, t } from "@shell/i18n";
import { follow } from "@shell/live";
import { useLoad } from "@shell/load";
import { Loading, Notice, TroubleNotice, Wide } from "@shell/parts";
import { Phrase, said } from "@shell/phrases";
import { PodLink } from "@shell/pod";
import { go, place } from "@shell/router";
import { useEffect, useRef } from "preact/hooks";
import "./catalogue";

const LIMIT = 50;
const CHOICES = {
  why: ["preemption", "rescheduling"],
  result: ["evicted", "refused", "gone", "failed", "dryRun"],
} as const;
const FILTERS = ["why", "result", "plugin", "namespace", "node", "pod"] as const;

interface List {
  evictions: Eviction[];
  total: number;
  continue?: string;
}

interface Values {
  plugin: string[];
  namespace: string[];
  node: string[];
}

export function EvictionsPage() {
  const query = place.value.query;
  const filters = filtersOf(query).toString();
  const token = query.get("continue") ?? "";
  const path = `/api/v1/evictions?limit=${LIMIT}${filters && `&${filters}`}${token && `&continue=${encodeURIComponent(token)}`}`;
  const list = useLoad(path, (signal) => data<List>(path, signal));
  useFollowed(list.again);

  useEffect(() => {
    document.title = `${t("evictions.title")} · Trimtab`;
  });

  return (
    <>
      <div class="title">
        <div>
          <h1>{t("evictions.title")}</h1>
          <p class="muted">{t("evictions.lead")}</p>
        </div>
      </div>
      <Filters filtered={filters !== ""} />
      {list.value === undefined ? (
        list.trouble ? (
          <TroubleNotice trouble={list.trouble} retry={list.again} />
        ) : (
          <Loading />
        )
      ) : (
        <>
          <Results list={list.value} />
          <Paging list={list.value} filters={filters} token={token} />
        </>
      )}
    </>
  );
}

/** Evictions come seldom: the list is asked again when the stream says that there are new ones. */
function useFollowed(again: () => void): void {
  const latest = useRef(again);
  latest.current = again;
  useEffect(
    () =>
      follow((event) => {
        if (event === "evictions" || event === "resync") latest.current();
      }),
    [],
  );
}

function filtersOf(query: URLSearchParams): URLSearchParams {
  const kept = new URLSearchParams();
  for (const name of FILTERS) {
    const value = query.get(name);
    if (value) kept.set(name, value);
  }
  return kept;
}

function choose(name: string, value: string): void {
  const query = filtersOf(place.value.query);
  if (value) query.set(name, value);
  else query.delete(name);
  const text = query.toString();
  go(text ? `/evictions?${text}` : "/evictions", true);
}

function Filters({ filtered }: { filtered: boolean }) {
  const values = useLoad("eviction values", (signal) =>
    data<Values>("/api/v1/evictions/values", signal),
  ).value;
  return (
    <search class="filters" aria-label={t("filter.label")}>
      <div class="row">
        <Choice
          choose={choose}
          name="why"
          label="evictions.why"
          options={CHOICES.why}
          told={(why) => t(`why.${why}` as Key)}
        />
        <Choice
          choose={choose}
          name="result"
          label="evictions.result"
          options={CHOICES.result}
          told={(result) => t(`eviction.${result}` as Key)}
        />
        <Choice choose={choose} name="plugin" label="evictions.by" options={values?.plugin ?? []} />
        <Choice choose={choose} name="namespace" label="filter.namespace" options={values?.namespace ?? []} />
        <Choice choose={choose} name="node" label="filter.node" options={values?.node ?? []} />
        {filtered && (
          <button type="button" class="quiet" onClick={() => go("/evictions", true)}>
            {t("filter.clear")}
          </button>
        )}
      </div>
    </search>
  );
}

function Results({ list }: { list: List }) {
  if (list.evictions.length === 0) {
    return (
      <Notice title={t("evictions.empty.title")}>
        <p>{t("evictions.empty.advice")}</p>
      </Notice>
    );
  }
  return (
    <Wide>
      <table class="evictions">
        <caption class="sr-only">{t("evictions.caption")}</caption>
        <thead>
          <tr>
            <th scope="col" class="middle">
              {t("list.time")}
            </th>
            <th scope="col">{t("evictions.pod")}</th>
            <th scope="col">{t("evictions.result")}</th>
            <th scope="col">{t("evictions.reason")}</th>
            <th scope="col" class="middle">
              {t("list.node")}
            </th>
          </tr>
        </thead>
        <tbody>
          {list.evictions.map((eviction) => (
            <Row key={eviction.time + eviction.pod.uid + eviction.result} eviction={eviction} />
          ))}
        </tbody>
      </table>
    </Wide>
  );
}

function Row({ eviction }: { eviction: Eviction }) {
  return (
    <tr>
      <td class="time middle">
        <time dateTime={eviction.time} title={eviction.time}>
          {moment(eviction.time)}
        </time>
      </td>
      <td>
        <PodLink pod={eviction.pod} />
        <span class="narrow muted small">
          {moment(eviction.time)} · {eviction.node}
        </span>
      </td>
      <td>
        <EvictionResult result={eviction.result} />
        <span class="note muted small">{t(`why.${eviction.why}` as Key)}</span>
      </td>
      <td>
        <Phrase text={eviction.reason} />
        <span class="note muted small">
          {eviction.plugin}
          {eviction.preemptor && (
            <>
              {" "}
              · {t("evictions.for")} <PodLink pod={eviction.preemptor} />
            </>
          )}
          {eviction.message && ` · ${said(eviction.message)}`}
        </span>
      </td>
      <td class="middle mono">{eviction.node}</td>
    </tr>
  );
}

function Paging({ list, filters, token }: { list: List; filters: string; token: string }) {
  const href = (next: string) => {
    const query = new URLSearchParams(filters);
    if (next) query.set("continue", next);
    return `/evictions${query.size ? `?${query}` : ""}`;
  };
  if (list.total === 0) return null;
  return (
    <nav class="paging" aria-label={t("list.paging")}>
      <span class="muted">{t("list.count", { shown: list.evictions.length, total: list.total })}</span>
      {token && <a href={href("")}>{t("list.newest")}</a>}
      {list.continue && <a href={href(list.continue)}>{t("list.older")}</a>}
    </nav>
  );
}
