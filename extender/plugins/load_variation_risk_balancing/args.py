"""Arguments of LoadVariationRiskBalancing, with upstream's names, units and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from extender.framework import Args, MetricProvider, Provider, provider_problems, with_provider

MARGIN_DEFAULT = 1.0
SENSITIVITY_DEFAULT = 1.0


class LoadVariationRiskBalancingArgs(Args, frozen=True):
    metric_provider: MetricProvider = MetricProvider(type=Provider.KUBERNETES.value)
    watcher_address: Annotated[
        str, msgspec.Meta(description="URL of a load-watcher; if written, metricProvider is ignored.")
    ] = ""
    safe_variance_margin: Annotated[
        float, msgspec.Meta(description="Factor of the deviation; below 0 it becomes 1.")
    ] = MARGIN_DEFAULT
    safe_variance_sensitivity: Annotated[
        float, msgspec.Meta(description="Root of the deviation: 2 weighs small deviations more; below 0 it becomes 1.")
    ] = SENSITIVITY_DEFAULT


def decode_args(raw: Mapping[str, Any]) -> LoadVariationRiskBalancingArgs:
    """Upstream's defaulting. Raises msgspec.ValidationError."""
    given = with_provider(raw)
    for name, default in (
        ("safeVarianceMargin", MARGIN_DEFAULT),
        ("safeVarianceSensitivity", SENSITIVITY_DEFAULT),
    ):
        if given.get(name, default) < 0:
            given[name] = default
    return msgspec.convert(given, LoadVariationRiskBalancingArgs, strict=True)


def check(args: LoadVariationRiskBalancingArgs) -> list[tuple[str, str]]:
    return provider_problems(args)
