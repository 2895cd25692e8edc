"""Load per node out of a load-watcher document, in either of its spellings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from extender.telemetry.metrics import METRICS_ODD

_TELLING = ("AVG", "Latest")


class Reading(NamedTuple):
    """Percent of capacity; None where there is no usable metric."""

    cpu_pct: float | None
    memory_pct: float | None


class Readings(NamedTuple):
    end_s: int
    """End of the window, unix seconds; 0 if the document does not say."""
    nodes: dict[str, Reading]


class Digest(dict[str, Any]):
    """A document reduced to what is read of it, with the readings already taken: applying it is one short step."""

    def __init__(self, readings: Readings) -> None:
        super().__init__(
            window={"end": readings.end_s},
            data={"NodeMetricsMap": {name: {"metrics": _metrics_of(read)} for name, read in readings.nodes.items()}},
        )
        self.readings = readings


def readings_of(document: Mapping[str, Any]) -> Readings:
    """Never raises: whatever has the wrong shape is left out and counted."""
    if isinstance(document, Digest):
        return document.readings
    return Readings(
        end_s=end_of(_get(document, "window")),
        nodes={name: reading_of(entry) for name, entry in _nodes_of(document).items() if isinstance(name, str)},
    )


def end_of(window: object) -> int:
    """End of the window, unix seconds; 0 if it does not say."""
    end = _get(window, "end")
    return int(end) if isinstance(end, int | float) and math.isfinite(end) else 0


def reading_of(entry: object) -> Reading:
    """The last CPU and memory metric with operator AVG or Latest. Negative values stand: plugins know them."""
    cpu: float | None = None
    memory: float | None = None
    listed = _get(entry, "metrics")
    for metric in listed if isinstance(listed, list) else ():
        kind = _get(metric, "type")
        if kind not in ("CPU", "Memory") or _get(metric, "operator") not in _TELLING:
            continue
        # Go leaves a zero out of its JSON.
        amount = _get(metric, "value", 0.0)
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not math.isfinite(amount):
            METRICS_ODD.labels("value").inc()
            continue
        if amount < 0:
            METRICS_ODD.labels("negative").inc()
        if kind == "CPU":
            cpu = float(amount)
        else:
            memory = float(amount)
    return Reading(cpu, memory)


def _metrics_of(reading: Reading) -> list[dict[str, Any]]:
    pairs = (("CPU", reading.cpu_pct), ("Memory", reading.memory_pct))
    return [{"type": kind, "operator": "Latest", "value": pct} for kind, pct in pairs if pct is not None]


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
