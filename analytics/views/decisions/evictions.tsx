/** Evictions as the pages of decisions and pods show them. */
import { type Eviction, EvictionResult } from "@shell/eviction";
import { moment, t } from "@shell/i18n";
import { Wide } from "@shell/parts";
import { Phrase, said } from "@shell/phrases";
import { PodLink } from "@shell/pod";
import { Fragment } from "preact";
import type { PhaseStory, Story } from "./model";
import "./catalogue";

/** By whom, for whom and why a pod had to leave. */
export function evictedSentence(eviction: Eviction): string {
  const told = { node: eviction.node, plugin: eviction.plugin, reason: said(eviction.reason) };
  if (!eviction.preemptor) return t("evicted.said.evicted", told);
  return t("evicted.said.evicted.for", {
    ...told,
    pod: `${eviction.preemptor.namespace}/${eviction.preemptor.name}`,
  });
}

/** Pods that this decision's pod made leave. */
export function Victims({ story }: { story: Story }) {
  if (story.victims.length === 0) return null;
  return (
    <section class="panel">
      <h2>{t("one.victims")}</h2>
      <EvictionTable evictions={story.victims} who="pod" />
    </section>
  );
}

/** What was done to the pod itself. */
export function Evicted({ evictions }: { evictions: Eviction[] }) {
  if (evictions.length === 0) return null;
  return (
    <section class="panel">
      <h2>{t("one.evicted")}</h2>
      <EvictionTable evictions={evictions} who="preemptor" />
    </section>
  );
}

function EvictionTable({ evictions, who }: { evictions: Eviction[]; who: "pod" | "preemptor" }) {
  return (
    <Wide>
      <table class="evictions">
        <thead>
          <tr>
            <th scope="col">{t(who === "pod" ? "evictions.pod" : "evictions.by")}</th>
            <th scope="col">{t("evictions.result")}</th>
            <th scope="col">{t("evictions.reason")}</th>
          </tr>
        </thead>
        <tbody>
          {evictions.map((eviction) => (
            <tr key={eviction.time + eviction.pod.uid + eviction.result}>
              <td>
                {who === "pod" ? <PodLink pod={eviction.pod} /> : eviction.plugin}
                {who === "preemptor" && eviction.preemptor && (
                  <span class="note small">
                    {t("evictions.for")} <PodLink pod={eviction.preemptor} />
                  </span>
                )}
                <span class="note muted small mono">
                  {moment(eviction.time)} · {eviction.node}
                </span>
              </td>
              <td>
                <EvictionResult result={eviction.result} />
              </td>
              <td>
                <span class="note">
                  <Phrase text={eviction.reason} />
                </span>
                {eviction.message && (
                  <span class="note muted small">
                    <Phrase text={eviction.message} />
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Wide>
  );
}

/** Whom preemption may take, by node, as the last preempt call left it. */
export function Proposed({ phases }: { phases: PhaseStory[] }) {
  const nodes = Object.entries(phases.findLast((phase) => phase.phase === "preempt")?.proposed ?? {});
  if (nodes.length === 0) return null;
  return (
    <section class="panel">
      <h2>{t("one.proposed")}</h2>
      <Wide>
        <table>
          <thead>
            <tr>
              <th scope="col">{t("one.node")}</th>
              <th scope="col">{t("evictions.pod")}</th>
            </tr>
          </thead>
          <tbody>
            {nodes.map(([node, pods]) => (
              <tr key={node}>
                <th scope="row" class="mono">
                  {node}
                </th>
                <td>
                  {pods.map((pod, at) => (
                    <Fragment key={pod.uid}>
                      {at > 0 && ", "}
                      <PodLink pod={pod} />
                    </Fragment>
                  ))}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
      <p class="aside">{t("one.proposed.aside")}</p>
    </section>
  );
}
