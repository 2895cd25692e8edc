"""A cluster in a file: what `kubectl get nodes,pods,... -o json` (or -o yaml) prints, applied as events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import yaml

from extender.cluster.resource import UNREADABLE, trimmed_object
from extender.cluster.state import ClusterState
from extender.model.events import Event, NodeUpserted, ObjectUpserted, PodUpserted
from extender.model.node import node_of
from extender.model.pod import pod_of
from extender.telemetry.metrics import OBJECTS_REFUSED

FILE_BYTES_MAX = 2**30
WARNINGS_MAX = 100
# Aliases of YAML can make a short text endless to whoever walks it.
OBJECT_PARTS_MAX = 1_000_000


class ClusterFileError(Exception):
    """The file cannot be read at all; the message says what to do."""


class _Loader(yaml.CSafeLoader):
    """Times stay text, as in JSON."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load_cluster_file(path: str | Path, state: ClusterState, now_s: float) -> list[str]:
    """Apply every object of the file; returns a warning, with its place, for each one that had to be left out.

    Raises ClusterFileError if there is no such file or nothing in it can be read.
    """
    warnings: list[str] = []
    documents = _documents(Path(path), warnings)
    if not documents and warnings:
        raise ClusterFileError(warnings[0])
    for index, document in enumerate(documents):
        where = f"{path}: document {index + 1}" if len(documents) > 1 else f"{path}"
        for place, tree, kind in _objects(document, where, ""):
            try:
                state.apply(_event_of(tree, kind), now_s)
            except _LeftOutError as why:
                OBJECTS_REFUSED.labels("file").inc()
                warnings.append(f"{place}: {why}")
    if len(warnings) > WARNINGS_MAX:
        warnings[WARNINGS_MAX:] = [f"{path}: and {len(warnings) - WARNINGS_MAX} more objects are left out"]
    return warnings


class _LeftOutError(Exception):
    pass


def _documents(path: Path, warnings: list[str]) -> list[object]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ClusterFileError(f"{path} is larger than {FILE_BYTES_MAX} bytes: want a List of nodes and pods")
        raw = path.read_bytes()
    except OSError as trouble:
        raise ClusterFileError(f"cannot read the cluster file: {trouble}") from trouble
    if not raw.strip():
        raise ClusterFileError(f"{path} is empty: want what `kubectl get nodes,pods -o json` prints")
    found = _json_documents(raw)
    return found if found is not None else _yaml_documents(raw, path, warnings)


def _json_documents(raw: bytes) -> list[object] | None:
    """One or more JSON documents one after the other; None if the text is not that."""
    try:
        return [msgspec.json.decode(raw)]
    except UNREADABLE:
        pass
    try:
        text = raw.decode()
        decoder, found, at = json.JSONDecoder(), [], 0
        while rest := text[at:].lstrip():
            tree, used = decoder.raw_decode(rest)
            found.append(tree)
            at = len(text) - len(rest) + used
    except UNREADABLE:
        return None
    return found


def _yaml_documents(raw: bytes, path: Path, warnings: list[str]) -> list[object]:
    found: list[object] = []
    try:
        # Documents before a broken one still count.
        found.extend(tree for tree in yaml.load_all(raw, _Loader) if tree is not None)
    except (yaml.YAMLError, *UNREADABLE) as trouble:
        told = " ".join(str(trouble).split())
        warnings.append(f"{path}: neither JSON nor YAML after document {len(found)}: {told}")
    return found


def _objects(tree: object, where: str, kind: str) -> Iterator[tuple[str, object, str]]:
    """(place, object, kind) of everything in a document; lists may hold lists."""
    if isinstance(tree, dict):
        kind = str(tree.get("kind") or kind)
        items = tree.get("items")
        if not (kind.endswith("List") and (isinstance(items, list) or items is None)):
            yield where, tree, kind
            return
        # Items of a typed list (PodList) do not repeat their kind.
        kind = kind.removesuffix("List")
    elif isinstance(tree, list):
        items = tree
    else:
        yield where, tree, kind
        return
    for index, item in enumerate(items or ()):
        yield from _objects(item, f"{where}: items[{index}]", kind)


def _event_of(tree: object, kind: str) -> Event:
    if not isinstance(tree, dict):
        raise _LeftOutError(f"not an object but {type(tree).__name__}")
    meta = tree.get("metadata")
    name = meta.get("name") if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or not isinstance(name, str) or not name:
        raise _LeftOutError(f"{kind or 'object'} without metadata.name")
    namespace = meta.get("namespace")
    called = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
    try:
        if kind == "Node":
            return NodeUpserted(node_of(tree))
        if kind == "Pod":
            return PodUpserted(pod_of(tree))
    except UNREADABLE as trouble:
        raise _LeftOutError(f"{called}: {trouble}") from trouble
    if not kind or "/" not in str(tree.get("apiVersion", "")):
        raise _LeftOutError(f"{called}: want Nodes, Pods and custom objects (with apiVersion group/version and kind)")
    if _is_endless(tree):
        raise _LeftOutError(f"{called}: more than {OBJECT_PARTS_MAX} parts")
    return ObjectUpserted(kind, f"{namespace}/{name}" if namespace else name, trimmed_object(tree, status=True))


def _is_endless(tree: object) -> bool:
    pending, parts = [tree], 0
    while pending and parts <= OBJECT_PARTS_MAX:
        part = pending.pop()
        parts += 1
        if isinstance(part, dict):
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
    return parts > OBJECT_PARTS_MAX
