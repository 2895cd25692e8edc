"""POST pods/eviction: delete a pod unless its disruption budget says no, as the API server's own handler does."""

from __future__ import annotations

from extender.lab.budgets import budgets_of, is_ready
from extender.lab.identity import Identities
from extender.lab.refusal import Refusal, wrong_uid
from extender.lab.store import Store, Stored
from extender.lab.trees import Tree, with_condition

_RETRY_AFTER_S = 10


def check_preconditions(pod: Stored, options: Tree) -> None:
    """DeleteOptions.preconditions. Raises Refusal (409)."""
    wanted = options.get("preconditions") or {}
    if (uid := wanted.get("uid", "")) and uid != pod.uid:
        raise wrong_uid(pod.kind, pod.name, uid, pod.uid)


def spend(store: Store, identities: Identities, pod: Stored, options: Tree) -> Stored:
    """Use up one disruption of the pod's budget and mark the pod; the marked pod. Raises Refusal (409, 429, 500).

    A pod that does not run, or is on its way out, costs nobody anything: no budget is asked. The budget is asked
    before the preconditions of `options`.
    """
    if pod.tree["status"].get("phase") in ("Succeeded", "Failed", "Pending") or _leaving(pod):
        check_preconditions(pod, options)
        return pod
    budgets = budgets_of(store, pod)
    if len(budgets) > 1:
        message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        raise Refusal(500, "", message)
    for budget in budgets:
        if not is_ready(pod.tree) and _lets_the_sick_go(budget.tree):
            break
        _spend_one(store, identities, budget, pod)
    check_preconditions(pod, options)
    condition = {
        "type": "DisruptionTarget",
        "status": "True",
        "lastProbeTime": None,
        "lastTransitionTime": identities.now(),
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
    }
    return store.replace(pod, with_condition(pod.tree, condition))


def _lets_the_sick_go(budget: Tree) -> bool:
    """A pod that is not ready costs nothing while there are enough others (unhealthyPodEvictionPolicy)."""
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status") or {}
    return bool(status.get("currentHealthy", 0) >= status.get("desiredHealthy", 0) > 0)


def _spend_one(store: Store, identities: Identities, budget: Stored, pod: Stored) -> None:
    status = budget.tree.get("status") or {}
    if status.get("observedGeneration", 0) < budget.tree["metadata"].get("generation", 1):
        raise _refused(f"The disruption budget {budget.name} is still being processed by the server.", _RETRY_AFTER_S)
    allowed = int(status.get("disruptionsAllowed", 0))
    if allowed <= 0:
        needs, has = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        raise _refused(f"The disruption budget {budget.name} needs {needs} healthy pods and has {has} currently")
    going = {**(status.get("disruptedPods") or {}), pod.name: identities.now()}
    spent = {**status, "disruptionsAllowed": allowed - 1, "disruptedPods": going}
    store.replace(budget, {**budget.tree, "status": spent})


def _refused(why: str, retry_after_s: int = 0) -> Refusal:
    causes = [{"reason": "DisruptionBudget", "message": why}]
    later = {"retryAfterSeconds": retry_after_s} if retry_after_s else {}
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return Refusal(429, "TooManyRequests", message, {"causes": causes, **later})


def _leaving(pod: Stored) -> bool:
    return "deletionTimestamp" in pod.tree["metadata"]
