"""NodeMetadata: rank nodes by a number or a time that stands in one of their labels or annotations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extender.framework import Cycle, Maturity, Normalize, Plugin, Prepare, Score
from extender.plugins.node_metadata.args import (
    HIGHEST,
    OLDEST,
    TIMESTAMP,
    NodeMetadataArgs,
    check,
    decode_args,
)
from extender.plugins.node_metadata.kernel import NANOS_PER_S, rank
from extender.plugins.node_metadata.values import Values


def read(cycle: Cycle) -> Mapping[str, Any]:
    """One moment for all nodes of the call, and what stands on them."""
    if "values" not in cycle.memo:
        cycle.memo["values"] = Values(cycle.args)
    values: Values = cycle.memo["values"]
    values.follow(cycle.nodes)
    now_s, rest = divmod(cycle.now_s, 1.0)
    return {
        "known": values.known,
        "whole": values.whole,
        "nanos": values.nanos,
        "is_time": cycle.args.metadata_type == TIMESTAMP,
        "now_s": int(now_s),
        "now_nanos": min(int(rest * NANOS_PER_S), NANOS_PER_S - 1),
        "sign": 1 if cycle.args.scoring_strategy in (HIGHEST, OLDEST) else -1,
    }


PLUGIN = Plugin(
    name="NodeMetadata",
    doc="Prefers nodes by a number or a timestamp in one of their labels or annotations.",
    args=NodeMetadataArgs,
    needs_args=True,
    decode_args=decode_args,
    check=check,
    maturity=Maturity.BETA,
    score=Score(
        rule=rank,
        normalize=Normalize.RANKED,
        prepare=Prepare(
            compute=read,
            scalars=("is_time", "now_s", "now_nanos", "sign"),
            columns=("known", "whole", "nanos"),
        ),
    ),
)
