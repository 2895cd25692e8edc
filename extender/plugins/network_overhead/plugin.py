"""NetworkOverhead: place the pods of an application near the services they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from extender.framework import (
    PASSED,
    Code,
    Cycle,
    Filter,
    Kind,
    Maturity,
    Normalize,
    Plugin,
    PreFilter,
    Prepare,
    Rejection,
    ReserveOnNode,
    Score,
    Settled,
    Status,
)
from extender.plugins.network_overhead.args import NetworkOverheadArgs, decode_args
from extender.plugins.network_overhead.book import APP_GROUP, NETWORK_TOPOLOGY, GroupBook
from extender.plugins.network_overhead.kernel import network_cost, too_far
from extender.plugins.network_overhead.plan import Plan, Planner


def plan_of(cycle: Cycle) -> Plan | None:
    if "planner" not in cycle.memo:
        cycle.memo["planner"] = Planner(cycle.args)
    planner: Planner = cycle.memo["planner"]
    return planner.plan(cycle)


def siblings_are_somewhere(cycle: Cycle) -> Status:
    """Upstream gives the cycle up over a sibling on a node that it does not know; here the sibling is passed over."""
    plan = plan_of(cycle)
    if plan is None or not plan.lost:
        return PASSED
    return Status(
        Code.ERROR,
        f'pod hostname not found: nodeinfo not found for node name "{plan.lost}"',
        "a sibling stands on an unknown node",
    )


def counted(cycle: Cycle) -> Mapping[str, Any]:
    plan = plan_of(cycle)
    if plan is None:
        return _nothing(cycle.memo, cycle.nodes.rows)
    return {"satisfied": plan.satisfied, "violated": plan.violated, "cost": plan.cost}


def _nothing(memo: dict[str, Any], rows: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = memo.get("nothing")
    if found is None or len(found["cost"]) < rows:
        zeros = np.zeros(rows, np.int64)
        found = memo["nothing"] = Settled(satisfied=zeros, violated=zeros, cost=zeros)
    return found


def told_in_full(cycle: Cycle, row: int, _answer: int) -> str:
    plan = plan_of(cycle)
    satisfied, violated = (0, 0) if plan is None else (plan.satisfied[row], plan.violated[row])
    return (
        f"Node {cycle.nodes.names[row]} does not meet several network requirements from Workload dependencies: "
        f"Satisfied: {satisfied} Violated: {violated}"
    )


PLUGIN = Plugin(
    name="NetworkOverhead",
    doc="Places the pods of an application near the services they depend on.",
    args=NetworkOverheadArgs,
    decode_args=decode_args,
    maturity=Maturity.BETA,
    pre_filter=PreFilter(check=siblings_are_somewhere),
    filter=Filter(
        rule=too_far,
        rejections=(
            Rejection(
                "node(s) did not meet several network requirements from Workload dependencies", Code.UNSCHEDULABLE
            ),
        ),
        prepare=Prepare(compute=counted, columns=("satisfied", "violated")),
        describe=told_in_full,
    ),
    score=Score(
        rule=network_cost,
        normalize=Normalize.INVERSE_MIN_MAX,
        prepare=Prepare(compute=counted, columns=("cost",)),
    ),
    reserve=ReserveOnNode(check=lambda _cycle: PASSED, take=GroupBook.take, release=GroupBook.release),
    book=GroupBook,
    watches=(
        Kind(group="appgroup.diktyo.x-k8s.io", version="v1alpha1", plural="appgroups", kind=APP_GROUP),
        Kind(
            group="networktopology.diktyo.x-k8s.io",
            version="v1alpha1",
            plural="networktopologies",
            kind=NETWORK_TOPOLOGY,
        ),
    ),
)
