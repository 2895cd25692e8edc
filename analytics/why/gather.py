"""Facts out of what the sidecar has: the newest decision, evictions, the watch, tenants and quotas."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from analytics.cluster import ClusterView
from analytics.store import Store
from analytics.store.decisions import Decisions
from analytics.store.evictions import Evictions
from analytics.tenants import Register, Uses
from analytics.why.facts import Facts, Gone, QuotaRoom, Record, Rejected, TenantRoom
from analytics.why.fit import amount
from analytics.why.survey import Shared
from extender.model.pod import Pod
from extender.model.resources import QuantityError, request_k8s, resources_of
from extender.tenancy import Excess, counted, excesses, told

QUOTAS: Final = "elasticquotas.scheduling.x-k8s.io"


class Gathering:
    """For one pod, or for many pods of one view: what they have in common is read once."""

    def __init__(self, store: Store, view: ClusterView, register: Callable[[], Register]) -> None:
        """`register` is asked only where a tenant matters."""
        self.view = view
        self._decisions = Decisions(store)
        self._evictions = Evictions(store)
        self._register = register
        self._uses: Uses | None = None
        self._schedulers: frozenset[str] | None = None
        self._shared = Shared()

    def facts(self, namespace: str, name: str) -> Facts:
        """Raises StoreError, StoreTimeout."""
        pod = self.view.by_name.get(f"{namespace}/{name}")
        if pod is not None:
            return self.of_pods([pod])[0]
        newest = self._decisions.of_pod(namespace, name, limit=1).decisions
        whole = self._decisions.get(newest[0]["id"]) if newest else None
        evicted = self._evictions.of_victim(namespace, name)
        gone = next((one for one in evicted if one["result"] == "evicted"), None)
        return Facts(
            namespace,
            name,
            time.time(),
            self.view,
            reduced(whole) if whole is not None else None,
            Gone(gone["node"], gone["plugin"], gone["reason"]) if gone else None,
            schedulers=self._seen(),
        )

    def of_pods(self, pods: Sequence[Pod]) -> list[Facts]:
        """Of pods of the view, in their order. Raises StoreError, StoreTimeout."""
        # A pod behind a gate has not been tried: nothing is looked for.
        tried = [pod for pod in pods if pod.uid and not pod.gates]
        since_us = min((pod.created_at_s for pod in tried), default=0) * 1_000_000
        newest = self._decisions.newest_of([pod.uid for pod in tried], since_us=since_us)
        return [self._facts(pod, newest.get(pod.uid)) for pod in pods]

    def _facts(self, pod: Pod, whole: Mapping[str, Any] | None) -> Facts:
        record = reduced(whole) if whole is not None else None
        refusing = {one.plugin for one in record.rejected} if record is not None else set()
        victims = self._evictions.of_decision(record.id) if record is not None and pod.nominated_node_name else []
        return Facts(
            pod.namespace,
            pod.name,
            time.time(),
            self.view,
            record,
            None,
            sum(one["result"] == "evicted" for one in victims),
            self._tenant(pod) if "TenantQuota" in refusing else None,
            quota_room(self.view, pod) if "CapacityScheduling" in refusing else None,
            self._seen(),
            self._shared,
        )

    def _seen(self) -> frozenset[str]:
        """Schedulers that have decided anything, and those whose pods have been placed or tried."""
        if self._schedulers is None:
            told = {pod.scheduler_name for pod in self.view.pods.values() if _was_tried(pod)}
            self._schedulers = frozenset(told | set(self._decisions.values("scheduler")))
        return self._schedulers

    def _tenant(self, pod: Pod) -> TenantRoom | None:
        self._uses = self._uses or Uses(self.view, self._register())
        tenant = self._uses.register.of(pod.namespace)
        if tenant is None:
            return None
        asked = msgspec.structs.replace(counted(request_k8s(pod)), pods=1)
        found = excesses(tenant, self._uses.of(tenant).used, asked)
        if not found:
            return None
        never = [one for one in found if one.requested > one.limit]
        return _room(tenant.name, (never or found)[0], ever=not never)


def _room(tenant: str, over: Excess, *, ever: bool) -> TenantRoom:
    used, asked, limit = (told(over.resource, amount) for amount in (over.used, over.requested, over.limit))
    return TenantRoom(tenant, over.resource, used, asked, limit, ever)


def _was_tried(pod: Pod) -> bool:
    return bool(pod.scheduled_at_s or pod.unschedulable_at_s) and pod.unscheduled_reason != "SchedulingGated"


def quota_room(view: ClusterView, pod: Pod) -> QuotaRoom | None:
    """Where the pod alone asks for more than the ElasticQuota of its namespace allows in all."""
    with suppress(QuantityError, TypeError, AttributeError):  # an object that somebody else wrote
        asked = request_k8s(pod)
        for key, tree in view.objects.get(QUOTAS, {}).items():
            if not key.startswith(f"{pod.namespace}/"):
                continue
            listed = tree.get("spec", {}).get("max") or {}
            most = resources_of(listed)
            rows = [("cpu", asked.cpu_milli, most.cpu_milli), ("memory", asked.memory_bytes, most.memory_bytes)]
            rows += [(name, units, most.scalars.get(name, 0)) for name, units in asked.scalars.items()]
            for name, units, limit in rows:
                if name in listed and units > limit:
                    return QuotaRoom(key, name, amount(name, units), amount(name, limit))
    return None


def reduced(whole: Mapping[str, Any]) -> Record:
    """`Decisions.get(...)` -> what judges read of it."""
    phases: Sequence[Mapping[str, Any]] = whole["phases"]
    call = next((phase for phase in reversed(phases) if phase["phase"] == "filter"), None)
    permit = next((phase for phase in reversed(phases) if phase["phase"] == "permit"), None)
    bind = next((phase for phase in reversed(phases) if phase["phase"] == "bind" and phase["verb"]), None)
    held = permit if permit is not None and permit["waits"] and whole["outcome"] == "unknown" else None
    holders = [one for one in (held or {}).get("plugins", ()) if one["code"] == "Wait"]
    preempt = next((phase for phase in reversed(phases) if phase["phase"] == "preempt"), None)
    return Record(
        id=whole["id"],
        at=whole["time"],
        outcome=whole["outcome"],
        uid=whole["pod"]["uid"],
        node=whole["node"] or (bind["node"] if bind else ""),
        message=whole["message"],
        nodes_in=call["nodes_in"] if call else 0,
        nodes_out=call["nodes_out"] if call else 0,
        filtered=call is not None,
        rejected=_rejected(call, whole.get("filtered", ())) if call else (),
        held_on=held["node"] if held else "",
        held_by=holders[0]["plugin"] if holders else "",
        held_for="; ".join(one["message"] for one in holders if one["message"]) or (held["message"] if held else ""),
        bind_code=bind["code"] if bind else "",
        bind_message=bind["message"] if bind else "",
        proposed=tuple(preempt.get("proposed", {})) if preempt else (),
    )


def _rejected(call: Mapping[str, Any], filtered: Sequence[Mapping[str, Any]]) -> tuple[Rejected, ...]:
    samples: dict[tuple[str, str], dict[str, None]] = {}
    for one in filtered:
        samples.setdefault((one["plugin"], one["reason"]), {})[one["node"]] = None
    found = []
    for plugin in call.get("plugins", ()):
        if plugin["mode"] != "enforce" or not plugin["rejected"]:
            continue
        for reason, nodes in (plugin["reasons"] or {plugin["message"]: plugin["rejected"]}).items():
            sample = tuple(samples.get((plugin["plugin"], reason), ()))
            whole = nodes >= call["nodes_in"]
            found.append(
                Rejected(
                    plugin["plugin"], reason, plugin["message"] if whole else "", nodes, sample, plugin["phase"],
                    plugin["code"],
                )
            )  # fmt: skip
    return tuple(found)
