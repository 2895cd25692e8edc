import { count, seconds, t } from "@shell/i18n";
import type { PhaseStory, Rejection, Story } from "./model";

const WAITS_BY_PLUGIN: Record<string, "gang" | "quota"> = {
  Coscheduling: "gang",
  CapacityScheduling: "quota",
  TenantQuota: "quota",
};

/** The whole decision in one sentence. */
export function sentence(story: Story): string {
  const filter = story.phases.findLast((phase) => phase.phase === "filter");
  const numbers = { in: filter?.nodes_in ?? 0, out: filter?.nodes_out ?? 0 };
  switch (story.outcome) {
    case "scheduled":
      return [scheduled(story, filter === undefined, numbers), waited(story)].filter(Boolean).join(" ");
    case "unschedulable":
      return unschedulable(story, numbers.in);
    case "error":
      return t("one.said.error", { message: story.message || t("none") });
    default: {
      const held = story.phases.findLast((phase) => phase.waits);
      if (held) return t("one.said.wait.permit", { node: held.node, reason: waitReason(held) });
      if (filter === undefined) return preempting(story);
      return t("one.said.unknown", numbers);
    }
  }
}

/** Full before Trimtab was asked: what preemption may do about it. */
function preempting(story: Story): string {
  const call = story.phases.findLast((phase) => phase.phase === "preempt");
  if (!call) return t("one.said.unknown", { in: 0, out: 0 });
  const [node, victims] = Object.entries(call.proposed)[0] ?? [];
  if (node === undefined || victims === undefined) return t("one.said.preempt.none", { in: call.nodes_in });
  return t("one.said.preempt", { in: call.nodes_in, out: call.nodes_out, node, n: victims.length });
}

function waited(story: Story): string {
  return story.waited_ms > 0 ? t("one.said.waited", { time: seconds(story.waited_ms) }) : "";
}

/** Who holds the pod back, and for whom. */
function waitReason(phase: PhaseStory): string {
  const holders = phase.plugins
    .filter((plugin) => plugin.code === "Wait")
    .map((plugin) => (plugin.message ? `${plugin.plugin}: ${plugin.message}` : plugin.plugin));
  return holders.join("; ") || phase.message || t("one.said.wait.others");
}

/** What a rejected pod waits for, where that is one of the things that come by themselves. */
function waitsFor(rejection: Rejection): "gang" | "quota" | "reservation" | undefined {
  return rejection.reason.includes("reserved for") ? "reservation" : WAITS_BY_PLUGIN[rejection.plugin];
}

function scheduled(story: Story, unfiltered: boolean, numbers: { in: number; out: number }): string {
  if (unfiltered) return t("one.said.scheduled.plain", { node: story.node });
  const best = story.scores[0];
  if (!best) return t("one.said.scheduled", { node: story.node, ...numbers });
  const score = count(best.score);
  // Equal scores are equally best; kube-scheduler picks one of them by chance.
  const top = story.scores.some((entry) => entry.node === story.node && entry.score === best.score);
  if (top) return t("one.said.scheduled.best", { node: story.node, score, ...numbers });
  return t("one.said.scheduled.other", { node: story.node, best: best.node, score, ...numbers });
}

function unschedulable(story: Story, nodes: number): string {
  if (nodes === 0) return t("one.said.unschedulable.none");
  const first = story.rejections.find(
    (rejection) => rejection.mode === "enforce" && rejection.phase !== "postFilter",
  );
  if (!first) return t("one.said.unschedulable.plain", { in: nodes });
  const wait = first.nodes >= nodes ? waitsFor(first) : undefined;
  if (wait) return t(`one.said.wait.${wait}`, { reason: first.reason, plugin: first.plugin });
  const said = first.nodes === nodes ? "one.said.unschedulable.all" : "one.said.unschedulable";
  return t(said, {
    in: nodes,
    n: first.nodes,
    reason: first.reason,
    plugin: first.plugin,
  });
}
