"""Arguments of PreemptionToleration: those of DefaultPreemption."""

from __future__ import annotations

from typing import Annotated

import msgspec

from extender.framework import Args

PERCENT_MAX = 100
_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1
_AT_THE_SAME_TIME = "Invalid value: 0: cannot be zero at the same time as"


class PreemptionTolerationArgs(Args, frozen=True):
    min_candidate_nodes_percentage: Annotated[
        int,
        msgspec.Meta(
            ge=_INT32_MIN,
            le=_INT32_MAX,
            description="Percent of the nodes that preemption may help of which candidates are wanted.",
            extra_json_schema={"minimum": 0, "maximum": PERCENT_MAX},
        ),
    ] = 10
    min_candidate_nodes_absolute: Annotated[
        int,
        msgspec.Meta(
            ge=_INT32_MIN,
            le=_INT32_MAX,
            description="Candidates wanted at least.",
            extra_json_schema={"minimum": 0},
        ),
    ] = 100


def check(args: PreemptionTolerationArgs) -> list[tuple[str, str]]:
    """Upstream's bounds: 0..100, not negative, and not both 0."""
    percentage, absolute = args.min_candidate_nodes_percentage, args.min_candidate_nodes_absolute
    problems = []
    if not 0 <= percentage <= PERCENT_MAX:
        problems.append(
            ("minCandidateNodesPercentage", f"Invalid value: {percentage}: not in valid range [0, {PERCENT_MAX}]")
        )
    if absolute < 0:
        problems.append(("minCandidateNodesAbsolute", f"Invalid value: {absolute}: not in valid range [0, inf)"))
    if percentage == 0 and absolute == 0:
        problems.append(("minCandidateNodesPercentage", f"{_AT_THE_SAME_TIME} minCandidateNodesAbsolute"))
        problems.append(("minCandidateNodesAbsolute", f"{_AT_THE_SAME_TIME} minCandidateNodesPercentage"))
    return problems
