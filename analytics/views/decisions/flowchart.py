"""Decisions as Mermaid flowcharts: one decision with its phases, or the flow over many with counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analytics.views.decisions.mermaid import Chart
from analytics.views.decisions.story import (
    QUIET_CODES,
    EvictionStory,
    PhaseStory,
    PluginStory,
    PodName,
    Story,
    waiting,
)

NODES_MAX: Final = 60
"""More boxes than this are a picture of nothing."""
_VICTIMS_NAMED: Final = 3
"""Per node."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is drawn before the rest is folded into one box."""

    phases: int
    plugins: int
    """Per phase."""
    reasons: int
    """Per plugin."""
    best: int


# From generous to frugal; the first that stays below NODES_MAX is used, and the last one always does.
_LIMITS: Final = (Limits(6, 12, 4, 5), Limits(5, 8, 2, 5), Limits(4, 5, 1, 3), Limits(3, 3, 1, 3))

_ROUND: Final = ("([", "])")
_STYLE_OF: Final = {"scheduled": "good", "unschedulable": "bad", "error": "bad"}


def draw(story: Story) -> str:
    """One decision, top down: pod, a group of plugins per phase, rejections beside them, best nodes, the end."""
    charts = (_draw(story, limits) for limits in _LIMITS)
    chart = next(charts)
    while chart.nodes > NODES_MAX:
        chart = next(charts)
    return chart.text()


def _draw(story: Story, limits: Limits) -> Chart:
    chart = Chart(
        title=f"Decision about pod {story.pod.namespace}/{story.pod.name}",
        description=f"Attempt {story.attempt}, {story.outcome}, {len(story.phases)} phases",
    )
    at = chart.node([f"Pod {story.pod.namespace}/{story.pod.name}", f"attempt {story.attempt}"], "quiet", _ROUND)
    folded = max(0, len(story.phases) - limits.phases)
    if folded:
        earlier = chart.node([f"{folded} earlier calls"], "quiet")
        chart.edge(at, earlier)
        at = earlier
    for phase in story.phases[folded:]:
        at = _draw_phase(chart, limits, story, phase, at)
    if story.victims:
        at = _draw_victims(chart, limits, story.victims, at)
    end = chart.node(_end(story), _STYLE_OF.get(story.outcome, "open"), _ROUND)
    chart.edge(at, end)
    return chart


def _end(story: Story) -> list[str]:
    match story.outcome:
        case "scheduled":
            return [f"Scheduled on {story.node}" if story.node else "Scheduled"]
        case "unschedulable":
            return ["Unschedulable", story.message or "no node passed"]
        case "error":
            return ["Error", story.message]
        case _ if waiting(story) is not None:
            return ["Waiting for others"]
        case _:
            return ["End not seen"]


def _draw_phase(chart: Chart, limits: Limits, story: Story, phase: PhaseStory, at: str) -> str:
    title = f"{phase.phase} for the nominated node" if phase.nominated else phase.phase
    spent = "waiting still" if phase.waits else _ms(phase.duration_ms)
    chart.open(f"{title} · {spent}")
    drawn, folded = _fold(phase.plugins, limits.plugins)
    left = phase.nodes_in
    rejections: list[tuple[str, PluginStory]] = []
    if phase.phase == "permit":
        at = _draw_permit(chart, phase, drawn, folded, at)
    elif phase.phase == "score":
        at = _draw_scorers(chart, limits, story, phase, drawn, folded, at)
    else:
        for plugin in drawn:
            node = chart.node(_plugin_rows(plugin), "step")
            chart.edge(at, node, _nodes(left) if phase.phase == "filter" else "")
            left = max(0, left - plugin.rejected)
            at = node
            if plugin.rejected:
                rejections.append((node, plugin))
        if folded:
            node = chart.node([_folded(folded)], "quiet")
            chart.edge(at, node, _nodes(left) if phase.phase == "filter" else "")
            at = node
        leaving = chart.node(_leaving(phase), "quiet")
        chart.edge(at, leaving, _nodes(phase.nodes_out) if phase.phase == "filter" else "")
        at = leaving
        _draw_proposed(chart, limits, phase.proposed, at)
    chart.close()
    for node, plugin in rejections:
        _draw_rejections(chart, node, plugin, limits.reasons)
    return at


def _leaving(phase: PhaseStory) -> list[str]:
    match phase.phase:
        case "filter":
            unknown = f"{phase.nodes_unknown} unknown to the cache" if phase.nodes_unknown else ""
            return [f"{phase.nodes_out} of {phase.nodes_in} nodes passed", unknown]
        case "bind":
            return [f"Bind to {phase.node}" if phase.node else "Bind", phase.message if phase.code != "Success" else ""]
        case _:
            return [f"{phase.nodes_out} of {phase.nodes_in} nodes left", phase.message]


def _draw_permit(
    chart: Chart, phase: PhaseStory, drawn: Sequence[PluginStory], folded: Sequence[PluginStory], at: str
) -> str:
    """Who held the pod back, for whom, and on which node its place was kept."""
    for plugin in drawn:
        node = chart.node([plugin.plugin, plugin.message or plugin.code], "wait" if plugin.code == "Wait" else "step")
        chart.edge(at, node)
        at = node
    if folded:
        node = chart.node([_folded(folded)], "quiet")
        chart.edge(at, node)
        at = node
    kept = f"keeps its place on {phase.node}" if phase.node else ""
    state = "waits still" if phase.waits else f"waited {_ms(phase.duration_ms)}"
    node = chart.node([state, kept, "" if drawn else phase.message], "wait")
    chart.edge(at, node)
    return node


def _draw_proposed(chart: Chart, limits: Limits, proposed: Mapping[str, Sequence[PodName]], at: str) -> None:
    """Who would leave which node: the scheduler takes one of them."""
    shown = list(proposed.items())[: limits.plugins // 2]
    for node, pods in shown:
        names = [f"{pod.namespace}/{pod.name}" for pod in pods[:_VICTIMS_NAMED]]
        more = [f"and {len(pods) - len(names)} more"] if len(pods) > len(names) else []
        chart.edge(at, chart.node([f"may clear {node}", "of", *names, *more], "wait"), dotted=True)
    if len(proposed) > len(shown):
        chart.edge(at, chart.node([f"or {_nodes(len(proposed) - len(shown))} more"], "quiet"), dotted=True)


def _draw_victims(chart: Chart, limits: Limits, victims: Sequence[EvictionStory], at: str) -> str:
    """Whom the pod made leave; who was asked more than once shows how it ended."""
    last = {(v.pod.namespace, v.pod.name, v.pod.uid): v for v in victims}
    shown = list(last.values())[: limits.best]
    chart.open("eviction")
    asked = chart.node([f"{shown[0].plugin} asks for room", shown[0].reason], "step")
    chart.edge(at, asked)
    for victim in shown:
        style = "rejected" if victim.result == "evicted" else "quiet"
        rows = [f"{victim.result} {victim.pod.namespace}/{victim.pod.name}", f"on {victim.node}", victim.message]
        chart.edge(asked, chart.node(rows, style))
    if len(last) > len(shown):
        chart.edge(asked, chart.node([f"{len(last) - len(shown)} more pods"], "quiet"))
    chart.close()
    return asked


def _draw_scorers(
    chart: Chart,
    limits: Limits,
    story: Story,
    phase: PhaseStory,
    drawn: Sequence[PluginStory],
    folded: Sequence[PluginStory],
    at: str,
) -> str:
    """Scorers stand side by side: none of them sees what another one says."""
    weights = {plugin: part.weight for best in story.scores for plugin, part in best.parts.items()}
    scorers = []
    for plugin in drawn:
        weight = weights.get(plugin.plugin)
        rows = [plugin.plugin, f"weight {weight}" if weight is not None else "", _trouble(plugin)]
        scorers.append(chart.node(rows, "step"))
    if folded:
        scorers.append(chart.node([_folded(folded)], "quiet"))
    total = chart.node([f"Weighted sum of {_nodes(phase.nodes_in)}"], "quiet")
    for scorer in scorers:
        chart.edge(at, scorer)
        chart.edge(scorer, total)
    if not scorers:
        chart.edge(at, total)
    if not story.scores:
        return total
    best = None
    for rank, score in enumerate(story.scores[: limits.best], start=1):
        node = chart.node([f"{rank}: {score.node}", f"score {score.score}"], "best")
        chart.edge(total, node)
        if best is None or score.node == story.node:
            best = node
    return best or total


def _draw_rejections(chart: Chart, source: str, plugin: PluginStory, reasons_max: int) -> None:
    reasons = sorted(plugin.reasons.items(), key=lambda item: (-item[1], item[0]))
    reasons = reasons or [(plugin.message or "rejected", plugin.rejected)]
    for reason, count in reasons[:reasons_max]:
        chart.edge(source, chart.node([_nodes(count), reason], "rejected"), dotted=True)
    rest = reasons[reasons_max:]
    if rest:
        count = sum(count for _reason, count in rest)
        chart.edge(source, chart.node([_nodes(count), f"{len(rest)} other reasons"], "rejected"), dotted=True)


def _fold(plugins: Sequence[PluginStory], plugins_max: int) -> tuple[list[PluginStory], list[PluginStory]]:
    """Who rejected or failed is drawn first; who changed nothing is folded first. The order stays the policy's."""
    if len(plugins) <= plugins_max:
        return list(plugins), []
    by_weight = sorted(range(len(plugins)), key=lambda at: (plugins[at].code in QUIET_CODES, -plugins[at].rejected, at))
    keep = set(by_weight[: plugins_max - 1])
    drawn = [plugin for at, plugin in enumerate(plugins) if at in keep]
    return drawn, [plugin for at, plugin in enumerate(plugins) if at not in keep]


def _folded(plugins: Sequence[PluginStory]) -> str:
    rejected = sum(plugin.rejected for plugin in plugins)
    return f"{len(plugins)} more plugins, {rejected} rejected" if rejected else f"{len(plugins)} more plugins"


def _plugin_rows(plugin: PluginStory) -> list[str]:
    mode = "" if plugin.mode == "enforce" else f" ({plugin.mode})"
    part = "" if plugin.phase == "filter" else plugin.phase
    return [f"{plugin.plugin}{mode}", part, _trouble(plugin)]


def _trouble(plugin: PluginStory) -> str:
    if plugin.code in QUIET_CODES and not plugin.message:
        return ""
    return plugin.message or plugin.code


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"


def _ms(duration_ms: float) -> str:
    return f"{duration_ms:.2f} ms"


def draw_flow(
    outcomes: Sequence[tuple[str, int]],
    rejections: Sequence[tuple[str, str, int]],
    nodes: Sequence[tuple[str, int]],
) -> str:
    """The flow over many decisions.

    `outcomes`: (outcome, decisions); `rejections`: (plugin, reason, nodes); `nodes`: (node, pods).
    """
    total = sum(count for _outcome, count in outcomes)
    chart = Chart(title="Flow of recent decisions", description=f"{total} decisions")
    start = chart.node([f"{total} decisions"], "quiet", _ROUND)
    chart.open("filter")
    passing = chart.node(["Filter plugins"], "step")
    chart.close()
    chart.edge(start, passing)
    for plugin, reason, count in rejections[:_FLOW_REJECTIONS_MAX]:
        chart.edge(passing, chart.node([plugin, reason, f"{_nodes(count)} rejected"], "rejected"), dotted=True)
    rest = rejections[_FLOW_REJECTIONS_MAX:]
    if rest:
        count = sum(count for _plugin, _reason, count in rest)
        chart.edge(
            passing, chart.node([f"{len(rest)} other reasons", f"{_nodes(count)} rejected"], "rejected"), dotted=True
        )
    for outcome, count in outcomes:
        end = chart.node([outcome, f"{count}"], _STYLE_OF.get(outcome, "open"), _ROUND)
        chart.edge(passing, end)
        if outcome == "scheduled":
            for node, pods in nodes[:_FLOW_NODES_MAX]:
                chart.edge(end, chart.node([node, f"{pods} pods" if pods != 1 else "1 pod"], "best"))
    return chart.text()


_FLOW_REJECTIONS_MAX: Final = 8
_FLOW_NODES_MAX: Final = 8
