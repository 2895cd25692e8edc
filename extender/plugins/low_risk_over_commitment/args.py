"""Arguments of LowRiskOverCommitment, with upstream's names, units and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from extender.framework import Args, MetricProvider, Provider, provider_problems, with_provider

WINDOW_DEFAULT = 5
WEIGHT_DEFAULT = 0.5
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


class LowRiskOverCommitmentArgs(Args, frozen=True):
    metric_provider: MetricProvider = MetricProvider(type=Provider.KUBERNETES.value)
    watcher_address: Annotated[
        str, msgspec.Meta(description="URL of a load-watcher; if written, metricProvider is ignored.")
    ] = ""
    smoothing_window_size: Annotated[
        int,
        msgspec.Meta(
            ge=_INT64_MIN,
            le=_INT64_MAX,
            description="Metrics windows over which load was smoothed; 0 and below mean 5.",
        ),
    ] = WINDOW_DEFAULT
    risk_limit_weights: Annotated[
        dict[str, float],
        msgspec.Meta(
            description="Resource -> weight of the risk due to limits, 0..1; outside it becomes 0.5. Only cpu and "
            "memory are read."
        ),
    ] = msgspec.field(default_factory=lambda: {"cpu": WEIGHT_DEFAULT, "memory": WEIGHT_DEFAULT})

    def weight_of(self, resource: str) -> float:
        return self.risk_limit_weights.get(resource, WEIGHT_DEFAULT)


def decode_args(raw: Mapping[str, Any]) -> LowRiskOverCommitmentArgs:
    """Upstream's defaulting. Raises msgspec.ValidationError."""
    given = with_provider(raw)
    if given.get("smoothingWindowSize", 0) <= 0:
        given["smoothingWindowSize"] = WINDOW_DEFAULT
    if weights := given.pop("riskLimitWeights", None):
        given["riskLimitWeights"] = {
            name: weight if 0 <= weight <= 1 else WEIGHT_DEFAULT for name, weight in weights.items()
        }
    return msgspec.convert(given, LowRiskOverCommitmentArgs, strict=True)


def check(args: LowRiskOverCommitmentArgs) -> list[tuple[str, str]]:
    return provider_problems(args)
