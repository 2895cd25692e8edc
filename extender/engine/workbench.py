"""An engine over a cluster that stands still: `explain` from files, and policy cases of a batch. Binds nothing."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from extender.cluster.state import ClusterState
from extender.engine.engine import Engine
from extender.engine.profile import PolicySet, build
from extender.framework.compiled import CompiledPlugin
from extender.framework.info import catalogue_of
from extender.model.events import MetricsReplaced, NodeUpserted, ObjectUpserted, PodUpserted
from extender.model.node import node_of
from extender.model.pod import Pod, pod_of
from extender.policy import Catalogue, parse


class NotForUse(Exception):
    """A case that cannot be evaluated as written; `path` says where."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


class _NoBinder:
    async def bind(self, namespace: str, name: str, uid: str, node: str, timeout_s: float) -> str:  # noqa: ARG002
        return "a workbench binds nothing"

    async def read_pod(self, namespace: str, name: str) -> Pod | None:  # noqa: ARG002
        return None


class Workbench:
    def __init__(self, installed: Mapping[str, CompiledPlugin], now_s: float | None = None) -> None:
        """`now_s`: unix seconds at which everything happens; default: now."""
        self.now_s = time.time() if now_s is None else now_s
        self.state = ClusterState()
        self._installed = installed
        plugins = [compiled.plugin for compiled in installed.values()]
        self._engine = Engine(self.state, plugins, _NoBinder(), offer=lambda _frame: None, clock=lambda: self.now_s)

    @property
    def catalogue(self) -> Catalogue:
        return catalogue_of(compiled.plugin for compiled in self._installed.values())

    def policy(self, text: str | bytes, revision: str = "") -> PolicySet:
        """Raises PolicyRefused with every problem."""
        return build(parse(text, self.catalogue), revision, self._installed)

    def explain(self, pod: Pod, policy: PolicySet, names: Sequence[str] | None = None) -> dict[str, Any]:
        """The policy form of interfaces.md §5, over the given nodes, by default all."""
        return asyncio.run(self._engine.explain(pod, names, policy))


def explain_case(case: Mapping[str, Any], installed: Mapping[str, CompiledPlugin]) -> dict[str, Any]:
    """One *policy* line of a batch -> its answer. Raises NotForUse or PolicyRefused."""
    bench = Workbench(installed, _moment(case.get("now")))
    pod = _read("pod", pod_of, case.get("pod"))
    for i, tree in enumerate(_listed(case, "nodes")):
        bench.state.apply(NodeUpserted(_read(f"nodes[{i}]", node_of, tree)), bench.now_s)
    for i, tree in enumerate(_listed(case, "objects")):
        bench.state.apply(_object(f"objects[{i}]", tree), bench.now_s)
    for i, tree in enumerate(_listed(case, "pods")):
        bench.state.apply(PodUpserted(_read(f"pods[{i}]", pod_of, tree)), bench.now_s)
    if case.get("metrics") is not None:
        bench.state.apply(MetricsReplaced(case["metrics"], bench.now_s), bench.now_s)
    return bench.explain(pod, bench.policy(json.dumps(case["policy"])))


def _object(path: str, tree: Any) -> ObjectUpserted:
    if not isinstance(tree, Mapping) or not isinstance(tree.get("metadata"), Mapping) or not tree.get("kind"):
        raise NotForUse(path, "want an object with kind and metadata")
    meta = tree["metadata"]
    key = "/".join(str(part) for part in (meta.get("namespace"), meta.get("name")) if part)
    return ObjectUpserted(str(tree["kind"]), key, tree)


def _read(path: str, convert: Any, tree: Any) -> Any:
    try:
        return convert(tree)
    except msgspec.ValidationError as wrong:
        raise NotForUse(path, str(wrong)) from wrong


def _listed(case: Mapping[str, Any], key: str) -> list[Any]:
    found = case.get(key) or []
    if not isinstance(found, list):
        raise NotForUse(key, f"want a list, got {type(found).__name__}")
    return found


def _moment(now: Any) -> float | None:
    if now is None:
        return None
    try:
        return datetime.fromisoformat(now).timestamp()
    except (TypeError, ValueError) as wrong:
        raise NotForUse("now", f"want a time such as 2026-11-21T10:00:00Z, got {now!r}") from wrong
