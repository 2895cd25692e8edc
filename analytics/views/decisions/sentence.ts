import { count, type Key, seconds, t } from "@shell/i18n";
import { said } from "@shell/phrases";
import type { PhaseStory, Story } from "./model";

/** The whole decision in one sentence. */
export function sentence(story: Story): string {
  const filter = story.phases.findLast((phase) => phase.phase === "filter");
  const numbers = { in: filter?.nodes_in ?? 0, out: filter?.nodes_out ?? 0 };
  switch (story.outcome) {
    case "scheduled":
      return [scheduled(story, filter === undefined, numbers), waited(story)].filter(Boolean).join(" ");
    case "unschedulable":
      return [unschedulable(story, numbers.in), makingRoom(story)].filter(Boolean).join(" ");
    case "error":
      return t("one.said.error", { message: said(story.message) || t("none") });
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
    .map((plugin) => (plugin.message ? `${plugin.plugin}: ${said(plugin.message)}` : plugin.plugin));
  return holders.join("; ") || said(phase.message) || t("one.said.wait.others");
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
  const cause = story.cause;
  if (!cause) return t("one.said.unschedulable.plain", { in: nodes });
  const { plugin } = cause;
  const reason = said(cause.reason);
  if (cause.meaning && cause.waits_for) {
    const words = t(`meaning.${cause.meaning}` as Key);
    return t(`one.said.wait.${cause.waits_for}` as Key, { words, plugin, reason });
  }
  const key = cause.every ? "one.said.unschedulable.all" : "one.said.unschedulable";
  return t(key, { in: nodes, n: cause.nodes, reason, plugin });
}

/** What preemption does about a pod that fits nowhere. */
function makingRoom(story: Story): string {
  const leaving = story.victims.filter((victim) => victim.result === "evicted");
  if (leaving.length > 0) {
    const nodes = [...new Set(leaving.map((victim) => victim.node))].sort();
    return t("one.said.room", {
      node: nodes.join(", "),
      n: new Set(leaving.map((victim) => victim.pod.uid)).size,
    });
  }
  const proposed = story.phases.findLast((phase) => phase.phase === "preempt")?.proposed ?? {};
  const [node, victims] = Object.entries(proposed)[0] ?? [];
  return node && victims ? t("one.said.room.proposed", { node, n: victims.length }) : "";
}
