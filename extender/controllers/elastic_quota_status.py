"""Keeps `status.used` of ElasticQuotas, for people and dashboards; no decision reads it (plugins.md §5.6).

used = sum over the namespace's Running pods of what CapacityScheduling charges for them, on top of a zero for every
name in min and max. Upstream's controller leaves the pods' overhead out, which its scheduler counts; here it is in.
Only while some profile has CapacityScheduling, only for the quota that counts, and only where nobody else writes it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from extender.controllers.controller import Surroundings
from extender.controllers.status_keeper import StatusKeeper
from extender.model.events import Object
from extender.model.pod import Pod
from extender.model.resources import Resources, request_eq
from extender.plugins.capacity_scheduling.book import KIND, QuotaBook
from extender.quantity import QuantityError, nano, written
from extender.telemetry import metrics

PLUGIN = "CapacityScheduling"
# Pods counted between two yields: well under a millisecond of work.
_SLICE = 200
_PATH = "/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{namespace}/elasticquotas/{name}"


class ElasticQuotaStatus(StatusKeeper):
    """A Controller, keyed by namespace."""

    name = "elasticQuotaStatus"

    def __init__(self, around: Surroundings) -> None:
        super().__init__(around, PLUGIN, KIND, metrics.ELASTIC_QUOTA_STATUS)
        self._running: dict[str, dict[str, None]] = {}
        """Namespace -> UIDs of its Running pods."""
        for pod in around.state.pods.values():
            self._pod_changed(None, pod)
        around.state.pod_listeners.append(self._pod_changed)
        around.state.object_listeners.append(self._object_changed)

    def all(self) -> Iterable[str]:
        return (key.partition("/")[0] for key in self._around.state.objects.get(KIND, {}))

    async def look_after(self, namespace: str) -> None:
        book = self._around.engine.books.of(PLUGIN)
        key = book.counting(namespace) if isinstance(book, QuotaBook) else ""
        if not key:
            return
        path = _PATH.format(namespace=namespace, name=key.partition("/")[2])
        found = await self.read(namespace, path, key)
        if found is None:
            return
        used = told_of(await self._used(namespace), _names(found))
        before = (found.get("status") or {}).get("used") or {}
        if not _same(used, before):
            # A merge would keep what is no longer named.
            await self.write(namespace, path, found, {"used": {**dict.fromkeys(before), **used}})

    async def _used(self, namespace: str) -> Resources:
        """Summed up in slices; a pod that changes meanwhile has the namespace counted again."""
        total = Resources()
        for i, uid in enumerate(list(self._running.get(namespace, ()))):
            pod = self._around.state.pods.get(uid)
            if pod is not None:
                total = total.plus(request_eq(pod))
            if i % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
        return total

    # What the watch tells.

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for pod in (old, new):
            if pod is not None and pod.phase == "Running":
                self._count(pod, is_running=new is not None and new.phase == "Running")

    def _count(self, pod: Pod, *, is_running: bool) -> None:
        here = self._running.setdefault(pod.namespace, {})
        if is_running:
            here[pod.uid] = None
        else:
            here.pop(pod.uid, None)
        if not here:
            del self._running[pod.namespace]
        self.note(pod.namespace)

    def _object_changed(self, kind: str, key: str, _old: Object | None, _new: Object | None) -> None:
        if kind == KIND:
            self.note(key.partition("/")[0])


def told_of(used: Resources, names: set[str]) -> dict[str, str]:
    """Amounts as quantities: of what is used, and zeros for the other `names`."""
    plain = {
        "cpu": written(used.cpu_milli * 10**6, "decimal"),
        "memory": written(used.memory_bytes * 10**9, "binary"),
        "ephemeral-storage": written(used.ephemeral_bytes * 10**9, "binary"),
    }
    told = {name: text for name, text in plain.items() if text != "0" or name in names}
    told |= {name: str(amount) for name, amount in used.scalars.items()}
    return dict.fromkeys(sorted(names - told.keys()), "0") | told


def _names(found: Mapping[str, Any]) -> set[str]:
    spec = found.get("spec") or {}
    return {name for side in ("min", "max") for name in spec.get(side) or {}}


def _same(used: Mapping[str, str], before: object) -> bool:
    """Equal as amounts: who wrote it may have chosen other units."""
    if not isinstance(before, Mapping) or used.keys() != before.keys():
        return False
    try:
        return all(nano(used[name]) == nano(before[name]) for name in used)
    except (QuantityError, TypeError):
        return False
