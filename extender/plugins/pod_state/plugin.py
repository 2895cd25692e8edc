"""PodState: prefer nodes where pods are going away, avoid nodes that other pods are nominated to."""

from __future__ import annotations

from extender.framework import Maturity, Normalize, Plugin, Score
from extender.plugins.pod_state.kernel import leaving_less_coming

PLUGIN = Plugin(
    name="PodState",
    doc="Prefers nodes where pods are terminating, avoids nodes that other pods are nominated to.",
    maturity=Maturity.BETA,
    score=Score(rule=leaving_less_coming, normalize=Normalize.MIN_MAX),
)
