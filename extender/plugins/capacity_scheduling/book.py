"""Who uses how much of which quota: a fold over the cluster's events, plus what leases promise.

Rules, with U = sum of the charges of a namespace:

    event                                    charge of the pod, by UID
    seen assigned (Pending or Running)       bound: its request; a lease of it ends
    seen assigned in another phase           none
    taken (filter passed)                    leased: its request, unless it is bound
    released (refilter, bind failed, TTL)    a lease ends; bound stays
    deleted, or finished                     none

Charges are kept for every namespace, with or without a quota, so a quota that comes after its pods is right at
once. Quotas follow upstream: the first added in a namespace counts, an update of any of them replaces what
counts, a deletion of any of them ends it; then the next pod seen assigned there makes the first that is left count.
A malformed object changes nothing; `problems` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extender.framework import Object, Pod, Resources, request_eq
from extender.plugins.capacity_scheduling.quota import (
    GUARANTEED,
    UNLIMITED,
    Quota,
    QuotaError,
    exceeds,
    quota_of,
    remarks_on,
)

KIND = "ElasticQuota"

_CHARGED_PHASES = ("Pending", "Running")
_NOTHING = Resources()
# Charges that are kept to be shared.
_ALIKE_MAX = 4096


class QuotaBook:
    def __init__(self) -> None:
        self._quotas: dict[str, Quota] = {}
        self._counting: dict[str, str] = {}
        """namespace -> key of the object that its quota was taken from last."""
        self._listed: dict[str, dict[str, Quota]] = {}
        """namespace -> key -> every well-formed object, in order of appearance."""
        self._problems: dict[str, str] = {}
        self._remarks: dict[str, list[str]] = {}
        self._bound: dict[str, tuple[str, Resources]] = {}
        self._leased: dict[str, tuple[str, Resources]] = {}
        self._alike: dict[tuple[str, int], tuple[str, Resources]] = {}
        """Charges by namespace and identity of the request, which they hold."""
        self._used: dict[str, Resources] = {}
        self._charges: dict[str, int] = {}
        """Number of charges by namespace: with the last one its sum goes too."""
        self._total_used = Resources()
        self._total_min = Resources()
        """Sums over the namespaces that have a quota."""

    # What events say.

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            if old is not None:
                self._discharge(self._bound, old.uid)
                self._discharge(self._leased, old.uid)
            return
        if not new.node_name:
            self._discharge(self._bound, new.uid)
            return
        request = request_eq(new)
        self._discharge(self._leased, new.uid)
        if new.phase in _CHARGED_PHASES and self._is_charged(new, request):
            return
        self._discharge(self._bound, new.uid)
        if new.phase in _CHARGED_PHASES:
            self._charge(self._bound, new.uid, new.namespace, request)
            self._adopt(new.namespace)

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:
        if kind != KIND:
            return
        namespace = key.rpartition("/")[0]
        if new is None:
            self._object_gone(key, namespace)
            return
        try:
            quota = quota_of(new)
        except QuotaError as wrong:
            self._problems[key] = f"ignored: {wrong}"
            return
        listed = self._listed.setdefault(namespace, {})
        is_update = key in listed and old is not None
        listed[key] = quota
        self._remarks[key] = remarks_on(new)
        self._problems.pop(key, None)
        if namespace in self._quotas and not is_update:
            self._problems[key] = f"ignored: namespace {namespace} already has a quota"
            return
        self._set_quota(namespace, key, quota)

    # What the engine promises.

    def take(self, pod: Pod) -> None:
        """Charge a pod that passed; again: with its newest request. A bound pod is charged already."""
        if pod.uid in self._bound:
            return
        request = request_eq(pod)
        self._discharge(self._leased, pod.uid)
        self._charge(self._leased, pod.uid, pod.namespace, request)

    def release(self, uid: str) -> None:
        """Give back what `take` charged; nothing if the pod has been seen assigned since."""
        self._discharge(self._leased, uid)

    # What plugins ask.

    def has_quota(self, namespace: str) -> bool:
        return namespace in self._quotas

    def quota(self, namespace: str) -> Quota:
        """Raises KeyError for a namespace without one."""
        return self._quotas[namespace]

    def counting(self, namespace: str) -> str:
        """Key of the object whose min and max the namespace has, or "" if it has none."""
        return self._counting.get(namespace, "")

    def charge(self, uid: str) -> tuple[str, Resources] | None:
        """(namespace, what the pod is charged), or None."""
        return self._bound.get(uid) or self._leased.get(uid)

    @property
    def total_used(self) -> Resources:
        """Charged in all namespaces that have a quota."""
        return self._total_used

    @property
    def total_min(self) -> Resources:
        """What all quotas guarantee."""
        return self._total_min

    def holds(self, uid: str) -> bool:
        """Whether the pod is charged."""
        return uid in self._bound or uid in self._leased

    def used(self, namespace: str) -> Resources:
        """Charged in a namespace, with or without a quota."""
        return self._used.get(namespace, _NOTHING)

    def over_max_with(self, namespace: str, asked: Resources, besides: str = "") -> bool:
        """Whether the namespace would pass its max; `besides`: a UID whose lease does not count."""
        held = self._without(self.used(namespace), besides)
        return exceeds(asked, held, self._quotas[namespace].max, UNLIMITED)

    def over_min(self, namespace: str) -> bool:
        """Whether the namespace borrows already."""
        return exceeds(self.used(namespace), _NOTHING, self._quotas[namespace].min, GUARANTEED)

    def total_over_min_with(self, asked: Resources, besides: str = "") -> bool:
        """Whether all quota namespaces together would use more than all their mins."""
        total = self._without(self._total_used, besides).plus(asked)
        return exceeds(total, _NOTHING, self._total_min, GUARANTEED)

    @property
    def problems(self) -> Mapping[str, str]:
        """namespace/name of each quota object that does not count -> why."""
        return self._problems

    @property
    def remarks(self) -> Mapping[str, list[str]]:
        """namespace/name of each quota object -> what in it is seldom meant."""
        return {key: told for key, told in self._remarks.items() if told}

    def ledger(self) -> dict[str, Any]:
        """{namespace with a quota: {"min", "max", "used"}}, amounts as {"milliCPU", "memory", ...}."""
        return {
            namespace: {"min": _told(quota.min), "max": _told(quota.max), "used": _told(self.used(namespace))}
            for namespace, quota in self._quotas.items()
        }

    # Accounts.

    def _is_charged(self, pod: Pod, request: Resources) -> bool:
        """Most events change nothing that counts here. A namespace's only charge is taken anew: zeros leave with it."""
        charge = self._bound.get(pod.uid)
        return (
            charge is not None
            and charge[1] is request
            and charge[0] == pod.namespace
            and self._charges[pod.namespace] > 1
            and (pod.namespace in self._quotas or pod.namespace not in self._listed)
        )

    def _without(self, held: Resources, uid: str) -> Resources:
        lease = self._leased.get(uid)
        return held if lease is None else held.plus(lease[1], -1)

    def _charge(self, charges: dict[str, tuple[str, Resources]], uid: str, namespace: str, request: Resources) -> None:
        charges[uid] = self._shared(namespace, request)
        self._charges[namespace] = self._charges.get(namespace, 0) + 1
        self._used[namespace] = self.used(namespace).plus(request)
        if namespace in self._quotas:
            self._total_used = self._total_used.plus(request)

    def _shared(self, namespace: str, request: Resources) -> tuple[str, Resources]:
        """One charge for all pods of a template in a namespace."""
        key = (namespace, id(request))
        found = self._alike.get(key)
        if found is None:
            if len(self._alike) >= _ALIKE_MAX:
                self._alike.clear()
            found = self._alike[key] = namespace, request
        return found

    def _discharge(self, charges: dict[str, tuple[str, Resources]], uid: str) -> None:
        found = charges.pop(uid, None)
        if found is None:
            return
        namespace, request = found
        self._charges[namespace] -= 1
        self._used[namespace] = self._used[namespace].plus(request, -1)
        if namespace in self._quotas:
            self._total_used = self._total_used.plus(request, -1)
        if not self._charges[namespace]:
            del self._charges[namespace], self._used[namespace]

    def _set_quota(self, namespace: str, key: str, quota: Quota) -> None:
        self._end_quota(namespace)
        self._counting[namespace] = key
        self._quotas[namespace] = quota
        self._total_min = self._total_min.plus(quota.min)
        self._total_used = self._total_used.plus(self.used(namespace))

    def _end_quota(self, namespace: str) -> None:
        self._counting.pop(namespace, None)
        quota = self._quotas.pop(namespace, None)
        if quota is not None:
            self._total_min = self._total_min.plus(quota.min, -1)
            self._total_used = self._total_used.plus(self.used(namespace), -1)

    def _object_gone(self, key: str, namespace: str) -> None:
        self._problems.pop(key, None)
        self._remarks.pop(key, None)
        listed = self._listed.get(namespace, {})
        if listed.pop(key, None) is None:
            return
        self._end_quota(namespace)
        for left in listed:
            self._problems[left] = (
                f"ignored: a quota of namespace {namespace} was deleted; an edit makes this one count"
            )
        if not listed:
            del self._listed[namespace]

    def _adopt(self, namespace: str) -> None:
        left = self._listed.get(namespace)
        if left and namespace not in self._quotas:
            key, quota = next(iter(left.items()))
            self._problems.pop(key, None)
            self._set_quota(namespace, key, quota)


def _told(amounts: Resources) -> dict[str, Any]:
    told: dict[str, Any] = {
        "milliCPU": amounts.cpu_milli,
        "memory": amounts.memory_bytes,
        "ephemeralStorage": amounts.ephemeral_bytes,
        "pods": amounts.pods,
    }
    if amounts.scalars:
        told["scalars"] = dict(amounts.scalars)
    return told
