"""Peaks: place where the power draw grows least."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extender.framework import Cycle, Maturity, Normalize, Plugin, Prepare, Score
from extender.plugins.peaks.args import PeaksArgs, source_of
from extender.plugins.peaks.demand import cpu_milli
from extender.plugins.peaks.kernel import power_jump
from extender.plugins.peaks.models import above_all_jumps, models


def power(cycle: Cycle) -> Mapping[str, Any]:
    by_row, milli = models(cycle.memo, cycle.args, cycle.nodes), cpu_milli(cycle.pod)
    unjudged = above_all_jumps(by_row, cycle.nodes, cycle.rows, milli) if cycle.args.unjudged_nodes == "worst" else 0
    return {
        "pod_milli": milli,
        "has_model": by_row.known,
        "k1": by_row.k1,
        "k2": by_row.k2,
        "unjudged": unjudged,
    }


PLUGIN = Plugin(
    name="Peaks",
    doc="Places where the power draw grows least, by a power model for each node.",
    args=PeaksArgs,
    maturity=Maturity.BETA,
    score=Score(
        rule=power_jump,
        normalize=Normalize.INVERSE_MIN_MAX,
        prepare=Prepare(compute=power, scalars=("pod_milli", "unjudged"), columns=("has_model", "k1", "k2")),
    ),
    reads_load=True,
    load_source=source_of,
)
