"""What the extender knows about a node, as it comes from the API."""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from extender.model.pod import Quantities


class Taint(Struct, frozen=True, gc=False, omit_defaults=True):
    key: str = ""
    value: str = ""
    effect: str = ""


class Node(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    name: str
    resource_version: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    taints: tuple[Taint, ...] = ()
    allocatable: Quantities = {}
    capacity: Quantities = {}
    unschedulable: bool = False
    ready: bool = True


class _Metadata(Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Taint(Struct, gc=False):
    key: str | None = None
    value: str | None = None
    effect: str | None = None


class _Spec(Struct, gc=False):
    unschedulable: bool | None = None
    taints: list[_Taint] | None = None


class _Condition(Struct, gc=False):
    type: str = ""
    status: str = ""


class _Status(Struct, gc=False):
    allocatable: Quantities | None = None
    capacity: Quantities | None = None
    conditions: list[_Condition] | None = None


class KubeNode(Struct, gc=False):
    """A core/v1 Node as it stands in JSON, reduced to what we read."""

    metadata: _Metadata = field(default_factory=_Metadata)
    spec: _Spec | None = None
    status: _Status | None = None

    def flatten(self) -> Node:
        meta, spec, status = self.metadata, self.spec or _Spec(), self.status or _Status()
        ready = next((c.status for c in status.conditions or () if c.type == "Ready"), "True")
        return Node(
            name=meta.name,
            resource_version=meta.resource_version,
            labels=meta.labels or {},
            annotations=meta.annotations or {},
            taints=tuple(Taint(t.key or "", t.value or "", t.effect or "") for t in spec.taints or ()),
            allocatable=status.allocatable or {},
            capacity=status.capacity or {},
            unschedulable=bool(spec.unschedulable),
            ready=ready == "True",
        )


_DECODER = msgspec.json.Decoder(KubeNode)


def decode_node(raw: bytes | memoryview) -> Node:
    """JSON bytes -> Node. Raises msgspec.DecodeError (ValidationError with the path of the field)."""
    return _DECODER.decode(raw).flatten()


def node_of(tree: object) -> Node:
    """A node already parsed -> Node. Raises msgspec.ValidationError."""
    return msgspec.convert(tree, KubeNode, strict=True).flatten()
