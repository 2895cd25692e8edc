"""Rules of the policy: which of them hold, by the state of the cluster."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from extender.cluster.state import METRICS_STALE_S, ClusterState
from extender.policy.modes import Allocation, Rule
from extender.telemetry import metrics


class Rules:
    def __init__(self, state: ClusterState) -> None:
        self.holding: frozenset[str] = frozenset()
        """Names of the rules that hold."""
        self._state = state
        self._rules: tuple[Rule, ...] = ()

    def use(self, rules: tuple[Rule, ...]) -> None:
        """A rule that stays as it is goes on holding between its two shares."""
        for rule in self._rules:
            if rule not in rules:
                metrics.RULE_HOLDS.labels(rule.name).set(0)
        self.holding &= {rule.name for rule in rules if rule in self._rules}
        self._rules = rules

    def look(self, now_s: float) -> bool:
        """Look at the cluster; whether anything has changed."""
        before, self.holding = self.holding, self._found(self._rules, self.holding, now_s)
        for rule in self._rules:
            metrics.RULE_HOLDS.labels(rule.name).set(rule.name in self.holding)
        return before != self.holding

    def rows(self) -> list[dict[str, Any]]:
        """For /configz."""
        return [{"name": rule.name, "holds": rule.name in self.holding} for rule in self._rules]

    def imagined(self, rules: tuple[Rule, ...], now_s: float) -> frozenset[str]:
        """Those of other rules that would hold now."""
        return self._found(rules, frozenset(), now_s)

    def _found(self, rules: Iterable[Rule], before: frozenset[str], now_s: float) -> frozenset[str]:
        return frozenset(rule.name for rule in rules if self._holds(rule, rule.name in before, now_s))

    def _holds(self, rule: Rule, held: bool, now_s: float) -> bool:  # noqa: FBT001 - an answer, not a switch
        if rule.when.allocation is None:
            end_s = self._state.metrics_end_s
            return not end_s or now_s - end_s > METRICS_STALE_S
        share = allocated(self._state, rule.when.allocation)
        limit = rule.when.allocation
        if held:
            return share >= (limit.above if limit.below is None else limit.below)
        return share > limit.above


def allocated(state: ClusterState, limit: Allocation) -> float:
    """Requested by the pods on all nodes, as a share of what the nodes have to give; 0 where they have none of it."""
    nodes = state.nodes
    column = nodes.resource_index(limit.resource)
    if column < 0:
        return 0.0
    there = nodes.present
    total = float(nodes.allocatable[there, column].sum(dtype=float))
    return float(nodes.requested[there, column].sum(dtype=float)) / total if total > 0 else 0.0
