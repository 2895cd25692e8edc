"""TargetLoadPacking: pack nodes up to a target of CPU utilisation, then spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extender.framework import Cycle, Maturity, Normalize, Plugin, Prepare, Score, once_per_template, source_of
from extender.plugins.target_load_packing.args import TargetLoadPackingArgs, check, decode_args
from extender.plugins.target_load_packing.kernel import packed
from extender.plugins.target_load_packing.prediction import Predictor
from extender.plugins.target_load_packing.recent import Recent


def predict(cycle: Cycle) -> Mapping[str, Any]:
    """The pod's own prediction, and per row what recent pods will use but the load does not show."""
    memo = cycle.memo
    if not memo:
        memo["predict"] = once_per_template(Predictor.of(cycle.args).cpu_milli)
        memo["recent"] = Recent(memo["predict"])
    missing = memo["recent"].follow(cycle.assignments, cycle.metrics_end_s, cycle.nodes.rows)
    return {"pod_milli": memo["predict"](cycle.pod), "missing_milli": missing}


PLUGIN = Plugin(
    name="TargetLoadPacking",
    doc="Packs nodes up to a target of measured CPU utilisation, then spreads.",
    args=TargetLoadPackingArgs,
    decode_args=decode_args,
    check=check,
    maturity=Maturity.BETA,
    score=Score(
        rule=packed,
        normalize=Normalize.NONE,
        prepare=Prepare(compute=predict, scalars=("pod_milli",), columns=("missing_milli",)),
    ),
    reads_load=True,
    load_source=source_of,
)
