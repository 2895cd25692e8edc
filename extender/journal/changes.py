"""Changes and snapshots of the cluster state as frames, so that a decision can be computed again later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from extender.model.columns import NodeTable
from extender.model.events import (
    Event,
    MetricsReplaced,
    NodeDeleted,
    NodeUpserted,
    ObjectDeleted,
    ObjectUpserted,
    PodAssumed,
    PodDeleted,
    PodUpserted,
)
from extender.record import frames


def event_frame(event: Event, generation: int, now_s: float) -> frames.Event:
    """A change as it was applied."""
    return frames.Event(at_us=int(now_s * 1e6), generation=generation, change=type(event).__name__, value=_value(event))


def _value(event: Event) -> dict[str, Any]:
    match event:
        case NodeUpserted(node):
            return {"node": msgspec.to_builtins(node)}
        case NodeDeleted(name):
            return {"name": name}
        case PodUpserted(pod):
            return {"pod": msgspec.to_builtins(pod)}
        case PodAssumed(pod, at_s):
            return {"pod": msgspec.to_builtins(pod), "at_s": at_s}
        case PodDeleted(uid):
            return {"uid": uid}
        case ObjectUpserted(kind, key, found):
            return {"kind": kind, "key": key, "object": dict(found)}
        case ObjectDeleted(kind, key):
            return {"kind": kind, "key": key}
        case MetricsReplaced(document, fetched_at_s):
            return {"document": dict(document), "fetched_at_s": fetched_at_s}


def snapshot_of(nodes: NodeTable, generation: int, pods: int, now_s: float) -> Callable[[], frames.Snapshot]:
    """Copy the columns now; the returned call, safe in another thread, makes the frame out of the copies."""
    rows = [row for _name, row in nodes.items()]
    names = [name for name, _row in nodes.items()]
    columns = {name: getattr(nodes, name)[rows] for name, _kind, _meaning in nodes.COLUMNS}
    columns["allocatable"] = nodes.allocatable[rows]
    resources = list(nodes.resources)

    def make() -> frames.Snapshot:
        return frames.Snapshot(
            at_us=int(now_s * 1e6),
            generation=generation,
            nodes=names,
            columns={name: column.tolist() for name, column in columns.items()},
            resources=resources,
            pods=pods,
        )

    return make
