"""LoadVariationRiskBalancing: spread by average load plus its deviation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from extender.framework import (
    MAX_INT64,
    Cycle,
    Maturity,
    Normalize,
    Plugin,
    Pod,
    Prepare,
    Score,
    Settled,
    once_per_template,
    source_of,
)
from extender.plugins.load_variation_risk_balancing.args import LoadVariationRiskBalancingArgs, check, decode_args
from extender.plugins.load_variation_risk_balancing.kernel import least_risky
from extender.plugins.load_variation_risk_balancing.requests import requested


def request(cycle: Cycle) -> Mapping[str, Any]:
    return _of_pod(cycle.pod)


@once_per_template
def _of_pod(pod: Pod) -> Settled:
    cpu, memory = requested(pod)
    return Settled(cpu_milli=min(cpu, MAX_INT64), memory_bytes=min(memory, MAX_INT64))


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
