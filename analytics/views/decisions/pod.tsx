/** One pod: where it stands and why, every attempt, and what was done to it. */
import { data } from "@shell/api";
import type { Eviction } from "@shell/eviction";
import { language, t } from "@shell/i18n";
import { follow } from "@shell/live";
import { usePolled } from "@shell/load";
import { Loading, Notice, TroubleNotice, Verdict } from "@shell/parts";
import { quoting } from "@shell/phrases";
import { useEffect, useRef } from "preact/hooks";
import { type Answer, Why as Causes, Lasting } from "./answer";
import { Evicted, evictedSentence } from "./evictions";
import type { Story } from "./model";
import { sentence } from "./sentence";
import { AttemptTable } from "./tables";
import { Trace } from "./trace";

/** The stream names decisions, not pods: a new attempt of this pod is seen by asking. */
const POLL_MS = 5000;

interface Why extends Answer {
  decision: Story | null;
  evicted: Eviction[];
}

export function OnePod({ namespace, name }: { namespace: string; name: string }) {
  const path = `/api/v1/pods/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/why?lang=${language.value}`;
  const why = usePolled(path, (signal) => data<Why>(path, signal), POLL_MS);
  const latest = useRef(why.again);
  latest.current = why.again;
  const newest = useRef("");
  newest.current = why.value?.decision?.id ?? "";

  useEffect(
    () =>
      follow((event, body) => {
        const ids = event === "decisions" ? (body as { ids: string[] }).ids : [];
        if (event === "resync" || event === "evictions" || ids.includes(newest.current)) latest.current();
      }),
    [],
  );
  useEffect(() => {
    document.title = `${name} · Trimtab`;
  });

  if (why.value === undefined) {
    if (!why.trouble) return <Loading />;
    if (why.trouble.kind !== "missing") return <TroubleNotice trouble={why.trouble} retry={why.again} />;
    return (
      <Notice title={t("pod.nothing.title")} action={{ label: t("trouble.retry"), run: why.again }}>
        <p class="mono">
          {namespace}/{name}
        </p>
        <p>{t("pod.nothing.advice")}</p>
      </Notice>
    );
  }
  return <Told namespace={namespace} name={name} why={why.value} />;
}

function Told({ namespace, name, why }: { namespace: string; name: string; why: Why }) {
  const gone = why.evicted.find((eviction) => eviction.result === "evicted");
  return (
    <article>
      <nav class="crumbs" aria-label={t("one.back")}>
        <a href="/decisions">{t("one.back")}</a>
        <span aria-hidden="true">/</span>
        <a href={`/decisions?namespace=${encodeURIComponent(namespace)}`}>{namespace}</a>
      </nav>
      <div class="title">
        <div>
          <h1 class="name">
            {name} {why.decision && <Verdict outcome={why.decision.outcome} />}
            <Lasting answer={why} />
          </h1>
          {/* For whom it had to leave is told below, and what else this would say. */}
          {!(gone && why.cause === "pod.evicted") && <p class="cause">{quoting(why.sentence)}</p>}
          {gone && <p class="said">{evictedSentence(gone)}</p>}
          {why.decision && <p class="said">{sentence(why.decision)}</p>}
          <p class="muted">{t("pod.lead")}</p>
        </div>
      </div>
      <Causes answer={why} />
      <Evicted evictions={why.evicted} />
      <Trace
        namespace={namespace}
        name={name}
        version={why.decision ? `${why.decision.id} ${why.decision.outcome}` : ""}
      />
      <section class="panel">
        <h2>{t("pod.attempts")}</h2>
        {why.decision ? (
          <AttemptTable story={why.decision} all />
        ) : (
          <p class="muted">{t("pod.attempts.none")}</p>
        )}
      </section>
    </article>
  );
}
