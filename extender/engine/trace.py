"""Who said what in one call. Filled while the cycle runs, read by `explain` and, after the answer, by the journal.

Filling must be cheap: references and numbers only. Texts, counts by reason and the best nodes are worked out
when somebody reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from numpy.typing import NDArray

from extender.engine.best import largest
from extender.framework.declaration import Rejection
from extender.model.verdict import Code, Phase
from extender.record.frames import NodeRejection, NodeScore, PluginVerdict
from extender.telemetry import metrics
from extender.telemetry.single import Distribution

BEST_KEPT = 10
REJECTED_KEPT = 20
# A fault of ours (Error) refuses nobody.
_REFUSALS = (Code.UNSCHEDULABLE, Code.UNRESOLVABLE, Code.WAIT)


@dataclass(slots=True)
class PodStep:
    """A pod-level part: one verdict for all nodes."""

    plugin: str
    phase: Phase
    code: Code
    reason: str
    label: str
    nodes_in: int
    duration_ns: int

    @property
    def rejected(self) -> int:
        return self.nodes_in if self.code in _REFUSALS else 0


@dataclass(slots=True)
class FilterStep:
    """A part that speaks about each node. Its rejections have the codes base + 1 … base + count."""

    plugin: str
    base: int
    count: int
    nodes_in: int
    rejected: int
    duration_ns: int
    error: str = ""
    phase: Phase = Phase.FILTER
    message: str = ""


@dataclass(slots=True)
class ScoreStep:
    """A compiled score: one value per candidate; `normalized` is None where the plugin failed."""

    plugin: str
    weight: int
    raw: NDArray[np.int64]
    normalized: NDArray[np.int64] | None
    duration_ns: int
    error: str = ""


@dataclass(slots=True)
class Trace:
    pod_steps: list[PodStep] = field(default_factory=list)
    filter_steps: list[FilterStep] = field(default_factory=list)
    score_steps: list[ScoreStep] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    """codes[i] == k means rejections[k - 1]."""
    owners: list[str] = field(default_factory=list)
    """Plugin of each rejection."""
    labels: list[str] = field(default_factory=list)
    """Words of each rejection that are free of the pod, as the counts have them."""
    codes: NDArray[np.int16] | None = None
    passed: int = 0
    """How many of them are 0."""
    totals: NDArray[np.int64] | None = None

    def add_rejection(self, plugin: str, rejection: Rejection, label: str = "") -> int:
        """The code that stands for it. `label`: where its reason names the pod."""
        self.rejections.append(rejection)
        self.owners.append(plugin)
        self.labels.append(label or rejection.reason)
        return len(self.rejections)

    def verdicts(self) -> list[PluginVerdict]:
        return [
            *(self._of_pod_step(step) for step in self.pod_steps),
            *(self._of_filter_step(step) for step in self.filter_steps),
            *(_of_score_step(step) for step in self.score_steps),
        ]

    def count(self) -> None:
        """Tell the metrics how long each plugin took and what it rejected. After the answer is out."""
        for plugin, phase, duration_ns in self._durations():
            _seconds(plugin, phase).observe(duration_ns / 1e9)
        for plugin, label, rejected in self.rejected_by():
            metrics.PLUGIN_REJECTIONS.labels(plugin, label).inc(rejected)
        for step in self.pod_steps:
            if step.phase is Phase.PRE_BIND and step.code is Code.SUCCESS and step.label:
                metrics.PLUGIN_WARNINGS.labels(step.plugin, step.label).inc()

    @property
    def spent_ns(self) -> int:
        """By all plugins together."""
        return sum(duration_ns for _plugin, _phase, duration_ns in self._durations())

    @property
    def failed(self) -> bool:
        """Some plugin raised, or left its score range."""
        steps: tuple[FilterStep | ScoreStep, ...] = (*self.filter_steps, *self.score_steps)
        return any(step.code is Code.ERROR for step in self.pod_steps) or any(step.error for step in steps)

    def _durations(self) -> Iterator[tuple[str, Phase, int]]:
        yield from ((step.plugin, step.phase, step.duration_ns) for step in self.pod_steps)
        yield from ((step.plugin, step.phase, step.duration_ns) for step in self.filter_steps)
        yield from ((step.plugin, Phase.SCORE, step.duration_ns) for step in self.score_steps)

    def rejected_by(self) -> list[tuple[str, str, int]]:
        """(plugin, bounded label of the reason, nodes) for the metrics."""
        counted = [(step.plugin, step.label, step.rejected) for step in self.pod_steps if step.rejected]
        for step in self.filter_steps:
            counted.extend((step.plugin, reason, count) for reason, count in self._counts(step).items())
        return counted

    def rejected_sample(self, names: Sequence[str]) -> list[NodeRejection]:
        """The first rejected nodes, at most REJECTED_KEPT."""
        if self.codes is None or not self.codes.any():
            return []
        found = np.flatnonzero(self.codes)[:REJECTED_KEPT]
        return [self._rejection(names[i], int(self.codes[i])) for i in found]

    def best(self, names: Sequence[str]) -> list[NodeScore]:
        """The best nodes, at most BEST_KEPT, best first; ties in the order sent."""
        if self.totals is None:
            return []
        order = largest(self.totals, BEST_KEPT)
        plugins, columns = [], []
        for step in self.score_steps:
            if step.normalized is not None:
                raw, normalized = step.raw[order].tolist(), step.normalized[order].tolist()
                plugins.append(step.plugin)
                columns.append(
                    zip(raw, normalized, [of_hundred * step.weight for of_hundred in normalized], strict=True)
                )
        parts = [dict(zip(plugins, row, strict=True)) for row in zip(*columns, strict=True)] or [{} for _ in order]
        best = zip(order.tolist(), self.totals[order].tolist(), parts, strict=True)
        return [NodeScore(names[i], total, of_plugins) for i, total, of_plugins in best]

    def _rejection(self, node: str, code: int) -> NodeRejection:
        rejection = self.rejections[code - 1]
        return NodeRejection(node, self.owners[code - 1], self.labels[code - 1], not rejection.cured_in_tree)

    def _of_pod_step(self, step: PodStep) -> PluginVerdict:
        return PluginVerdict(
            plugin=step.plugin,
            phase=step.phase,
            code=step.code,
            nodes_in=step.nodes_in,
            rejected=step.rejected,
            reasons={step.label: step.rejected} if step.rejected else {},
            duration_us=step.duration_ns / 1000,
            message=step.reason,
        )

    def _of_filter_step(self, step: FilterStep) -> PluginVerdict:
        return PluginVerdict(
            plugin=step.plugin,
            phase=step.phase,
            code=Code.ERROR if step.error else Code.SUCCESS if step.rejected < step.nodes_in else Code.UNSCHEDULABLE,
            nodes_in=step.nodes_in,
            rejected=step.rejected,
            reasons=self._counts(step),
            duration_us=step.duration_ns / 1000,
            message=step.error or step.message,
        )

    def _counts(self, step: FilterStep) -> dict[str, int]:
        if self.codes is None or not step.rejected:
            return {}
        counted = np.bincount(self.codes, minlength=step.base + step.count + 1)
        codes = range(step.base + 1, step.base + step.count + 1)
        return {self.rejections[k - 1].reason: int(counted[k]) for k in codes if counted[k]}


@cache
def _seconds(plugin: str, phase: Phase) -> Distribution:
    """Looked up once: there are as many as installed plugins have phases."""
    return metrics.PLUGIN_SECONDS.labels(plugin, phase)


def _of_score_step(step: ScoreStep) -> PluginVerdict:
    return PluginVerdict(
        plugin=step.plugin,
        phase=Phase.SCORE,
        code=Code.ERROR if step.error else Code.SUCCESS,
        nodes_in=len(step.raw),
        duration_us=step.duration_ns / 1000,
        message=step.error,
    )
