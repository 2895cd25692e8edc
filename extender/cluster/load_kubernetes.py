"""Node load from metrics.k8s.io: what metrics-server measured last, as a share of capacity."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from extender.cluster.load_fetch import FETCH_TIMEOUT_S, Had, Unavailable
from extender.cluster.readings import Reading, Readings, percent_of
from extender.kube import KubeApi, KubeError
from extender.model.columns import NodeTable
from extender.quantity import QuantityError, milli, value
from extender.telemetry.metrics import METRICS_ODD

PATH = "/apis/metrics.k8s.io/v1beta1/nodes"
_OK, _NOT_FOUND = 200, 404
_NODES_PER_STEP = 64


class _Metadata(msgspec.Struct, gc=False):
    name: str = ""


class _Item(msgspec.Struct, gc=False):
    metadata: _Metadata
    usage: dict[str, str | int | float] | None = None


class _List(msgspec.Struct, gc=False):
    items: list[msgspec.Raw] = []


class KubernetesFeed:
    """Usage / status.capacity in percent, operator Latest; upstream's arithmetic, in its order."""

    def __init__(self, api: KubeApi, nodes: NodeTable, clock: Callable[[], float]) -> None:
        self._api = api
        self._nodes = nodes
        self._clock = clock

    async def poll(self) -> Had:
        try:
            answer = await self._api.request("GET", PATH, timeout_s=FETCH_TIMEOUT_S)
        except KubeError as trouble:
            raise Unavailable("transport", str(trouble)) from trouble
        if answer.status == _NOT_FOUND:
            raise Unavailable(
                "status",
                f"GET {PATH}: the cluster does not serve node metrics: install metrics-server, or name another source "
                "with --prometheus or --load-watcher",
            )
        if answer.status != _OK:
            raise Unavailable("status", f"GET {PATH}: HTTP {answer.status} {answer.message}")
        nodes: dict[str, Reading] = {}
        for count, raw in enumerate(msgspec.json.decode(answer.body, type=_List).items, 1):
            item = msgspec.json.decode(raw, type=_Item)
            reading = self._reading(item)
            if reading is not None:
                nodes[item.metadata.name] = reading
            if count % _NODES_PER_STEP == 0:
                await asyncio.sleep(0)
        return Had(Readings(int(self._clock()), nodes))

    def _reading(self, item: _Item) -> Reading | None:
        row = self._nodes.row(item.metadata.name)
        if row < 0:
            METRICS_ODD.labels("unknown node").inc()
            return None
        cpu = _percent(item, "cpu", milli, int(self._nodes.capacity_cpu_milli[row]))
        memory = _percent(item, "memory", value, int(self._nodes.capacity_memory_bytes[row]))
        if cpu is None and memory is None:
            return None
        cpu_std, memory_std = (None if amount is None else 0.0 for amount in (cpu, memory))
        return Reading(cpu, cpu, cpu, cpu_std, memory, memory, memory_std)


def _percent(item: _Item, resource: str, unit: Callable[[str | float], int], capacity: int) -> float | None:
    used = (item.usage or {}).get(resource)
    if used is None or capacity <= 0:
        return None
    try:
        return percent_of(float(100 * unit(used)) / float(capacity))
    except QuantityError:
        METRICS_ODD.labels("value").inc()
        return None
