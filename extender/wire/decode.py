"""Reads any valid extender/v1 request: any key order, white space, escapes, unknown keys. Raises only BadRequest.

Keys are the Go names in exact capitals, as every scheduler since 1.17 sends them. Everything that kube-scheduler
never sends, and that we could only guess at, is refused: neither or both of two lists, a node without a name,
numbers that Go's types cannot hold, text that is not UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct, field

from extender.model.pod import Parts, Pod, decode_pod
from extender.wire.messages import BadRequest, BindRequest, MetaVictims, PreemptRequest

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1
_Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]

Decoded = TypeVar("Decoded")


class _NodeList(Struct, gc=False):
    items: list[Raw] | None = None


class _Args(Struct, gc=False):
    pod: Raw = field(name="Pod")
    nodes: _NodeList | None = field(name="Nodes", default=None)
    names: list[str] | None = field(name="NodeNames", default=None)


class _Metadata(Struct, gc=False):
    name: str


class _Node(Struct, gc=False):
    metadata: _Metadata


class _MetaPod(Struct, gc=False):
    uid: str = field(name="UID")


class _MetaVictims(Struct, gc=False):
    pods: list[_MetaPod | None] | None = field(name="Pods", default=None)
    pdb_violations: _Int64 | None = field(name="NumPDBViolations", default=None)


class _PodMetadata(Struct, gc=False):
    uid: str


class _VictimPod(Struct, gc=False):
    metadata: _PodMetadata


class _Version(Struct, gc=False, rename={"resource_version": "resourceVersion"}):
    uid: str = ""
    resource_version: str = ""


class _Told(Struct, gc=False, rename={"nominated_node_name": "nominatedNodeName"}):
    nominated_node_name: str = ""


class _Brief(Struct, gc=False):
    metadata: _Version
    status: _Told | None = None


class _Victims(Struct, gc=False):
    pods: list[_VictimPod | None] | None = field(name="Pods", default=None)
    pdb_violations: _Int64 | None = field(name="NumPDBViolations", default=None)


class _PreemptArgs(Struct, gc=False):
    pod: Raw = field(name="Pod")
    victims: dict[str, _Victims | None] | None = field(name="NodeNameToVictims", default=None)
    meta: dict[str, _MetaVictims | None] | None = field(name="NodeNameToMetaVictims", default=None)


_ARGS = msgspec.json.Decoder(_Args)
_NODE = msgspec.json.Decoder(_Node)
_BRIEF = msgspec.json.Decoder(_Brief)
_PREEMPT = msgspec.json.Decoder(_PreemptArgs)
_BIND = msgspec.json.Decoder(BindRequest)


def require_utf8(body: bytes) -> None:
    """The decoder looks only into the strings it keeps; what we pass on must be valid as a whole."""
    if not body.isascii():
        _reading("body", str, body, "utf-8")


def read_candidates(body: bytes) -> tuple[Raw, list[str], list[Raw] | None]:
    """ExtenderArgs -> (pod, each node name once in the order sent, its Node object if objects came)."""
    args = _reading("body", _ARGS.decode, body)
    if args.names is not None and args.nodes is not None:
        raise BadRequest("both Nodes and NodeNames are set; send one and null for the other")
    if args.names is not None:
        return args.pod, list(dict.fromkeys(args.names)), None
    if args.nodes is None:
        raise BadRequest("neither Nodes nor NodeNames is set; send one of them")
    items: dict[str, Raw] = {}
    for raw in args.nodes.items or ():
        items.setdefault(_reading("Nodes.items", _NODE.decode, raw).metadata.name, raw)
    return args.pod, list(items), list(items.values())


def read_object_name(item: bytes) -> str:
    """The name of a Node object; all of it is then valid JSON in UTF-8."""
    require_utf8(item)
    return _reading("Nodes.items", _NODE.decode, item).metadata.name


def read_pod(raw: bytes | memoryview, parts: Parts | None = None) -> Pod:
    """The pod of a request, its parts made by `parts`. One without a UID (made by hand) goes by namespace and name."""
    pod = _reading("Pod", decode_pod, raw, parts)
    if not _INT32_MIN <= pod.priority <= _INT32_MAX:
        raise BadRequest("Pod: spec.priority does not fit 32 bits")
    if pod.uid:
        return pod
    if not pod.name:
        raise BadRequest("Pod: metadata.uid and metadata.name are missing")
    return msgspec.structs.replace(pod, uid=pod.key)


def recognised(raw: bytes, known: Callable[[str], Pod | None]) -> Pod | None:
    """The pod of a request, if it is one that we have read before: the same version of the same object has the same
    content, however long it is. Only its nominated node may be newer: kube-scheduler notes it before the API server.
    """
    try:
        brief = _BRIEF.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    pod = known(brief.metadata.uid)
    if pod is None or pod.node_name or not pod.resource_version:
        return None
    nominated = brief.status.nominated_node_name if brief.status else ""
    same = pod.resource_version == brief.metadata.resource_version and pod.nominated_node_name == nominated
    return pod if same else None


def read_preempt(body: bytes) -> PreemptRequest:
    """ExtenderPreemptionArgs. Null lists and null entries count as empty; a victim named twice counts once."""
    require_utf8(body)
    args = _reading("body", _PREEMPT.decode, body)
    if args.meta is not None and args.victims is not None:
        raise BadRequest("both NodeNameToVictims and NodeNameToMetaVictims are set; send one and null for the other")
    nodes = _of_meta(args.meta) if args.meta is not None else _of_pods(args.victims or {})
    return PreemptRequest(read_pod(args.pod), nodes)


def read_bind(body: bytes) -> BindRequest:
    """ExtenderBindingArgs."""
    require_utf8(body)
    request = _reading("body", _BIND.decode, body)
    for key, value in (
        ("PodName", request.name),
        ("PodNamespace", request.namespace),
        ("PodUID", request.uid),
        ("Node", request.node),
    ):
        if not value:
            raise BadRequest(f"{key} is empty")
    return request


def _of_meta(sent: Mapping[str, _MetaVictims | None]) -> dict[str, MetaVictims]:
    return {
        node: _victims([pod.uid for pod in found.pods or () if pod is not None], found.pdb_violations)
        if found is not None
        else MetaVictims(())
        for node, found in sent.items()
    }


def _of_pods(sent: Mapping[str, _Victims | None]) -> dict[str, MetaVictims]:
    return {
        node: _victims([pod.metadata.uid for pod in found.pods or () if pod is not None], found.pdb_violations)
        if found is not None
        else MetaVictims(())
        for node, found in sent.items()
    }


def _victims(uids: list[str], pdb_violations: int | None) -> MetaVictims:
    if not all(uids):
        raise BadRequest("a victim has an empty UID")
    return MetaVictims(tuple(dict.fromkeys(uids)), pdb_violations or 0)


def _reading(what: str, decode: Callable[..., Decoded], *given: Any) -> Decoded:
    """Turn every way in which decoding can fail into BadRequest. `Any`: whatever that decoder takes."""
    try:
        return decode(*given)
    except msgspec.MsgspecError as wrong:
        raise BadRequest(f"{what}: {wrong}") from None
    except UnicodeDecodeError as wrong:
        raise BadRequest(f"{what}: not valid UTF-8 (byte {wrong.start})") from None
    except RecursionError:
        raise BadRequest(f"{what}: nested too deeply") from None
    except (ValueError, OverflowError):
        raise BadRequest(f"{what}: a value is out of range") from None
