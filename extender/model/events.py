"""Everything that can change what we believe about the cluster. One writer applies them, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extender.model.node import Node
from extender.model.pod import Pod

# A custom object as parsed from JSON; its shape is the business of the plugin that asked for its kind.
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NodeUpserted:
    node: Node


@dataclass(frozen=True, slots=True)
class NodeDeleted:
    name: str


@dataclass(frozen=True, slots=True)
class PodUpserted:
    pod: Pod


@dataclass(frozen=True, slots=True)
class PodDeleted:
    uid: str


@dataclass(frozen=True, slots=True)
class PodAssumed:
    """Our own bind succeeded: the pod counts on its node before the watch says so."""

    pod: Pod
    """With node_name set."""
    at_s: float


@dataclass(frozen=True, slots=True)
class ObjectUpserted:
    kind: str
    key: str
    """namespace/name, or name for cluster-scoped kinds."""
    object: Object


@dataclass(frozen=True, slots=True)
class ObjectDeleted:
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class MetricsReplaced:
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
