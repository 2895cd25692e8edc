"""LoadVariationRiskBalancing: spread by average load plus its deviation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extender.framework import MAX_INT64, Cycle, Maturity, Normalize, Plugin, Prepare, Score, source_of
from extender.plugins.load_variation_risk_balancing.args import LoadVariationRiskBalancingArgs, check, decode_args
from extender.plugins.load_variation_risk_balancing.kernel import least_risky
from extender.plugins.load_variation_risk_balancing.requests import requested


def request(cycle: Cycle) -> Mapping[str, Any]:
    cpu, memory = requested(cycle.pod)
    return {"cpu_milli": min(cpu, MAX_INT64), "memory_bytes": min(memory, MAX_INT64)}


PLUGIN = Plugin(
    name="LoadVariationRiskBalancing",
    doc="Spreads by the sum of average and deviation of measured load, so that no node runs near its limit by chance.",
    args=LoadVariationRiskBalancingArgs,
    decode_args=decode_args,
    check=check,
    maturity=Maturity.BETA,
    score=Score(
        rule=least_risky,
        normalize=Normalize.NONE,
        prepare=Prepare(compute=request, scalars=("cpu_milli", "memory_bytes")),
    ),
    reads_load=True,
    load_source=source_of,
)
