"""PodDisruptionBudgets: which pods cannot go without breaking one (plugins.md §0.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from extender.framework.declaration import Kind
from extender.model.events import Object
from extender.model.pod import Pod

BUDGET = Kind(group="policy", version="v1", plural="poddisruptionbudgets", kind="PodDisruptionBudget", status=True)
"""What a plugin that splits by budgets watches."""


@dataclass(frozen=True, slots=True)
class _Requirement:
    key: str
    operator: str
    values: frozenset[str]

    def holds(self, labels: Mapping[str, str]) -> bool:
        if self.operator == "In":
            return labels.get(self.key) in self.values
        if self.operator == "NotIn":
            return self.key not in labels or labels[self.key] not in self.values
        return (self.key in labels) == (self.operator == "Exists")


@dataclass(frozen=True, slots=True)
class _Budget:
    requirements: tuple[_Requirement, ...]
    allowed: int
    disrupted: frozenset[str]
    """Names of pods whose disruption is counted already."""

    def covers(self, pod: Pod) -> bool:
        return pod.name not in self.disrupted and all(need.holds(pod.labels) for need in self.requirements)


class Budgets:
    """The budgets as they stood when this was made."""

    def __init__(self, objects: Mapping[str, Mapping[str, Object]]) -> None:
        """`objects`: kind -> key -> object, as a Cycle has them. A budget without a usable selector matches nothing."""
        self._of: dict[str, list[_Budget]] = {}
        for key, found in objects.get(BUDGET.kind, {}).items():
            budget = _budget_of(found)
            if budget is not None:
                self._of.setdefault(key.partition("/")[0], []).append(budget)

    def split(self, pods: Iterable[Pod]) -> tuple[list[Pod], list[Pod]]:
        """(pods whose going breaks a budget, the others), as the pods go in the order given; the order is kept."""
        spent: dict[int, int] = {}
        violating: list[Pod] = []
        others: list[Pod] = []
        for pod in pods:
            (violating if self._breaks(pod, spent) else others).append(pod)
        return violating, others

    def broken_by(self, pods: Sequence[Pod]) -> int:
        """How many of the pods break a budget when all of them go, in the order given."""
        return len(self.split(pods)[0])

    def _breaks(self, pod: Pod, spent: dict[int, int]) -> bool:
        if not pod.labels:
            return False
        broken = False
        for budget in self._of.get(pod.namespace, ()):
            if budget.covers(pod):
                gone = spent[id(budget)] = spent.get(id(budget), 0) + 1
                broken |= gone > budget.allowed
        return broken


def _budget_of(found: Object) -> _Budget | None:
    """None if it can match no pod: no selector, an empty one, or one that is not well formed."""
    spec, status = _mapping(found.get("spec")), _mapping(found.get("status"))
    requirements = _requirements(_mapping(spec.get("selector")))
    if not requirements:
        return None
    allowed = status.get("disruptionsAllowed")
    return _Budget(
        tuple(requirements),
        allowed if isinstance(allowed, int) else 0,
        frozenset(_mapping(status.get("disruptedPods"))),
    )


def _requirements(selector: Mapping[str, Any]) -> list[_Requirement] | None:
    found = []
    for key, value in _mapping(selector.get("matchLabels")).items():
        if not isinstance(value, str):
            return None
        found.append(_Requirement(key, "In", frozenset({value})))
    expressions = selector.get("matchExpressions")
    for expression in expressions if isinstance(expressions, list) else ():
        requirement = _requirement(_mapping(expression))
        if requirement is None:
            return None
        found.append(requirement)
    return found


def _requirement(expression: Mapping[str, Any]) -> _Requirement | None:
    key, operator, values = expression.get("key"), expression.get("operator"), expression.get("values") or []
    if not isinstance(key, str) or not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        return None
    if operator not in (("In", "NotIn") if values else ("Exists", "DoesNotExist")):
        return None
    return _Requirement(key, operator, frozenset(values))


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}
