import { data } from "@shell/api";
import { count, milliseconds, moment, t } from "@shell/i18n";
import { follow, liveState } from "@shell/live";
import { type Loaded, useLoad } from "@shell/load";
import { Icon, Loading, Notice, TroubleNotice, Verdict, Wide } from "@shell/parts";
import { said } from "@shell/phrases";
import { go, place } from "@shell/router";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { comparePath } from "./compare";
import { Exports } from "./exports";
import { Filters, filtersOf } from "./filters";
import { Flowchart } from "./flowchart";
import { Statistics } from "./groups";
import type { List, News, Policy, Stats, Summary } from "./model";
import { Figures } from "./stats";

const LIMIT = 50;
/** The list is asked again at most this often, however fast decisions come. */
const REFRESH_MS = 1000;
const STATS_MS = 5000;
/** Beyond this the count of waiting decisions stands still. */
const WAITING_MAX = 9999;

export function DecisionList() {
  const query = place.value.query;
  const filters = filtersOf(query).toString();
  const token = query.get("continue") ?? "";
  const [paused, setPaused] = useState(false);
  const still = paused || token !== "";
  const path = `/api/decisions?view=summary&limit=${LIMIT}${filters && `&${filters}`}`;
  const list = useLoad(path + token, (signal) =>
    data<List>(token ? `${path}&continue=${encodeURIComponent(token)}` : path, signal),
  );
  const span = query.get("since");
  const stats = useLoad(`stats ${span}`, (signal) =>
    data<Stats>(span ? `/api/stats?since=${encodeURIComponent(span)}` : "/api/stats", signal),
  );
  const policy = useLoad("policy", (signal) => data<Policy>("/api/v1/extender", signal));
  const restat = () => {
    if (!stats.busy) stats.again();
    if (!policy.busy) policy.again();
  };
  const waiting = useNews(still, filters !== "", list, restat);
  const fresh = useFresh(list.value?.decisions, filters + token);
  const [picked, setPicked] = useState<Summary[]>([]);

  useEffect(() => {
    document.title = `${t("decisions.title")} · Trimtab`;
  });

  return (
    <>
      <div class="title">
        <div>
          <h1>{t("decisions.title")}</h1>
          <p class="muted">{t("decisions.lead")}</p>
        </div>
        <Live paused={paused} older={token !== ""} waiting={waiting} toggle={() => setPaused(!paused)} />
      </div>
      <Figures stats={stats.value} policy={policy.value} />
      <Filters />
      {list.trouble && list.value === undefined ? (
        <TroubleNotice trouble={list.trouble} retry={list.again} />
      ) : list.value === undefined ? (
        <Loading />
      ) : (
        <>
          {list.trouble && <TroubleNotice trouble={list.trouble} retry={list.again} />}
          <Picked picked={picked} clear={() => setPicked([])} />
          <Results
            list={list.value}
            fresh={fresh}
            filtered={filters !== ""}
            kept={stats.value?.total}
            picked={picked}
            pick={(decision) => setPicked((old) => toggled(old, decision))}
          />
          <Paging list={list.value} filters={filters} token={token} />
        </>
      )}
      {(stats.value?.total ?? 0) > 0 && (
        <>
          <Exports filters={filters} />
          <Statistics filters={filters} />
          <Flow span={span} />
        </>
      )}
    </>
  );
}

function Live({
  paused,
  older,
  waiting,
  toggle,
}: {
  paused: boolean;
  older: boolean;
  waiting: number;
  toggle: () => void;
}) {
  const state = older ? "older" : paused ? "paused" : liveState.value;
  return (
    <div class="live">
      <span class={`pulse ${state}`} role="status">
        {t(`live.${state}`)}
      </span>
      {waiting > 0 && <span class="badge">{t("live.waiting", { n: waiting })}</span>}
      {!older && (
        <button type="button" onClick={toggle} aria-pressed={paused}>
          <Icon name={paused ? "play" : "pause"} />
          {t(paused ? "live.resume" : "live.pause")}
        </button>
      )}
    </div>
  );
}

/** Take in what the stream says; while standing still, only count. A filtered list is asked again instead. */
function useNews(still: boolean, filtered: boolean, list: Loaded<List>, restat: () => void): number {
  const [waiting, setWaiting] = useState<ReadonlySet<string>>(new Set());
  const now = useRef({ still, filtered, list, restat });
  now.current = { still, filtered, list, restat };

  useEffect(() => {
    if (still) return;
    setWaiting((old) => {
      if (old.size > 0) now.current.list.again();
      return new Set();
    });
  }, [still]);

  useEffect(() => {
    const askSoon = atMostEvery(REFRESH_MS, () => {
      if (now.current.still) return;
      // Asking anew gives up the answer on its way; where answers are slow, none would ever be seen.
      if (now.current.list.busy) askSoon();
      else now.current.list.again();
    });
    const restatSoon = atMostEvery(STATS_MS, () => now.current.still || now.current.restat());
    return follow((event, body) => {
      const news = event === "decisions" ? (body as News) : undefined;
      if (now.current.still) {
        const shown = new Set(now.current.list.value?.decisions.map((decision) => decision.id));
        const ids = (news?.ids ?? []).filter((id) => !shown.has(id));
        if (ids.length) setWaiting((old) => new Set([...old, ...ids].slice(-WAITING_MAX)));
        return;
      }
      const { value } = now.current.list;
      // A list on its way may be older than the news, and takes its place: then it is asked again after that.
      if (news && !news.more && !now.current.filtered && value && !now.current.list.busy)
        now.current.list.set(merged(value, news));
      else askSoon();
      if (event !== "hello") restatSoon();
    });
  }, []);
  return waiting.size;
}

/** The list with newer summaries in their places, newest first. */
function merged(list: List, news: News): List {
  const byId = new Map(list.decisions.map((decision) => [decision.id, decision]));
  const oldest = list.decisions.at(-1)?.time ?? "";
  let opened = 0;
  for (const decision of news.decisions) {
    if (!byId.has(decision.id)) {
      // A change of a decision further back belongs to another page.
      if (list.continue && decision.time < oldest) continue;
      opened += 1;
    }
    byId.set(decision.id, decision);
  }
  const decisions = [...byId.values()].sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
  return { ...list, decisions: decisions.slice(0, LIMIT), total: list.total + opened };
}

/** The first call at once, then no more often than `ms`, and never the last one lost. */
function atMostEvery(ms: number, run: () => void): () => void {
  let timer = 0;
  let last = 0;
  return () => {
    if (timer) return;
    timer = window.setTimeout(
      () => {
        timer = 0;
        last = Date.now();
        run();
      },
      Math.max(0, last + ms - Date.now()),
    );
  };
}

/** Ids that were not in the list before: they light up for a moment. */
function useFresh(decisions: Summary[] | undefined, key: string): Set<string> {
  const seen = useRef<{ key: string; ids: Set<string> }>({ key: "", ids: new Set() });
  return useMemo(() => {
    const ids = new Set((decisions ?? []).map((decision) => decision.id));
    const same = seen.current.key === key && seen.current.ids.size > 0;
    const fresh = new Set(same ? [...ids].filter((id) => !seen.current.ids.has(id)) : []);
    if (decisions) seen.current = { key, ids };
    return fresh;
  }, [decisions, key]);
}

interface ResultsProps {
  list: List;
  fresh: Set<string>;
  filtered: boolean;
  kept: number | undefined;
  /** Chosen to be compared. */
  picked: Summary[];
  pick: (decision: Summary) => void;
}

/** Two at most: a third one takes the place of the older choice. */
function toggled(picked: Summary[], decision: Summary): Summary[] {
  const others = picked.filter((one) => one.id !== decision.id);
  return others.length < picked.length ? others : [...others, decision].slice(-2);
}

function Picked({ picked, clear }: { picked: Summary[]; clear: () => void }) {
  const [first, second] = [...picked].sort((a, b) => (a.time < b.time ? -1 : 1));
  if (!first) return null;
  return (
    <div class="decisions-chosen" role="status">
      {second ? (
        <a href={comparePath(first.id, second.id)}>
          {t("compare.do", { a: first.pod.name, b: second.pod.name })}
        </a>
      ) : (
        <span class="muted">{t("compare.another", { a: first.pod.name })}</span>
      )}
      <button type="button" class="quiet" onClick={clear}>
        {t("compare.clear")}
      </button>
    </div>
  );
}

function Results({ list, fresh, filtered, kept, picked, pick }: ResultsProps) {
  if (list.decisions.length === 0 && filtered) {
    return (
      <Notice
        title={t("list.nothing.title")}
        action={{ label: t("filter.clear"), run: () => go("/decisions", true) }}
      >
        <p>{t("list.nothing.advice", { total: kept ?? 0 })}</p>
      </Notice>
    );
  }
  if (list.decisions.length === 0) {
    return (
      <Notice title={t("list.empty.title")}>
        <p>{t("list.empty.advice")}</p>
      </Notice>
    );
  }
  return (
    <Wide>
      <table class="decisions">
        <caption class="sr-only">{t("list.caption")}</caption>
        <thead>
          <tr>
            <th scope="col">{t("list.time")}</th>
            <th scope="col">{t("list.pod")}</th>
            <th scope="col" class="wide">
              {t("list.namespace")}
            </th>
            <th scope="col">{t("list.verdict")}</th>
            <th scope="col" class="middle">
              {t("list.node")}
            </th>
            <th scope="col" class="number middle">
              {t("list.duration")}
            </th>
            <th scope="col" class="wide">
              {t("list.revision")}
            </th>
            <th scope="col" class="decisions-pick">
              <span class="sr-only">{t("compare.pick")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {list.decisions.map((decision) => (
            <Row
              key={decision.id}
              decision={decision}
              fresh={fresh.has(decision.id)}
              picked={picked.some((one) => one.id === decision.id)}
              pick={() => pick(decision)}
            />
          ))}
        </tbody>
      </table>
    </Wide>
  );
}

interface RowProps {
  decision: Summary;
  fresh: boolean;
  picked: boolean;
  pick: () => void;
}

function Row({ decision, fresh, picked, pick }: RowProps) {
  const { pod } = decision;
  // A pod without a node has a reason instead.
  const reason =
    decision.message || (decision.outcome === "unschedulable" && decision.rejections[0]?.reason) || "";
  return (
    <tr class={fresh ? "fresh" : ""}>
      <td class="time">
        <time dateTime={decision.time} title={decision.time}>
          {moment(decision.time)}
        </time>
      </td>
      <td class="pod">
        <a href={`/decisions/${encodeURIComponent(decision.id)}`}>{pod.name}</a>
        {decision.attempt > 1 && <span class="badge">{t("list.attempt", { n: decision.attempt })}</span>}
        <span class="narrow muted small">
          {pod.namespace} <span class="narrowest">· {moment(decision.time)}</span>
        </span>
      </td>
      <td class="wide">{pod.namespace}</td>
      <td>
        <Verdict outcome={decision.outcome} />
        <span class="narrow small mono">{decision.node}</span>
      </td>
      <td class="middle mono">
        {decision.node || (
          <span class="muted reason" title={reason}>
            {said(reason) || t("none")}
          </span>
        )}
      </td>
      <td class="number middle">{milliseconds(decision.duration_ms)}</td>
      <td class="wide mono muted" title={decision.revision}>
        {decision.revision.slice(0, 12) || t("none")}
      </td>
      <td class="decisions-pick">
        <input
          type="checkbox"
          checked={picked}
          onChange={pick}
          aria-label={t("compare.pick.one", { pod: pod.name, n: decision.attempt })}
        />
      </td>
    </tr>
  );
}

function Paging({ list, filters, token }: { list: List; filters: string; token: string }) {
  const href = (next: string) => {
    const query = new URLSearchParams(filters);
    if (next) query.set("continue", next);
    return `/decisions${query.size ? `?${query}` : ""}`;
  };
  const announced = list.decisions[0];
  return (
    <nav class="paging" aria-label={t("list.paging")}>
      <span class="muted">{t("list.count", { shown: list.decisions.length, total: list.total })}</span>
      {announced && (
        <span class="sr-only" aria-live={token ? "polite" : "off"}>
          {t("live.announce", { n: count(list.decisions.length), time: moment(announced.time) })}
        </span>
      )}
      {token && <a href={href("")}>{t("list.newest")}</a>}
      {list.continue && <a href={href(list.continue)}>{t("list.older")}</a>}
    </nav>
  );
}

function Flow({ span }: { span: string | null }) {
  const [open, setOpen] = useState(false);
  return (
    <details class="panel" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <h2>{t("flow.title")}</h2>
      </summary>
      {open && (
        <Flowchart path={span ? `/api/flowchart?since=${encodeURIComponent(span)}` : "/api/flowchart"} />
      )}
    </details>
  );
}
