import { data } from "@shell/api";
import { milliseconds, moment, seconds, t } from "@shell/i18n";
import { follow } from "@shell/live";
import { useLoad } from "@shell/load";
import { Copy, Loading, TroubleNotice, Verdict } from "@shell/parts";
import { podPath } from "@shell/pod";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { comparePath } from "./compare";
import { Evicted, evictedSentence, Proposed, Victims } from "./evictions";
import { Flowchart } from "./flowchart";
import type { Story } from "./model";
import { sentence } from "./sentence";
import { Attempts, BestNodes, Leases, Phases, Rejections } from "./tables";

export function OneDecision({ id }: { id: string }) {
  const path = `/api/v1/decisions/${encodeURIComponent(id)}`;
  const story = useLoad(path, (signal) => data<Story>(path, signal));
  useFollowed(id, story.again);

  useEffect(() => {
    document.title = `${story.value?.pod.name ?? t("decisions.title")} · Trimtab`;
  });

  if (story.value === undefined) {
    return story.trouble ? <TroubleNotice trouble={story.trouble} retry={story.again} /> : <Loading />;
  }
  return <Told story={story.value} path={path} />;
}

/** A decision that is still under way tells more by itself. */
function useFollowed(id: string, again: () => void): void {
  const latest = useRef(again);
  latest.current = again;
  useEffect(
    () =>
      follow((event, body) => {
        const ids = event === "decisions" ? (body as { ids: string[] }).ids : [];
        if (event === "resync" || ids.includes(id)) latest.current();
      }),
    [id],
  );
}

function Told({ story, path }: { story: Story; path: string }) {
  const gone = story.evicted.find((eviction) => eviction.result === "evicted");
  // Newest first: the attempt before is the next one.
  const before = story.attempts[story.attempts.findIndex((attempt) => attempt.id === story.id) + 1];
  return (
    <article>
      <nav class="crumbs" aria-label={t("one.back")}>
        <a href="/decisions">{t("one.back")}</a>
        <span aria-hidden="true">/</span>
        <a href={`/decisions?namespace=${encodeURIComponent(story.pod.namespace)}`}>{story.pod.namespace}</a>
        <span aria-hidden="true">/</span>
        <a href={podPath(story.pod)}>{t("one.pod")}</a>
      </nav>
      <div class="title">
        <div>
          <h1 class="name">
            {story.pod.name} <Verdict outcome={story.outcome} />
          </h1>
          {gone && <p class="said">{evictedSentence(gone)}</p>}
          <p class="said">{sentence(story)}</p>
        </div>
        {before && before.id !== story.id && (
          <a href={comparePath(before.id, story.id)}>{t("compare.before")}</a>
        )}
      </div>
      <Facts story={story} />
      {story.detail !== "kept" && <p class="aside">{t("one.expired", { why: story.detail })}</p>}
      <div class="columns">
        <section class="panel">
          <h2>{t("one.flow")}</h2>
          <Flowchart
            path={`${path}.mmd`}
            version={`${story.phases.length} ${story.outcome} ${story.victims.length} ${story.waited_ms}`}
          />
          <p class="aside">{t("one.hidden")}</p>
        </section>
        <div>
          <Phases phases={story.phases} />
          <Victims story={story} />
          <Proposed phases={story.phases} />
          <Evicted evictions={story.evicted} />
          <Rejections rejections={story.rejections} />
          <Attempts story={story} />
          <Leases leases={story.leases} />
        </div>
      </div>
      <BestNodes story={story} />
    </article>
  );
}

function Facts({ story }: { story: Story }) {
  const seen = story.seen_by === "watch" ? t("one.seen.watch") : story.seen_by ? t("one.seen.bind") : "";
  return (
    <dl class="facts" aria-label={t("one.facts")}>
      <Fact name={t("one.began")}>
        <time dateTime={story.time} title={story.time}>
          {moment(story.time)}
        </time>
      </Fact>
      <Fact name={t("one.ended")}>
        {story.ended ? (
          <>
            <time dateTime={story.ended} title={story.ended}>
              {moment(story.ended)}
            </time>
            {story.outcome === "scheduled" && seen && <span class="muted small"> {seen}</span>}
          </>
        ) : (
          <span class="muted">{t("one.ended.open")}</span>
        )}
      </Fact>
      <Fact name={t("one.duration")}>{milliseconds(story.duration_ms)}</Fact>
      {story.waited_ms > 0 && <Fact name={t("one.waited")}>{seconds(story.waited_ms)}</Fact>}
      <Fact name={t("one.revision")} copied={story.revision}>
        {story.revision || t("none")}
      </Fact>
      <Fact name={t("one.generation")}>{story.generation}</Fact>
      <Fact name={t("one.scheduler")}>{story.scheduler || t("none")}</Fact>
      <Fact name={t("one.profile")}>
        {story.profile || <span class="muted">{t("one.profile.none")}</span>}
      </Fact>
      {story.pod.owner && <Fact name={t("one.owner")}>{story.pod.owner}</Fact>}
      <Fact name={t("one.priority")}>{story.pod.priority}</Fact>
      <Fact name={t("one.id")} copied={story.id}>
        <span class="mono">{story.id}</span>
      </Fact>
      <Fact name={t("one.uid")} copied={story.pod.uid}>
        <span class="mono">{story.pod.uid}</span>
      </Fact>
    </dl>
  );
}

function Fact({ name, copied, children }: { name: string; copied?: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <span class="fact">{children}</span>
        {copied && <Copy text={copied} label={t("one.copy", { what: name })} />}
      </dd>
    </div>
  );
}
