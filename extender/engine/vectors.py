"""One plugin on one made-up cluster: the *plugin* lines of `trimtab explain --batch` (interfaces.md §5).

A case is evaluated through the same parts as a live cycle: its objects become events of a fresh ClusterState, its args
go through args_of, its rules are the compiled ones. `expect` is never looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.cluster.state import ClusterState
from extender.engine.books import Books
from extender.engine.vectors_queue import PairError, less_of_pair
from extender.framework.arguments import args_of, decode, located
from extender.framework.compiled import CompiledPlugin
from extender.framework.declaration import CaseView, Cycle, LedgerBook, Plugin, QueueView
from extender.framework.info import v1_args
from extender.model.events import MetricsReplaced, NodeUpserted, ObjectUpserted, PodUpserted
from extender.model.node import node_of
from extender.model.pod import Pod, pod_of
from extender.model.verdict import Code
from extender.quantity import QuantityError

Case = Mapping[str, Any]
Answer = dict[str, Any]

_T = TypeVar("_T")

# A case with one of these asks for a verdict; without any of them it asks about its args only.
_SUBJECTS = ("pod", "pair", "namespacedNames", "updatedObjects")


class CaseError(Exception):
    """A case that cannot be evaluated: what is wrong, and where in it."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


def answer_plugin_case(case: Case, installed: Mapping[str, CompiledPlugin]) -> Answer:
    """The keys that the plugin's vectors have under `expect`, for the phases that it implements. Raises CaseError."""
    compiled = _plugin_of(case, installed)
    given = _mapping(case, "args")
    if not any(subject in case for subject in _SUBJECTS):
        return _about_args(compiled.plugin, given)
    if "pod" not in case and not _orders(compiled.plugin, case) and compiled.plugin.case_answers is None:
        raise CaseError("", f"plugin {compiled.plugin.name} decides about a pod; the case has none")
    args, problems = args_of(compiled.plugin, given)
    if args is None:
        return {"argsError": _joined(problems)}
    try:
        if "pod" in case:
            return _evaluate(case, compiled, args)
        ordered = _ordered(case, compiled.plugin, args) if _orders(compiled.plugin, case) else {}
        return ordered | _told_by_the_plugin(compiled.plugin, CaseView(_unspoilt(case), args, None, None))
    except QuantityError as wrong:
        raise CaseError("pod", str(wrong)) from None


def _orders(plugin: Plugin, case: Case) -> bool:
    return plugin.queue_sort is not None and "pair" in case


def _ordered(case: Case, plugin: Plugin, args: Any) -> Answer:
    assert plugin.queue_sort is not None  # noqa: S101 - asked by the caller
    state, books = _world(plugin)
    _fill(state, case, None)
    try:
        view = QueueView(args, books.of(plugin.name), state.objects)
        return {"less": less_of_pair(plugin.queue_sort, view, case["pair"])}
    except PairError as wrong:
        raise CaseError(wrong.path, str(wrong)) from None


def _told_by_the_plugin(plugin: Plugin, view: CaseView) -> Answer:
    """Raises CaseError."""
    if plugin.case_answers is None:
        return {}
    try:
        return dict(plugin.case_answers(view))
    except msgspec.ValidationError as wrong:
        raise CaseError(*located(wrong, "")) from None
    except ValueError as wrong:
        raise CaseError("", str(wrong)) from None


def _unspoilt(case: Case) -> Case:
    return {key: told for key, told in case.items() if key != "expect"}


def _about_args(plugin: Plugin, given: Mapping[str, Any]) -> Answer:
    args, problems = decode(plugin, given)
    if args is None:
        return {"decodeError": _joined(problems)}
    answer: Answer = {"defaulted": v1_args(args)}
    if problems := plugin.check(args):
        answer["validationError"] = _joined(problems)
    return answer


def _evaluate(case: Case, compiled: CompiledPlugin, args: Any) -> Answer:
    plugin = compiled.plugin
    pod = _pod(case["pod"], "pod")
    state, books = _world(plugin)
    now_s = _fill(state, case, pod)
    names = [name for name, _row in state.nodes.items()]
    book: object = books.of(plugin.name)
    cycle = Cycle(
        pod=pod,
        nodes=state.nodes,
        rows=np.array([state.nodes.row(name) for name in names], np.int32),
        args=args,
        book=book,
        memo={},
        pods=state.pods,
        nominated=state.nominated,
        objects=state.objects,
        assignments=state.assignments,
        metrics_end_s=state.metrics_end_s,
        now_s=now_s,
        pods_on=state.pods_on,
        requested=state.requested_by,
    )

    def generic() -> Answer:
        return _of_phases(compiled, cycle, names)

    view = CaseView(_unspoilt(case), args, book, cycle, names, again=generic)
    return generic() | _told_by_the_plugin(plugin, view)


def _of_phases(compiled: CompiledPlugin, cycle: Cycle, names: list[str]) -> Answer:
    """The keys that every plugin with these phases has."""
    plugin, answer = compiled.plugin, Answer()
    if plugin.pre_filter:
        status = plugin.pre_filter.check(cycle)
        answer["prefilter"] = {"code": status.code.value, "reasons": [status.reason] if status.reason else []}
    if plugin.filter:
        answer["filter"] = _filtered(compiled, cycle, names)
    if plugin.score:
        answer |= _scored(compiled, cycle, names)
    if isinstance(cycle.book, LedgerBook):
        answer["ledger"] = cycle.book.ledger()
    return answer


def _world(plugin: Plugin) -> tuple[ClusterState, Books]:
    """An empty cluster, and the plugin's book that follows it."""
    state, books = ClusterState(), Books((plugin,))
    state.pod_listeners += books.pod_listeners()
    state.object_listeners.append(books.object_changed)
    state.node_listeners.append(books.node_changed)
    return state, books


def _filtered(compiled: CompiledPlugin, cycle: Cycle, names: list[str]) -> dict[str, Any]:
    codes = np.zeros(len(names), np.int16)
    compiled.filter_rows(cycle, codes, 0)
    assert compiled.plugin.filter is not None  # noqa: S101 - asked by the caller
    rejections, describe = compiled.plugin.filter.rejections, compiled.plugin.filter.describe
    told = {}
    for name, code in zip(names, codes.tolist(), strict=True):
        if code:
            reason = describe(cycle, cycle.nodes.row(name), code) if describe else rejections[code - 1].reason
            told[name] = {"code": rejections[code - 1].code.value, "reasons": [reason]}
        else:
            told[name] = {"code": Code.SUCCESS.value, "reasons": []}
    return told


def _scored(compiled: CompiledPlugin, cycle: Cycle, names: list[str]) -> Answer:
    raw = np.zeros(len(names), np.int64)
    compiled.score_rows(cycle, raw)
    return {"score": _by_name(names, raw), "normalized": _by_name(names, compiled.normalize(raw))}


def _by_name(names: list[str], values: NDArray[np.int64]) -> dict[str, int]:
    return dict(zip(names, values.tolist(), strict=True))


def _fill(state: ClusterState, case: Case, pod: Pod | None) -> float:
    """Tell the state what the case describes, in its order; the case's time, unix seconds."""
    metrics = case.get("metrics")
    if metrics is not None and not isinstance(metrics, Mapping):
        raise CaseError("metrics", f"want a load-watcher document or null, got {type(metrics).__name__}")
    now_s = _now(case)
    for i, tree in _listed(case, "nodes"):
        state.apply(NodeUpserted(_decoded(node_of, tree, f"nodes[{i}]")), now_s)
    for i, tree in _listed(case, "objects"):
        state.apply(_object_event(tree, f"objects[{i}]"), now_s)
    if metrics is not None:
        state.apply(MetricsReplaced(metrics, now_s), now_s)
        now_s = now_s or float(state.metrics_end_s)
    for i, tree in _listed(case, "pods"):
        state.apply(PodUpserted(_pod(tree, f"pods[{i}]")), now_s)
    for i, tree in _listed(case, "assigned"):
        assigned, at_s = _assigned(tree, f"assigned[{i}]")
        state.apply(PodUpserted(assigned), at_s)
    if pod is not None:
        state.apply(PodUpserted(pod), now_s)
    return now_s


def _assigned(tree: Any, path: str) -> tuple[Pod, float]:
    if not isinstance(tree, Mapping):
        raise CaseError(path, "want {node, time, pod}")
    pod, node, at_s = _pod(tree.get("pod"), f"{path}.pod"), tree.get("node"), tree.get("time")
    if not isinstance(node, str):
        raise CaseError(f"{path}.node", "want the name of a node")
    if not isinstance(at_s, int | float):
        raise CaseError(f"{path}.time", "want unix seconds")
    return msgspec.structs.replace(pod, node_name=node), float(at_s)


def _object_event(tree: Any, path: str) -> ObjectUpserted:
    if not isinstance(tree, Mapping) or not isinstance(tree.get("kind"), str):
        raise CaseError(path, "want an object with a kind")
    metadata = tree.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    if not isinstance(metadata, Mapping) or not isinstance(name, str):
        raise CaseError(f"{path}.metadata.name", "want a name")
    namespace = metadata.get("namespace")
    return ObjectUpserted(tree["kind"], f"{namespace}/{name}" if namespace else name, tree)


def _now(case: Case) -> float:
    """RFC 3339, or 0: cases without a time do not depend on it."""
    told = case.get("now")
    if told is None:
        return 0.0
    try:
        moment = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        raise CaseError("now", f"want a time as RFC 3339 writes it, got {told!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _plugin_of(case: Case, installed: Mapping[str, CompiledPlugin]) -> CompiledPlugin:
    name = case.get("plugin")
    if not isinstance(name, str):
        raise CaseError("plugin", "want the name of a plugin (or a policy)")
    found = installed.get(name) or next((each for each in installed.values() if name in each.plugin.aliases), None)
    if found is None:
        raise CaseError("plugin", f"there is no plugin {name!r} here; known: {', '.join(sorted(installed))}")
    return found


def _mapping(case: Case, key: str) -> Mapping[str, Any]:
    found = case.get(key)
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise CaseError(key, f"want a mapping, got {type(found).__name__}")
    return found


def _listed(case: Case, key: str) -> Iterator[tuple[int, Any]]:
    found = case.get(key)
    if found is None:
        found = []
    if not isinstance(found, list):
        raise CaseError(key, f"want a list, got {type(found).__name__}")
    return enumerate(found)


def _pod(tree: Any, path: str) -> Pod:
    return _decoded(pod_of, tree, path)


def _decoded(decode_one: Callable[[object], _T], tree: Any, path: str) -> _T:
    try:
        return decode_one(tree)
    except msgspec.ValidationError as wrong:
        raise CaseError(*located(wrong, path)) from None


def _joined(problems: list[tuple[str, str]]) -> str:
    return "; ".join(f"{path}: {message}" if path else message for path, message in problems)
