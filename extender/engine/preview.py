"""What another policy would have done with the pods that were decided about last. Nothing is reserved or recorded.

Every pod is placed twice in the cluster as it is now, by the policy in effect and by the other one, among the nodes
that its scheduler offered then (all nodes, where nobody knows which). A pod that is bound meanwhile counts where it
stands, for both policies alike; what preemption could still cure is counted as rejected.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

import numpy as np

from extender.engine.cycle import Pass, World, run_filters, run_scores
from extender.engine.profile import PolicySet
from extender.engine.trace import Trace
from extender.engine.winners import Mask, Rows, best, first, has_moved, has_settled
from extender.model.pod import Pod
from extender.record.costs import bucket_of, percentile

WORK_MAX_S = 5.0
"""Of this core, for one preview."""
LISTED_MAX = 200
"""Pods that are named in the answer."""


@dataclass(slots=True)
class Placed:
    winners: Mask
    """Of the rows that it was placed among."""
    trace: Trace
    spent_ns: int
    """By the plugins."""


@dataclass(slots=True)
class Preview:
    """What has been found so far."""

    evaluated: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    """rejected, accepted, moved, settled, same -> pods."""
    reasons: dict[str, Counter[tuple[str, str]]] = field(
        default_factory=lambda: {"rejected": Counter(), "accepted": Counter()}
    )
    pods: list[dict[str, Any]] = field(default_factory=list)
    costs: dict[str, Counter[int]] = field(default_factory=lambda: {"current": Counter(), "candidate": Counter()})

    def note(self, pod: Pod, before: Placed, after: Placed, rows: Rows, names: Sequence[str]) -> None:
        self.evaluated += 1
        for whose, placed in (("current", before), ("candidate", after)):
            self.costs[whose][bucket_of(placed.spent_ns / 1000)] += 1
        change, refusing = _change(before, after)
        self.counts[change] += 1
        why = _why(refusing) if refusing else []
        if refusing:
            self.reasons[change].update(why)
        if change in ("same", "settled"):
            return
        if len(self.pods) < LISTED_MAX:
            plugin, reason = why[0] if why else ("", "")
            self.pods.append(
                {
                    "namespace": pod.namespace,
                    "name": pod.name,
                    "change": change,
                    "from": _name(before, rows, names),
                    "to": _name(after, rows, names),
                    "plugin": plugin,
                    "reason": reason,
                }
            )

    def told(self) -> dict[str, Any]:
        changed = sum(self.counts[each] for each in ("rejected", "accepted", "moved"))
        return {
            "evaluated": self.evaluated,
            "newlyRejected": {"pods": self.counts["rejected"], "by": _by(self.reasons["rejected"])},
            "newlyAccepted": {"pods": self.counts["accepted"], "by": _by(self.reasons["accepted"])},
            "moved": self.counts["moved"],
            "settled": self.counts["settled"],
            "unchanged": self.counts["same"],
            "cost": {whose: _cost(costs) for whose, costs in self.costs.items()},
            "pods": self.pods,
            "podsLeftOut": changed - len(self.pods),
        }


async def preview(
    world: World, current: PolicySet, candidate: PolicySet, asked: Iterable[tuple[Pod, Rows]], now_s: float
) -> dict[str, Any]:
    """Pod by pod, with as long a pause after each as it took: calls are served in between."""
    found, spent_ns, stopped = Preview(), 0, ""
    for pod, rows in asked:
        if spent_ns > WORK_MAX_S * 1e9:
            stopped = "time"
            break
        started = perf_counter_ns()
        there = rows[world.state.nodes.present[rows]]
        before, after = (_place(world, policy, pod, there, now_s) for policy in (current, candidate))
        found.note(pod, before, after, there, world.state.nodes.names)
        spent_ns += perf_counter_ns() - started
        await asyncio.sleep((perf_counter_ns() - started) / 1e9)
    return found.told() | {"stopped": stopped}


def _place(world: World, policy: PolicySet, pod: Pod, rows: Rows, now_s: float) -> Placed:
    """Filter, then score what passed, as two calls of a scheduling cycle would."""
    profile, trace = policy.for_pod(pod, now_s), Trace()
    codes = run_filters(Pass(world, profile, pod, rows, now_s, quiet=True), trace)
    passed = codes == 0
    totals = run_scores(Pass(world, profile, pod, rows[passed], now_s, quiet=True), policy.scale, trace)
    return Placed(best(passed, totals), trace, trace.spent_ns)


def _change(before: Placed, after: Placed) -> tuple[str, Trace | None]:
    """What changed; and who rejects in the one policy what the other lets pass."""
    if before.winners.any() and not after.winners.any():
        return "rejected", after.trace
    if after.winners.any() and not before.winners.any():
        return "accepted", before.trace
    if has_moved(before.winners, after.winners):
        return "moved", None
    return "settled" if has_settled(before.winners, after.winners) else "same", None


def _why(trace: Trace) -> list[tuple[str, str]]:
    """(plugin, reason) of all that rejected, the one of most nodes first."""
    found = sorted(trace.rejected_by(), key=lambda row: -row[2])
    return [(plugin, reason) for plugin, reason, _nodes in found]


def _by(counted: Counter[tuple[str, str]]) -> list[dict[str, Any]]:
    return [{"plugin": plugin, "reason": reason, "pods": pods} for (plugin, reason), pods in counted.most_common()]


def _cost(costs: Counter[int]) -> dict[str, float | None]:
    return {"p50Us": percentile(costs, 0.5), "p99Us": percentile(costs, 0.99)}


def _name(placed: Placed, rows: Rows, names: Sequence[str]) -> str:
    row = first(placed.winners, rows)
    return names[row] if row >= 0 else ""


def every_row(world: World) -> Rows:
    return np.flatnonzero(world.state.nodes.present).astype(np.int32)
