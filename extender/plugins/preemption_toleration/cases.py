"""What recorded cases ask: eligible, victims, postfilter, and who is exempt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extender.framework import CaseView, Cycle, Pod
from extender.framework.preemption import shortlist_size
from extender.framework.preemption.cases import about_preemption
from extender.plugins.preemption_toleration.exemption import ClassNotFound, exempted
from extender.plugins.preemption_toleration.preemption import eligible, search


def answers(view: CaseView) -> Mapping[str, Any]:
    cycle, args = view.cycle, view.args
    if cycle is None:
        return {}

    def wanted(nodes: int) -> int:
        return shortlist_size(nodes, args.min_candidate_nodes_percentage, args.min_candidate_nodes_absolute)

    told = about_preemption(cycle, eligible, search(cycle, lambda _pod: ""), rejected=False, wanted=wanted)
    others = (pod for pod in cycle.pods.values() if pod.uid != cycle.pod.uid)
    return {**told, "exempted": {pod.key: _exempted(cycle, pod) for pod in others}}


def _exempted(cycle: Cycle, victim: Pod) -> bool | dict[str, str]:
    try:
        return exempted(cycle.book, victim, cycle.pod, cycle.now_s)
    except ClassNotFound as unknown:
        return {"error": str(unknown)}
