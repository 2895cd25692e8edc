"""PodDisruptionBudgets: what they allow, and the controller that keeps their status true."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from extender.lab.kinds import DISRUPTION_BUDGETS, PODS
from extender.lab.selectors import label_selector
from extender.lab.store import Change, Store, Stored
from extender.lab.trees import Tree


def budgets_of(store: Store, pod: Stored) -> list[Stored]:
    """The budgets that cover a pod, by name. A pod without labels has none."""
    if not pod.tree["metadata"].get("labels"):
        return []
    return [b for b in store.listed(DISRUPTION_BUDGETS, pod.namespace) if covers(b.tree, pod.tree)]


def covers(budget: Tree, pod: Tree) -> bool:
    """An absent selector covers nothing, an empty one everything in its namespace."""
    selector = budget["spec"].get("selector")
    return selector is not None and label_selector(selector)(pod)


def is_ready(pod: Tree) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def split(budgets: Iterable[Stored], pods: Iterable[Tree]) -> list[bool]:
    """For each pod in turn, whether taking it too would break a budget (as preemption counts it): every pod uses up one
    disruption of each budget that covers it, unless the budget knows already that it goes."""
    left = [(b, int((b.tree.get("status") or {}).get("disruptionsAllowed", 0))) for b in budgets]
    allowed = {b.key: n for b, n in left}
    breaking: list[bool] = []
    for pod in pods:
        breaks = False
        for budget, _n in left:
            if budget.namespace != pod["metadata"].get("namespace", "") or not _counts(budget.tree, pod):
                continue
            allowed[budget.key] -= 1
            breaks = breaks or allowed[budget.key] < 0
        breaking.append(breaks)
    return breaking


def _counts(budget: Tree, pod: Tree) -> bool:
    selector = budget["spec"].get("selector")
    if not pod["metadata"].get("labels") or not selector:
        return False
    going = (budget.get("status") or {}).get("disruptedPods") or {}
    return pod["metadata"]["name"] not in going and label_selector(selector)(pod)


class BudgetKeeper:
    """The disruption controller: after pods or budgets of a namespace changed, their status is computed anew."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stale: set[str] = {b.namespace for b in store.all(DISRUPTION_BUDGETS)}
        store.listeners.append(self._seen)

    def keep(self) -> None:
        """Bring the budgets of every namespace that changed up to date."""
        for namespace in sorted(self._stale):
            for budget in self._store.listed(DISRUPTION_BUDGETS, namespace):
                self._store.replace(budget, {**budget.tree, "status": self._status(budget)})
        self._stale.clear()

    def _seen(self, change: Change) -> None:
        if change.new.kind in (PODS, DISRUPTION_BUDGETS):
            self._stale.add(change.new.namespace)

    def _status(self, budget: Stored) -> Tree:
        pods = [p.tree for p in self._store.all(PODS, budget.namespace) if covers(budget.tree, p.tree)]
        pods = [p for p in pods if p["status"].get("phase") not in ("Succeeded", "Failed")]
        # Whoever is on its way out is neither expected nor healthy: it is replaced by another.
        staying = [p for p in pods if "deletionTimestamp" not in p["metadata"]]
        healthy = sum(map(is_ready, staying))
        desired = _desired(budget.tree["spec"], len(staying))
        return {
            "observedGeneration": budget.tree["metadata"].get("generation", 1),
            "disruptionsAllowed": max(0, healthy - desired),
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "expectedPods": len(staying),
        }


def _desired(spec: Mapping[str, Any], expected: int) -> int:
    """minAvailable, or what maxUnavailable leaves; percentages are rounded up."""
    if "minAvailable" in spec:
        return _amount(spec["minAvailable"], expected)
    return max(0, expected - _amount(spec.get("maxUnavailable", 0), expected))


def _amount(given: Any, expected: int) -> int:
    text = str(given)
    return math.ceil(int(text[:-1]) * expected / 100) if text.endswith("%") else int(text)
