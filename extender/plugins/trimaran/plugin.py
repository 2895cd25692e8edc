"""Trimaran: the load-aware plugins under one name, with one weight, one source of load and shared settings."""

from __future__ import annotations

from extender.framework import Maturity, Plugin
from extender.plugins.trimaran.args import TrimaranArgs

PLUGIN = Plugin(
    name="Trimaran",
    doc="Enables the load-aware plugins together, with one weight and shared settings: packing, spreading, power.",
    args=TrimaranArgs,
    maturity=Maturity.BETA,
    members=("TargetLoadPacking", "LoadVariationRiskBalancing", "LowRiskOverCommitment", "Peaks"),
    reads_load=True,
)
