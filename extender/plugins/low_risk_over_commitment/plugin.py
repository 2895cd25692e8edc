"""LowRiskOverCommitment: avoid nodes that promise more than they have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from extender.framework import (
    MAX_INT64,
    PASSED,
    Cycle,
    Maturity,
    Normalize,
    Plugin,
    Pod,
    Prepare,
    ReserveOnNode,
    Score,
    Status,
    once_per_template,
    source_of,
)
from extender.plugins.low_risk_over_commitment.args import LowRiskOverCommitmentArgs, check, decode_args
from extender.plugins.low_risk_over_commitment.book import CommitmentBook
from extender.plugins.low_risk_over_commitment.commitment import commitment_of
from extender.plugins.low_risk_over_commitment.kernel import KEPT, low_risk


def commitments(cycle: Cycle) -> Mapping[str, Any]:
    requested_cpu, limit_cpu, requested_memory, limit_memory = cycle.book.columns(cycle.nodes)
    return {
        **of_pod(cycle.pod),
        **kept(cycle.memo, cycle.nodes.rows),
        "requested_cpu": requested_cpu,
        "limit_cpu": limit_cpu,
        "requested_memory": requested_memory,
        "limit_memory": limit_memory,
        "cpu_limit_weight": cycle.args.weight_of("cpu"),
        "memory_limit_weight": cycle.args.weight_of("memory"),
    }


@once_per_template
def of_pod(pod: Pod) -> Mapping[str, int]:
    names = ("pod_cpu", "pod_limit_cpu", "pod_memory", "pod_limit_memory")
    return {name: min(amount, MAX_INT64 >> 1) for name, amount in zip(names, commitment_of(pod), strict=True)}


def kept(memo: dict[str, Any], rows: int) -> Mapping[str, Any]:
    """Room for what the rule keeps of every row; new and empty (NaN) when there are more rows than before."""
    found: Mapping[str, Any] | None = memo.get("kept")
    if found is None or len(found["kept_at"]) < rows:
        at = np.arange(rows, dtype=np.int64) * (2 * KEPT)
        found = memo["kept"] = {"kept": np.full(rows * 2 * KEPT, np.nan), "kept_at": at}
    return found


def _always(_cycle: Cycle) -> Status:
    return PASSED


def _take(book: CommitmentBook, pod: Pod, node: str) -> None:
    book.bind_began(pod, node)


def _release(book: CommitmentBook, uid: str) -> None:
    book.bind_failed(uid)


PLUGIN = Plugin(
    name="LowRiskOverCommitment",
    doc="Avoids nodes whose limits exceed capacity, or whose measured load is likely to exceed what was requested.",
    args=LowRiskOverCommitmentArgs,
    decode_args=decode_args,
    check=check,
    maturity=Maturity.BETA,
    score=Score(
        rule=low_risk,
        normalize=Normalize.NONE,
        prepare=Prepare(
            compute=commitments,
            scalars=(
                "pod_cpu",
                "pod_limit_cpu",
                "pod_memory",
                "pod_limit_memory",
                "cpu_limit_weight",
                "memory_limit_weight",
            ),
            columns=("requested_cpu", "limit_cpu", "requested_memory", "limit_memory", "kept_at"),
            vectors=("kept",),
        ),
    ),
    # Score alone sees pods from their bind on; reserve shows them from the moment their bind arrives, as the
    # scheduler's own snapshot counts pods that it has assumed.
    reserve=ReserveOnNode(check=_always, take=_take, release=_release),
    book=CommitmentBook,
    reads_load=True,
    load_source=source_of,
)
