"""In-tree filters of the stand-in scheduler: cordons, taints, node selectors, resources, number of pods."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from extender.lab.accounts import Account, Demand
from extender.lab.trees import Tree
from extender.model.resources import Resources


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a pod cannot go to a node, in the words that kube-scheduler uses."""

    reasons: tuple[str, ...]
    resolvable: bool
    """Taking other pods away could help."""


def misfit(demand: Demand, account: Account, beside: Iterable[Resources] = ()) -> Misfit | None:
    """None if the pod fits, next to what is there and to the requests `beside` that are promised a place."""
    spec, pod_spec = account.tree.get("spec") or {}, demand.stored.tree["spec"]
    if spec.get("unschedulable") and not _tolerates(
        pod_spec, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    ):
        return Misfit(("node(s) were unschedulable",), resolvable=False)
    for taint in spec.get("taints") or ():
        if taint["effect"] in ("NoSchedule", "NoExecute") and not _tolerates(pod_spec, taint):
            return Misfit(("node(s) had untolerated taint(s)",), resolvable=False)
    labels = account.tree["metadata"].get("labels") or {}
    if any(labels.get(key) != wanted for key, wanted in (pod_spec.get("nodeSelector") or {}).items()):
        return Misfit(("node(s) didn't match Pod's node affinity/selector",), resolvable=False)
    return _crowded(demand.request, account, list(beside))


def _crowded(request: Resources, account: Account, beside: list[Resources]) -> Misfit | None:
    taken, whole = account.requested, account.allocatable
    for other in beside:
        taken = taken.plus(other)
    reasons: list[str] = []
    never = False
    if len(account.pods) + len(beside) + 1 > whole.pods:
        reasons.append("Too many pods")
    amounts = (
        ("cpu", request.cpu_milli, taken.cpu_milli, whole.cpu_milli),
        ("memory", request.memory_bytes, taken.memory_bytes, whole.memory_bytes),
        ("ephemeral-storage", request.ephemeral_bytes, taken.ephemeral_bytes, whole.ephemeral_bytes),
        *(
            (n, amount, taken.scalars.get(n, 0), whole.scalars.get(n, 0))
            for n, amount in sorted(request.scalars.items())
        ),
    )
    for name, wanted, used, all_of_it in amounts:
        if wanted and wanted > all_of_it - used:
            reasons.append(f"Insufficient {name}")
            never = never or wanted > all_of_it
    return Misfit(tuple(reasons), resolvable=not never) if reasons else None


def _tolerates(pod_spec: Tree, taint: Tree) -> bool:
    return any(_matches(t, taint) for t in pod_spec.get("tolerations") or ())


def _matches(toleration: Tree, taint: Tree) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint["effect"]:
        return False
    if toleration.get("key") and toleration["key"] != taint["key"]:
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return True
    return bool(toleration.get("key")) and toleration.get("value", "") == taint.get("value", "")
