"""Everything that can change what we believe about the cluster. One writer applies them, in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from extender.model.node import Node
from extender.model.pod import Pod

# A custom object as parsed from JSON; its shape is the business of the plugin that asked for its kind.
Object = Mapping[str, Any]


class NodeUpserted(Struct, frozen=True, gc=False):
    node: Node


class NodeDeleted(Struct, frozen=True, gc=False):
    name: str


class PodUpserted(Struct, frozen=True, gc=False):
    pod: Pod


class PodDeleted(Struct, frozen=True, gc=False):
    uid: str


class PodAssumed(Struct, frozen=True, gc=False):
    """Our own bind succeeded: the pod counts on its node before the watch says so."""

    pod: Pod
    """With node_name set."""
    at_s: float


class ObjectUpserted(Struct, frozen=True, gc=False):
    kind: str
    key: str
    """namespace/name, or name for cluster-scoped kinds."""
    object: Object


class ObjectDeleted(Struct, frozen=True, gc=False):
    kind: str
    key: str


class MetricsReplaced(Struct, frozen=True, gc=False):
    """A load-watcher document: {"window": {"end": unix s}, "data": {"NodeMetricsMap": {...}}}."""

    document: Mapping[str, Any]
    fetched_at_s: float


Event = (
    NodeUpserted
    | NodeDeleted
    | PodUpserted
    | PodDeleted
    | PodAssumed
    | ObjectUpserted
    | ObjectDeleted
    | MetricsReplaced
)
