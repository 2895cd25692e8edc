"""NodeResourceTopologyMatch: only nodes where the pod's resources come from one NUMA zone; and the fittest of them."""

from __future__ import annotations

from typing import Any

from extender.framework import (
    PASSED,
    Code,
    Cycle,
    Filter,
    Kind,
    Maturity,
    Normalize,
    Plugin,
    PostBind,
    PreFilter,
    Prepare,
    Rejection,
    ReserveOnNode,
    Score,
    Status,
    Tending,
)
from extender.plugins.node_resource_topology_match import kernel
from extender.plugins.node_resource_topology_match.args import (
    SHARED,
    Caching,
    NodeResourceTopologyMatchArgs,
    caching,
    check,
    decode_args,
)
from extender.plugins.node_resource_topology_match.book import KIND, TopologyBook
from extender.plugins.node_resource_topology_match.cases import case_answers
from extender.plugins.node_resource_topology_match.view import note_victims, zone_values

_UNALIGNED = ("init container", "sidecar container", "container")
_NO_SIMULATION = "eviction simulation in NRT is not possible:"
REJECTIONS = tuple(
    Rejection(reason, Code.UNSCHEDULABLE)
    for reason in (
        "invalid node topology data",
        "cannot align pod",
        *(f"cannot align {kind}" for kind in _UNALIGNED),
        f"{_NO_SIMULATION}no resources to add, cannot process eviction simulation",
        f"{_NO_SIMULATION}resource release request exceeds NUMA allocatable",
    )
)
"""In the order of the kernel's answers."""

_NODE_VALUES = ("state", "first", "zones", "policy", "scope")
_ASKED = ("asked_units", "asked_nanos")
_ZONE_VECTORS = ("units", "nanos", "starts", "ids", "scratch_units", "scratch_nanos")


def still_aligned(cycle: Cycle) -> Status:
    """With every charge applied that came since filter; a refusal makes the node look at its charges again."""
    row = int(cycle.rows[0])
    if row < 0:
        return PASSED
    values = zone_values(cycle)
    columns = (*_NODE_VALUES, "row")
    answer = kernel.alignment(
        **{f"cycle_{name}": value[row] if name in columns else value for name, value in values.items() if name in _RULE}
    )
    if answer == kernel.PASS:
        return PASSED
    if answer != kernel.NOT_FRESH:
        cycle.book.mark_over_reserved(cycle.nodes.names[row])
    rejection = REJECTIONS[answer - 1]
    return Status(rejection.code, rejection.reason)


def victims_count(cycle: Cycle) -> Status:
    """From now on filter judges nodes as preemption would leave them; without this phase victims keep their zones."""
    note_victims(cycle)
    return PASSED


def tend(tending: Tending) -> None:
    """Once a period: take the newest object of every node whose fingerprint proves it."""
    book, args, now_s = tending.book, tending.args, tending.now_s
    if caching(args) is not Caching.OVER_RESERVE:
        book.rest(now_s)
        return
    book.keep(now_s)
    if book.is_due(args.cache_resync_period_seconds, now_s):
        nodes = book.behind() | book.marked(tending.scheduler_names, args.cache)
        book.resync(nodes, lambda node: _settled(tending, args, node), args.cache)


def _settled(tending: Tending, args: NodeResourceTopologyMatchArgs, node: str) -> list[Any]:
    """Pods of a node that its kubelet has taken in."""
    pods = [tending.pods[uid] for uid in tending.pods_on(node) if uid in tending.pods]
    if args.cache.informer_mode == SHARED:
        return [pod for pod in pods if pod.phase == "Running"]
    return [pod for pod in pods if pod.phase != "Pending"]


_ALIGN = Prepare(
    compute=zone_values,
    scalars=("exempt", "guaranteed", "rows"),
    columns=(*_NODE_VALUES, "row"),
    vectors=(*_ZONE_VECTORS, *_ASKED, "kinds", "affine", "host_level", "listing", "allocatable"),
)
_RULE = (*_ALIGN.scalars, *_ALIGN.columns, *_ALIGN.vectors)

PLUGIN = Plugin(
    name="NodeResourceTopologyMatch",
    doc="Keeps pods off nodes whose kubelet would refuse them for want of one NUMA zone with everything they ask.",
    args=NodeResourceTopologyMatchArgs,
    decode_args=decode_args,
    check=check,
    maturity=Maturity.BETA,
    pre_filter=PreFilter(check=victims_count),
    filter=Filter(rule=kernel.alignment, rejections=REJECTIONS, prepare=_ALIGN),
    score=Score(
        rule=kernel.fitness,
        normalize=Normalize.NONE,
        prepare=Prepare(
            compute=zone_values,
            scalars=("guaranteed", "strategy"),
            columns=(*_NODE_VALUES, "max_zones", "costs_first"),
            vectors=(*_ZONE_VECTORS, "costs", *_ASKED, "weights"),
        ),
    ),
    reserve=ReserveOnNode(check=still_aligned, take=TopologyBook.take, release=TopologyBook.release),
    post_bind=PostBind(done=lambda book, pod, _node: book.landed(pod.uid)),
    tend=tend,
    case_answers=case_answers,
    book=TopologyBook,
    watches=(
        Kind(
            group="topology.node.k8s.io",
            version="v1alpha2",
            plural="noderesourcetopologies",
            kind=KIND,
            namespaced=False,
        ),
    ),
)
