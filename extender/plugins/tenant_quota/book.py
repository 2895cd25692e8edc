"""Who is whose tenant, and who uses how much: a fold over the cluster's events, plus what leases promise.

    event                                charge of the pod, by UID
    seen assigned (Pending or Running)   bound: its request, and one pod; a lease of it ends
    seen assigned in another phase       none
    taken (filter passed)                leased: the same, unless it is bound
    released (refilter, bind failed)     a lease ends; bound stays
    deleted, or finished                 none

Charges are kept by namespace, with or without a tenant, so a tenant that comes after its pods is right at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from extender.framework import Object, Pod, Resources, request_k8s
from extender.tenancy import Owners, Tenant, TenantError, guaranteed, limit, owners_of, read_object, told, told_all

KIND = "Tenant"

_CHARGED_PHASES = ("Pending", "Running")
_NOTHING = Resources()
# Charges that are kept to be shared.
_ALIKE_MAX = 4096


class TenantBook:
    def __init__(self) -> None:
        self._tenants: dict[str, tuple[str, Tenant]] = {}
        """key -> (when the object was created, what it last said well)."""
        self._owners = owners_of(())
        self._malformed: dict[str, str] = {}
        self._bound: dict[str, tuple[str, Resources]] = {}
        self._leased: dict[str, tuple[str, Resources]] = {}
        self._alike: dict[tuple[str, int], tuple[tuple[str, Resources], Resources]] = {}
        """(namespace, identity of a request) -> (charge, the request, which so keeps its identity)."""
        self._used: dict[str, Resources] = {}
        self._charges: dict[str, int] = {}
        """Number of charges by namespace: with the last one its sum goes too."""

    # What events say.

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            if old is not None:
                self._discharge(self._bound, old.uid)
                self._discharge(self._leased, old.uid)
            return
        if new.node_name and new.phase in _CHARGED_PHASES:
            self._discharge(self._leased, new.uid)
            charge = self._charge_of(new)
            # Most events change nothing that counts here.
            if self._bound.get(new.uid) != charge:
                self._discharge(self._bound, new.uid)
                self._charge(self._bound, new.uid, charge)
            return
        self._discharge(self._bound, new.uid)
        if new.node_name:
            self._discharge(self._leased, new.uid)

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:  # noqa: ARG002
        if kind != KIND:
            return
        self._malformed.pop(key, None)
        if new is None:
            self._tenants.pop(key, None)
        else:
            try:
                self._tenants[key] = _created(new), read_object(new)
            except TenantError as wrong:
                kept = "what it said before stays" if key in self._tenants else "its namespaces have no tenant"
                self._malformed[key] = f"ignored, {kept}: {wrong}"
        self._owners = self._settled()

    # What the engine promises.

    def take(self, pod: Pod) -> None:
        """Charge a pod that passed; again: with its newest request. A bound pod is charged already."""
        if pod.uid not in self._bound:
            self._discharge(self._leased, pod.uid)
            self._charge(self._leased, pod.uid, self._charge_of(pod))

    def release(self, uid: str) -> None:
        """Give back what `take` charged; nothing if the pod has been seen assigned since."""
        self._discharge(self._leased, uid)

    # What the plugin asks.

    def tenant_of(self, namespace: str) -> Tenant | None:
        return self._owners.by_namespace.get(namespace)

    def used(self, tenant: Tenant, besides: str = "") -> Resources:
        """In the namespaces that are its own; `besides`: a UID whose lease does not count."""
        total = _NOTHING
        for namespace in tenant.namespaces:
            if self.tenant_of(namespace) is tenant:
                total = total.plus(self._used.get(namespace, _NOTHING))
        lease = self._leased.get(besides)
        if lease is not None and self.tenant_of(lease[0]) is tenant:
            total = total.plus(lease[1], -1)
        return total

    @property
    def problems(self) -> Mapping[str, str]:
        """Tenant -> what of it does not count, and why."""
        named = {*self._malformed, *self._owners.problems}
        said = {name: (self._malformed.get(name), self._owners.problems.get(name)) for name in sorted(named)}
        return {name: "; ".join(text for text in texts if text) for name, texts in said.items()}

    def ledger(self) -> dict[str, Any]:
        """{tenant: {"quota", "limit", "used"}}; used by resource of pods, for what is a GPU is the policy's choice."""
        return {
            tenant.name: {
                "quota": told_all(guaranteed(tenant).items()),
                "limit": told_all(limit(tenant).items()),
                "used": _told(self.used(tenant)),
            }
            for _created_at, tenant in self._tenants.values()
        }

    # Accounts.

    def _settled(self) -> Owners:
        """The older object has a namespace that two tenants name."""
        return owners_of(
            tenant for _at, tenant in sorted(self._tenants.values(), key=lambda kept: (kept[0], kept[1].name))
        )

    def _charge_of(self, pod: Pod) -> tuple[str, Resources]:
        """One for all pods of a template in a namespace."""
        request = request_k8s(pod)
        key = (pod.namespace, id(request))
        found = self._alike.get(key)
        if found is None:
            if len(self._alike) >= _ALIKE_MAX:
                self._alike.clear()
            charge = pod.namespace, msgspec.structs.replace(request, pods=1)
            found = self._alike[key] = charge, request
        return found[0]

    def _charge(self, charges: dict[str, tuple[str, Resources]], uid: str, charge: tuple[str, Resources]) -> None:
        charges[uid] = charge
        namespace, request = charge
        self._charges[namespace] = self._charges.get(namespace, 0) + 1
        self._used[namespace] = self._used.get(namespace, _NOTHING).plus(request)

    def _discharge(self, charges: dict[str, tuple[str, Resources]], uid: str) -> None:
        found = charges.pop(uid, None)
        if found is None:
            return
        namespace, request = found
        self._charges[namespace] -= 1
        self._used[namespace] = self._used[namespace].plus(request, -1)
        if not self._charges[namespace]:
            del self._charges[namespace], self._used[namespace]


def _created(found: Object) -> str:
    """RFC 3339 in UTC, which sorts by time; empty where the object was never in a cluster."""
    metadata = found.get("metadata")
    told_at = metadata.get("creationTimestamp") if isinstance(metadata, Mapping) else None
    return told_at if isinstance(told_at, str) else ""


def _told(held: Resources) -> dict[str, str | int]:
    return {
        "cpu": told("cpu", held.cpu_milli),
        "memory": told("memory", held.memory_bytes),
        "ephemeral-storage": told("storage", held.ephemeral_bytes),
        "pods": held.pods,
        **{name: amount for name, amount in held.scalars.items() if amount},
    }
