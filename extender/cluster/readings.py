"""Load per node out of a load-watcher document, in either of its spellings."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.telemetry.metrics import METRICS_ODD

# Nodes that are looked at in one step on the loop: about 0.2 ms.
_NODES_PER_STEP = 50
_TELLING = ("AVG", "Latest")
# Operators that stand in for an average while there is none.
_NEARLY = ("Latest", "")
_encoded = msgspec.json.Encoder().encode
_NO_KIND = {"type": "Unknown", "operator": "Unknown", "value": 0.0}


class Reading(NamedTuple):
    """Percent of capacity; None where there is no usable metric. In the order of cluster/load_columns.py."""

    cpu_pct: float | None = None
    """The last AVG or Latest."""
    cpu_first_pct: float | None = None
    """The first AVG or Latest."""
    cpu_avg_pct: float | None = None
    """The last AVG, else the last Latest or unnamed operator, else 0 if any CPU metric is listed."""
    cpu_std_pct: float | None = None
    """The last STD, else 0 if any CPU metric is listed."""
    memory_pct: float | None = None
    memory_avg_pct: float | None = None
    memory_std_pct: float | None = None


class Readings(NamedTuple):
    end_s: int
    """End of the window, unix seconds; 0 if the document does not say."""
    nodes: dict[str, Reading]
    """Nodes with at least one usable metric: one that is listed with none counts as not measured."""


class Digest(dict[str, Any]):
    """A document reduced to what is read of it, with the readings already taken and written: applying it, and keeping
    it in a journal, is a short step each. Its NodeMetricsMap is JSON."""

    def __init__(self, readings: Readings, written: Sequence[bytes], table: NDArray[np.float64]) -> None:
        """`written`: each node's entry, `"name":{...}`; `table`: node x field of a Reading. Both in the same order."""
        listed = msgspec.Raw(b"{" + b",".join(written) + b"}")
        super().__init__(window={"end": readings.end_s}, data={"NodeMetricsMap": listed})
        self.readings = readings
        self.table = table

    @classmethod
    async def of(cls, readings: Readings) -> Digest:
        """Some nodes at a time: others on the loop run in between."""
        written: list[bytes] = []
        tables = [table_of(())]
        nodes = iter(readings.nodes.items())
        while step := list(islice(nodes, _NODES_PER_STEP)):
            for name, reading in step:
                written.append(_encoded({name: {"metrics": metrics_of(reading)}})[1:-1])
            tables.append(table_of([reading for _name, reading in step]))
            await asyncio.sleep(0)
        return cls(readings, written, np.concatenate(tables))


def table_of(readings: Sequence[Reading]) -> NDArray[np.float64]:
    """Reading x field; None, which is no measurement, becomes NaN."""
    return np.array(readings, np.float64).reshape(-1, len(Reading._fields))


class _Seen:
    """What a list of metrics says about one resource."""

    __slots__ = ("average", "first", "last", "listed", "nearly", "spread")

    def __init__(self) -> None:
        self.listed = False
        self.first: float | None = None
        self.last: float | None = None
        self.average: float | None = None
        self.nearly = 0.0
        self.spread = 0.0

    def take(self, operator: object, amount: float) -> None:
        self.listed = True
        if operator in _TELLING:
            self.first = amount if self.first is None else self.first
            self.last = amount
        if operator in _NEARLY:
            self.nearly = amount
        elif operator == "AVG":
            self.average = amount
        elif operator == "STD":
            self.spread = amount

    @property
    def mean(self) -> float | None:
        if not self.listed:
            return None
        return self.nearly if self.average is None else self.average

    @property
    def deviation(self) -> float | None:
        return self.spread if self.listed else None


def readings_of(document: Mapping[str, Any]) -> Readings:
    """Never raises: whatever has the wrong shape is left out and counted."""
    if isinstance(document, Digest):
        return document.readings
    nodes = {}
    for name, entry in _nodes_of(document).items():
        reading = reading_of(entry)
        if isinstance(name, str) and reading is not None:
            nodes[name] = reading
    return Readings(end_of(_get(document, "window")), nodes)


def end_of(window: object) -> int:
    """End of the window, unix seconds; 0 if it does not say."""
    return int(_finite(_get(window, "end")) or 0)


def percent_of(told: object) -> float | None:
    """A finite number; anything else is None, and both that and a negative number are counted as odd."""
    amount = _finite(told)
    if amount is None:
        METRICS_ODD.labels("value").inc()
    elif amount < 0:
        METRICS_ODD.labels("negative").inc()
    return amount


def _finite(told: object) -> float | None:
    if isinstance(told, bool) or not isinstance(told, int | float):
        return None
    try:
        amount = float(told)
    except OverflowError:
        return None
    return amount if math.isfinite(amount) else None


def reading_of(entry: object) -> Reading | None:
    """What the node's metrics say, in their order; None without any. Negative values stand: plugins know them."""
    cpu, memory, any_other = _Seen(), _Seen(), False
    listed = _get(entry, "metrics")
    for metric in listed if isinstance(listed, list) else ():
        kind = _get(metric, "type")
        if kind not in ("CPU", "Memory"):
            any_other |= isinstance(metric, Mapping)
            continue
        # Go leaves a zero out of its JSON.
        amount = percent_of(_get(metric, "value", 0.0))
        if amount is not None:
            (cpu if kind == "CPU" else memory).take(_get(metric, "operator", ""), amount)
    if not (cpu.listed or memory.listed or any_other):
        return None
    return Reading(cpu.last, cpu.first, cpu.mean, cpu.deviation, memory.last, memory.mean, memory.deviation)


def metrics_of(reading: Reading) -> list[dict[str, Any]]:
    """The shortest list of metrics that reads the same."""
    cpu = _listed(reading.cpu_first_pct, reading.cpu_avg_pct, reading.cpu_pct, reading.cpu_std_pct)
    memory = _listed(reading.memory_avg_pct, reading.memory_avg_pct, reading.memory_pct, reading.memory_std_pct)
    told = [
        {"type": kind, "operator": operator, "value": amount}
        for kind, pairs in (("CPU", cpu), ("Memory", memory))
        for operator, amount in pairs
    ]
    return told or [dict(_NO_KIND)]


def _listed(
    first: float | None, average: float | None, last: float | None, deviation: float | None
) -> Iterator[tuple[str, float]]:
    if average is None:
        return
    if last is None:
        yield "", average
    else:
        if first is not None and first != average:
            yield "Latest", first
        yield "AVG", average
        if last != average:
            yield "Latest", last
    if deviation:
        yield "STD", deviation


def _nodes_of(document: Mapping[str, Any]) -> Mapping[str, Any]:
    data = _get(document, "data")
    nodes = _get(data, "NodeMetricsMap", _get(data, "nodeMetricsMap", data))
    return nodes if isinstance(nodes, Mapping) else {}


def _get(tree: object, key: str, default: Any = None) -> Any:
    """The value under `key` or its capitalised spelling."""
    if not isinstance(tree, Mapping):
        return default
    found = tree.get(key)
    if found is None:
        found = tree.get(key[:1].upper() + key[1:])
    return default if found is None else found
