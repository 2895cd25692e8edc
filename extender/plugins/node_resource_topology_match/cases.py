"""What recorded cases ask beyond verdicts and scores: histories of the caches, resyncs, fingerprints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from extender.framework import GUARANTEED, CaseView, Pod, pod_of, qos_of, written
from extender.plugins.node_resource_topology_match.args import BALANCED, LEAST_NUMA, NodeResourceTopologyMatchArgs
from extender.plugins.node_resource_topology_match.book import KIND, TopologyBook
from extender.plugins.node_resource_topology_match.fingerprint import fingerprint
from extender.plugins.node_resource_topology_match.kernel import (
    NANO,
    PRESENT,
    copy_zones,
    is_zoned,
    nearest,
    take_in_turn,
)
from extender.plugins.node_resource_topology_match.requests import asked_by, asked_in_all
from extender.plugins.node_resource_topology_match.topology import POD, SINGLE_NUMA_NODE
from extender.plugins.node_resource_topology_match.view import zone_values

_SAID_BY_THE_CASE: frozenset[str] = frozenset()


def case_answers(view: CaseView) -> Mapping[str, Any]:
    """Raises ValueError where the case cannot be read."""
    case = view.case
    if "namespacedNames" in case:
        return {"fingerprint": fingerprint(_pair(one) for one in case["namespacedNames"])}
    if "updatedObjects" in case:
        return _resynced(case, view.args)
    told: dict[str, Any] = {}
    if case.get("history"):
        _live_through(view.book, case["history"])
        told.update(view.again())
    crashes = {node: {"panic": text} for node in view.names if (text := _crash_upstream(view, node))}
    return {**told, "panics": True, "scoreStatus": crashes} if crashes else told


def _crash_upstream(view: CaseView, node: str) -> str:
    """How upstream's score of a node ends where it cannot: a zone's id for a place in the list, no request to divide
    by. Ours has a score there (plugins.md §21, 15); a comparison must know that upstream has none."""
    assert view.cycle is not None  # noqa: S101 - the case has a pod
    pod, strategy = view.cycle.pod, view.args.scoring_strategy.type
    values, row = zone_values(view.cycle), view.cycle.nodes.row(node)
    topology = view.book.live.get(node)
    if qos_of(pod) != GUARANTEED or values["state"][row] != PRESENT or topology is None:
        return ""
    if strategy == LEAST_NUMA:
        return "" if topology.scope == POD else _taken_beyond(values, row)
    if topology.policy != SINGLE_NUMA_NODE:
        return ""
    by_container = [asked_by(container) for container in (*pod.init_containers, *pod.containers)]
    zones = topology.numa
    for asked in [asked_in_all(pod)] if topology.scope == POD else by_container:
        for zone in zones:
            if not asked and strategy != BALANCED:
                return "runtime error: integer divide by zero"
            if zone.id >= len(zones):
                return _out_of_range(zone.id, len(zones))
    return ""


def _taken_beyond(values: Mapping[str, Any], row: int) -> str:
    """LeastNUMANodes takes each container's request from its zones, in order of their ids, as long as some is left."""
    names, zones, first = len(values["names"]), int(values["zones"][row]), int(values["first"][row])
    if not names:
        return ""  # nothing is asked for, so nothing is taken
    costs_first, wants, more = int(values["costs_first"][row]), values["asked_units"], values["asked_nanos"]
    units, nanos = [0] * (names * zones), [0] * (names * zones)
    copy_zones(values["units"], values["nanos"], values["starts"], first, zones, units, nanos)
    picked = np.empty(zones + 1, np.int64)
    for at in range(names, len(more), names):
        if not is_zoned(nanos, zones, more, at, names):
            continue
        found = nearest(units, nanos, zones, values["costs"], costs_first, wants, more, at, names, picked)
        ids = sorted(int(values["ids"][first + index]) for index in picked[:found])
        within = [zone for zone in ids if zone < zones]
        if not found:
            return ""
        for j in range(names):
            listed = [k for k in (j * zones + zone for zone in within) if nanos[k] >= 0]
            left = int(wants[at + j]) * NANO + int(more[at + j])
            left -= sum(int(units[k]) * NANO + int(nanos[k]) for k in listed)
            if more[at + j] >= 0 and left > 0 and ids[-1] >= zones:
                return _out_of_range(ids[len(within)], zones)
        mask = sum(1 << zone for zone in within)
        take_in_turn(units, nanos, values["ids"], first, zones, wants, more, at, names, mask, in_order=True)
    return ""


def _out_of_range(index: int, length: int) -> str:
    return f"runtime error: index out of range [{index}] with length {length}"


def _pair(one: Any) -> tuple[str, str]:
    if isinstance(one, list) and len(one) == 2 and all(isinstance(part, str) for part in one):  # noqa: PLR2004
        return one[0], one[1]
    raise ValueError(f"namespacedNames: want [namespace, name], got {one!r}")


def _live_through(book: TopologyBook, history: Any) -> None:
    book.keep(0.0)
    for i, step in enumerate(history):
        if not isinstance(step, Mapping) or not isinstance(step.get("node"), str):
            raise ValueError(f"history[{i}]: want op, node and pod")  # noqa: TRY004 - one kind of trouble
        _live(book, step, f"history[{i}]")


def _live(book: TopologyBook, step: Mapping[str, Any], path: str) -> None:
    node = step["node"]
    match step.get("op"):
        case "reserve":
            book.take(_pod(step), node)
        case "unreserve":
            book.release(_pod(step).uid)
        case "postbind":
            book.landed(_pod(step).uid)
        case "foreign":
            book.mark_stranger(node)
        case "maybeOverReserved":
            book.mark_over_reserved(node)
        case op:
            raise ValueError(f"{path}.op: {op!r} is unknown; known: reserve, unreserve, postbind, foreign, ...")


def _pod(step: Mapping[str, Any]) -> Pod:
    return pod_of(step.get("pod"))


def _resynced(case: Mapping[str, Any], args: NodeResourceTopologyMatchArgs) -> Mapping[str, Any]:
    """The caches of a cluster before and after one resync, as upstream does it."""
    book, nodes = TopologyBook(), [node["metadata"]["name"] for node in case.get("nodes") or ()]
    _tell(book, case.get("objects") or ())
    _live_through(book, case.get("history") or ())
    before = _state(book, nodes, args)
    _tell(book, case["updatedObjects"])
    pods = [pod_of(tree) for tree in case.get("pods") or ()]
    marked = book.marked(_SAID_BY_THE_CASE, args.cache)
    book.resync(marked, lambda node: [pod for pod in pods if pod.node_name == node], args.cache, as_upstream=True)
    return {"before": before, "afterResync": _state(book, nodes, args)}


def _tell(book: TopologyBook, objects: Any) -> None:
    for tree in objects:
        name = tree["metadata"]["name"]
        book.object_changed(KIND, name, None, tree)


def _state(book: TopologyBook, nodes: list[str], args: NodeResourceTopologyMatchArgs) -> dict[str, Any]:
    stale = book.foreign(_SAID_BY_THE_CASE, args.cache.foreign_pods_detect)
    return {node: _of_node(book, node, fresh=node not in stale) for node in nodes}


def _of_node(book: TopologyBook, node: str, *, fresh: bool) -> dict[str, Any]:
    if not fresh or node not in book.held:
        return {"fresh": fresh, "present": False}
    forms = {zone.name: {name: a.form for name, a in zone.resources.items()} for zone in book.held[node].zones}
    return {
        "fresh": True,
        "present": True,
        "available": {
            zone: {name: written(amount, forms[zone][name]) for name, amount in amounts.items()}
            for zone, amounts in book.available(node).items()
        },
    }
