"""What an informer must know about a kind of object: where it is listed, how it is named and decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from extender.model.events import (
    Event,
    NodeDeleted,
    NodeUpserted,
    Object,
    ObjectDeleted,
    ObjectUpserted,
    PodDeleted,
    PodUpserted,
)
from extender.model.node import KubeNode
from extender.model.pod import KubePod, Pod, SharedParts

# Like the scheduler's own informer: for every plugin a terminal pod is gone.
LIVING_PODS = "status.phase!=Succeeded,status.phase!=Failed"
# Long, never read by a plugin, and sometimes holding what its author would not publish.
_UNREAD_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
# What decoding raises over bad bytes, bad shapes, absurd times and absurd depth.
UNREADABLE = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)


class KindLike(Protocol):
    """A resource kind as a plugin declares it."""

    @property
    def group(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def plural(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def namespaced(self) -> bool: ...
    @property
    def status(self) -> bool: ...


class Meta(Protocol):
    """Enough of an object's metadata to name it."""

    name: str
    namespace: str
    uid: str
    resource_version: str


class NodeFrame(msgspec.Struct, gc=False):
    """A watch event about a node, read in one pass."""

    type: str
    object: KubeNode


class PodFrame(msgspec.Struct, gc=False):
    """A watch event about a pod, read in one pass."""

    type: str
    object: KubePod


class Held(Protocol):
    """What is known so far: the cluster state."""

    @property
    def pods(self) -> Mapping[str, Pod]: ...


@dataclass(frozen=True, slots=True)
class Resource:
    name: str
    """For metrics and messages: `pods`, `elasticquotas.scheduling.x-k8s.io`."""
    path: str
    key: Callable[[Meta], str]
    """What the state knows the object by; empty if it cannot be named."""
    decode: Callable[[bytes | memoryview], Any]
    """JSON -> an object. Raises one of UNREADABLE."""
    upserted: Callable[[str, Any, Held], Event]
    """(key, decoded object, what is known) -> event. Raises one of UNREADABLE."""
    deleted: Callable[[str], Event]
    frames: msgspec.json.Decoder[NodeFrame] | msgspec.json.Decoder[PodFrame] | None = None
    """A whole watch event in one pass, where objects have a type: the same object that `decode` finds in it."""
    selector: str = ""
    """Field selector."""
    optional: bool = False
    """The kind may be absent from the cluster."""


# Most pods of a cluster are copies of few templates.
_PARTS = SharedParts()


def _pod_upserted(_key: str, found: KubePod, held: Held) -> Event:
    return PodUpserted(found.flatten(_PARTS, held.pods.get(found.metadata.uid)))


def _node_upserted(_key: str, found: KubeNode, _held: Held) -> Event:
    return NodeUpserted(found.flatten())


NODES = Resource(
    name="nodes",
    path="/api/v1/nodes",
    key=lambda meta: meta.name,
    decode=msgspec.json.Decoder(KubeNode).decode,
    upserted=_node_upserted,
    deleted=NodeDeleted,
    frames=msgspec.json.Decoder(NodeFrame),
)
PODS = Resource(
    name="pods",
    path="/api/v1/pods",
    key=lambda meta: meta.uid,
    decode=msgspec.json.Decoder(KubePod).decode,
    upserted=_pod_upserted,
    deleted=PodDeleted,
    selector=LIVING_PODS,
    frames=msgspec.json.Decoder(PodFrame),
)


def custom(kind: KindLike) -> Resource:
    """The resource of a declared kind, over all namespaces."""
    prefix = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    return Resource(
        name=f"{kind.plural}.{kind.group}" if kind.group else kind.plural,
        path=f"{prefix}/{kind.plural}",
        key=_namespaced_key if kind.namespaced else lambda meta: meta.name,
        decode=lambda raw: decode_object(raw, status=kind.status),
        upserted=lambda key, found, _held: ObjectUpserted(kind.kind, key, found),
        deleted=lambda key: ObjectDeleted(kind.kind, key),
        optional=True,
    )


def decode_object(raw: bytes | memoryview, *, status: bool) -> Object:
    """JSON -> the object without bookkeeping, and with its status if wanted. Raises msgspec.DecodeError."""
    return trimmed_object(_OBJECT.decode(raw), status=status)


def trimmed_object(tree: dict[str, Any], *, status: bool) -> Object:
    """The object without its managed fields and last applied text, and with its status if wanted."""
    kept = {name: part for name, part in tree.items() if status or name != "status"}
    meta = kept.get("metadata")
    if isinstance(meta, dict):
        kept["metadata"] = meta = {name: part for name, part in meta.items() if name != "managedFields"}
        notes = meta.get("annotations")
        if isinstance(notes, dict) and _UNREAD_ANNOTATION in notes:
            meta["annotations"] = {name: text for name, text in notes.items() if name != _UNREAD_ANNOTATION}
    return kept


_OBJECT: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


def _namespaced_key(meta: Meta) -> str:
    return f"{meta.namespace}/{meta.name}" if meta.name else ""
