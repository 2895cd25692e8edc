"""What recorded cases ask beyond the verdicts: eligible, victims, postfilter, as upstream answers them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extender.framework import CaseView, Code
from extender.framework.preemption.cases import about_preemption
from extender.plugins.capacity_scheduling.admission import within_quota
from extender.plugins.capacity_scheduling.preemption import eligible, search


def answers(view: CaseView) -> Mapping[str, Any]:
    cycle = view.cycle
    if cycle is None:
        return {}
    rejected = within_quota(cycle).code is not Code.SUCCESS
    upstream = search(cycle, lambda _pod: "", as_upstream=True)
    return about_preemption(cycle, eligible, upstream, rejected=rejected)
