"""Which events concern scheduling, and how long pods waited from their creation to their binding."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection
from typing import Any

from analytics.audit.record import JSON_PATCH, AuditEvent

KINDS = (
    "binding",
    "create",
    "bypass",
    "update",
    "gate",
    "resize",
    "delete",
    "eviction",
    "preemption",
    "nomination",
    "unschedulable",
    "node",
    "policy",
    "control",
    "rbac",
    "device",
    "access",
)
"""What an event of ours can be: few and fixed, for a label."""
SCHEDULERS = frozenset({"system:kube-scheduler"})
_READS = frozenset({"get", "list", "watch"})
_POLICY = frozenset(
    {
        "priorityclasses",
        "poddisruptionbudgets",
        "resourcequotas",
        "limitranges",
        "runtimeclasses",
        "elasticquotas",
        "clusterqueues",
        "localqueues",
        "podgroups",
        "tenants",
    }
)
_ADMISSION = frozenset(
    {
        "mutatingwebhookconfigurations",
        "validatingwebhookconfigurations",
        "mutatingadmissionpolicies",
        "mutatingadmissionpolicybindings",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    }
)
_RBAC = frozenset({"roles", "rolebindings", "clusterroles", "clusterrolebindings"})
_DEVICES = frozenset({"resourceclaims", "resourceclaimtemplates", "deviceclasses", "resourceslices"})
_ACCESS = frozenset({"exec", "attach", "portforward", "ephemeralcontainers", "proxy"})
_CONTROL_NAMES = ("scheduler", "trimtab")
_OF_PODS = frozenset({"binding", "create", "gate", "delete", "preemption"})
"""Kinds that begin or end a pod's wait. By whom it is deleted does not matter, so that any schedulers may be known."""
OPEN_PODS = 150_000
"""Pods that wait for their other half, about 200 bytes each."""
EXPIRY_US = 24 * 3600 * 1_000_000


def kind_of(event: AuditEvent, schedulers: Collection[str] = SCHEDULERS) -> str:
    """One of KINDS; "" for an event that does not concern scheduling."""
    resource, reads = event.resource, event.verb in _READS
    if event.subresource in _ACCESS and resource in ("pods", "nodes"):
        return "access"
    if reads:
        return ""
    if resource == "pods":
        return _of_pod(event, schedulers)
    if resource == "bindings":
        return "binding"
    if resource == "nodes":
        return "node"
    if resource in _POLICY:
        return "policy"
    if resource in _RBAC:
        return "rbac"
    if resource in _DEVICES:
        return "device"
    if resource in _ADMISSION or (
        resource in ("configmaps", "leases") and any(name in event.name for name in _CONTROL_NAMES)
    ):
        return "control"
    return ""


def _of_pod(event: AuditEvent, schedulers: Collection[str]) -> str:
    verb, part = event.verb, event.subresource
    if part in ("binding", "eviction", "resize"):
        return part
    if part == "status":
        return _of_status(event) if event.user in schedulers else ""
    if part:
        return ""
    if verb == "create":
        return "bypass" if _at(event.request, "spec", "nodeName") else "create"
    if verb == "delete" and event.user in schedulers:
        return "preemption"
    if verb in ("delete", "deletecollection"):
        return "delete"
    return "gate" if ungates(event) else "update"


def _of_status(event: AuditEvent) -> str:
    if _at(event.request, "status", "nominatedNodeName"):
        return "nomination"
    conditions = _at(event.request, "status", "conditions")
    failed = isinstance(conditions, list) and any(
        isinstance(one, dict) and one.get("type") == "PodScheduled" and one.get("status") == "False"
        for one in conditions
    )
    return "unschedulable" if failed else ""


def ungates(event: AuditEvent) -> bool:
    """A patch that takes scheduling gates away."""
    if event.verb != "patch" or event.request is None:
        return False
    operations = event.request.get(JSON_PATCH)
    if isinstance(operations, list):
        return any(
            one.get("op") in ("remove", "replace") and str(one.get("path", "")).startswith("/spec/schedulingGates")
            for one in operations
        )
    spec = event.request.get("spec")
    return isinstance(spec, dict) and ("schedulingGates" in spec or "$setElementOrder/schedulingGates" in spec)


def node_of(event: AuditEvent) -> str:
    """Where a binding, or a pod created past the scheduler, goes; "" where the event does not say."""
    target = _at(event.request, "target", "name") or _at(event.request, "spec", "nodeName")
    return target if isinstance(target, str) else ""


def _at(found: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found


class Latencies:
    """Joins a pod's creation, or the removal of its gates, with its binding, in whichever order they arrive.

    `skewed` counts bindings that are older than the creation by the servers' clocks: their latency is 0.
    """

    def __init__(self, open_pods: int = OPEN_PODS) -> None:
        self.skewed = 0
        self._limit = open_pods
        self._ready: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._bound: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._newest = 0

    def __len__(self) -> int:
        return len(self._ready) + len(self._bound)

    def see(self, event: AuditEvent, kind: str | None = None) -> float | None:
        """Milliseconds, when this event is the second of a pair; else None. `kind`: as kind_of says, if it is known."""
        if event.code >= 400 or event.stage != "ResponseComplete" or not event.name:  # noqa: PLR2004 - HTTP
            return None
        if kind is None:
            kind = kind_of(event)
        if kind not in _OF_PODS:
            return None
        pod = event.namespace, event.name
        if kind == "binding":
            return self._joined(pod, self._ready.pop(pod, None), event.at_us)
        if kind in ("create", "gate"):
            return self._made(pod, event.at_us)
        self._ready.pop(pod, None)
        self._bound.pop(pod, None)
        return None

    def _joined(self, pod: tuple[str, str], ready: int | None, bound: int) -> float | None:
        if ready is None:
            self._keep(self._bound, pod, bound)
            return None
        if bound < ready:
            self.skewed += 1
        return max(0, bound - ready) / 1000

    def _made(self, pod: tuple[str, str], at: int) -> float | None:
        bound = self._bound.pop(pod, None)
        if bound is not None:
            return self._joined(pod, at, bound)
        self._keep(self._ready, pod, at)
        return None

    def _keep(self, where: OrderedDict[tuple[str, str], int], pod: tuple[str, str], at: int) -> None:
        where[pod] = at
        where.move_to_end(pod)
        self._newest = max(self._newest, at)
        while len(where) > self._limit or next(iter(where.values())) < self._newest - EXPIRY_US:
            where.popitem(last=False)
