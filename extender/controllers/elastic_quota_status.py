"""Keeps `status.used` of ElasticQuotas, for people and dashboards; no decision reads it (plugins.md §5.6).

used = sum over the namespace's Running pods of what CapacityScheduling charges for them, on top of a zero for every
name in min and max. Upstream's controller leaves the pods' overhead out, which its scheduler counts; here it is in.
Only while some profile has CapacityScheduling, only for the quota that counts, and only where nobody else writes it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from extender.controllers.controller import Surroundings
from extender.controllers.field_manager import MANAGER, is_anothers
from extender.kube import KubeError
from extender.model.events import Object
from extender.model.pod import Pod
from extender.model.resources import Resources, request_eq
from extender.plugins.capacity_scheduling.book import KIND, QuotaBook
from extender.quantity import QuantityError, nano
from extender.telemetry import metrics

_LOG = logging.getLogger(__name__)

PLUGIN = "CapacityScheduling"
EVERY_S = 1.0
# Namespaces looked after in one round; the others wait for the next.
PER_ROUND = 50
# Pods counted between two yields: well under a millisecond of work.
_SLICE = 200
_PATH = "/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{namespace}/elasticquotas/{name}"
_MERGE = "application/merge-patch+json"
_OK, _NOT_FOUND, _CONFLICT = 200, 404, 409
_SUFFIXES = ("", "Ki", "Mi", "Gi", "Ti", "Pi")
_STEP = 1024


class ElasticQuotaStatus:
    """A Controller."""

    name = "elasticQuotaStatus"

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._changed: dict[str, None] = {}
        """Namespaces to look after, in the order in which something happened in them."""
        self._running: dict[str, dict[str, None]] = {}
        """Namespace -> UIDs of its Running pods."""
        self._on = False
        self._aside: set[str] = set()
        self._trouble = ""
        for pod in around.state.pods.values():
            self._pod_changed(None, pod)
        around.state.pod_listeners.append(self._pod_changed)
        around.state.object_listeners.append(self._object_changed)

    def status(self) -> dict[str, Any]:
        return {
            "on": self._on,
            "waiting": len(self._changed),
            "standsAside": sorted(self._aside),
            "trouble": self._trouble,
        }

    async def run(self) -> None:
        while True:
            await self.round()
            await asyncio.sleep(EVERY_S)

    async def round(self) -> None:
        """Look after the namespaces in which something has happened."""
        was_on, self._on = self._on, self._is_wanted()
        if not self._on:
            return
        if not was_on:
            self._changed.update((key.partition("/")[0], None) for key in self._around.state.objects.get(KIND, {}))
        for namespace in list(self._changed)[:PER_ROUND]:
            del self._changed[namespace]
            try:
                await self._look_after(namespace)
            except (KubeError, msgspec.MsgspecError) as wrong:
                self._failed(namespace, str(wrong))

    def _is_wanted(self) -> bool:
        profiles = self._around.engine.policy.profiles.values()
        return any(seat.name == PLUGIN for profile in profiles for seat in profile.seats)

    async def _look_after(self, namespace: str) -> None:
        book = self._around.engine.books.of(PLUGIN)
        key = book.counting(namespace) if isinstance(book, QuotaBook) else ""
        if not key:
            return
        path = _PATH.format(namespace=namespace, name=key.partition("/")[2])
        answer = await self._around.api.request("GET", path)
        if answer.status == _NOT_FOUND:
            self._aside.discard(key)
            return
        if answer.status != _OK:
            self._failed(namespace, answer.message)
            return
        found: dict[str, Any] = msgspec.json.decode(answer.body)
        if is_anothers(found):
            self._aside.add(key)
            return
        self._aside.discard(key)
        used = told_of(await self._used(namespace), _names(found))
        if not _same(used, (found.get("status") or {}).get("used")):
            await self._write(namespace, path, found, used)

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

    async def _write(self, namespace: str, path: str, found: Mapping[str, Any], used: dict[str, str]) -> None:
        # A merge would keep what is no longer named.
        before = (found.get("status") or {}).get("used") or {}
        wanted = {**dict.fromkeys(before), **used}
        version = found["metadata"]["resourceVersion"]
        body = msgspec.json.encode({"metadata": {"resourceVersion": version}, "status": {"used": wanted}})
        answer = await self._around.api.request(
            "PATCH", f"{path}/status", query={"fieldManager": MANAGER}, body=body, content_type=_MERGE
        )
        if answer.status == _OK:
            self._trouble = ""
            metrics.ELASTIC_QUOTA_STATUS.labels("written").inc()
        elif answer.status == _CONFLICT:
            self._changed[namespace] = None  # it has changed meanwhile: once more
        elif answer.status != _NOT_FOUND:
            self._failed(namespace, answer.message)

    def _failed(self, namespace: str, why: str) -> None:
        """Told once for each new trouble; the namespace is looked after again."""
        metrics.ELASTIC_QUOTA_STATUS.labels("failed").inc()
        if why != self._trouble:
            _LOG.warning("the status of the ElasticQuota of namespace %s could not be written: %s", namespace, why)
        self._trouble = why
        self._changed[namespace] = None

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
        self._note(pod.namespace)

    def _note(self, namespace: str) -> None:
        if self._on:
            self._changed[namespace] = None

    def _object_changed(self, kind: str, key: str, _old: Object | None, _new: Object | None) -> None:
        if kind == KIND:
            self._note(key.partition("/")[0])


def told_of(used: Resources, names: set[str]) -> dict[str, str]:
    """Amounts as quantities: of what is used, and zeros for the other `names`."""
    plain = {
        "cpu": _cores(used.cpu_milli),
        "memory": _bytes(used.memory_bytes),
        "ephemeral-storage": _bytes(used.ephemeral_bytes),
    }
    told = {name: text for name, text in plain.items() if text != "0" or name in names}
    told |= {name: str(amount) for name, amount in used.scalars.items()}
    return dict.fromkeys(sorted(names - told.keys()), "0") | told


def _cores(milli: int) -> str:
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


def _bytes(amount: int) -> str:
    """The largest binary unit in which it is a whole number."""
    power = 0
    while amount and amount % _STEP == 0 and power < len(_SUFFIXES) - 1:
        amount, power = amount // _STEP, power + 1
    return f"{amount}{_SUFFIXES[power]}"


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
