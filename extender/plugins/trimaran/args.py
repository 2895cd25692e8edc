"""Arguments of the family: those of its members, under the same names, handed on as they are written.

None has a default of its own: what is not written is each member's to default.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from extender.framework import Args, MetricProvider, Quantities

Member = Literal["LoadVariationRiskBalancing", "LowRiskOverCommitment", "Peaks", "TargetLoadPacking"]
_Unset = msgspec.UnsetType


class TrimaranArgs(Args, frozen=True):
    members: Annotated[
        Annotated[list[Member], msgspec.Meta(min_length=1)] | _Unset,
        msgspec.Meta(description="Which of the family to enable; default: all."),
    ] = msgspec.UNSET
    metric_provider: Annotated[
        MetricProvider | _Unset, msgspec.Meta(description="Where node load is measured; of all members.")
    ] = msgspec.UNSET
    watcher_address: Annotated[
        str | _Unset, msgspec.Meta(description="URL of a load-watcher; if written, metricProvider is ignored.")
    ] = msgspec.UNSET
    target_utilization: Annotated[int | _Unset, msgspec.Meta(description="Of TargetLoadPacking.")] = msgspec.UNSET
    default_requests: Annotated[Quantities | _Unset, msgspec.Meta(description="Of TargetLoadPacking.")] = msgspec.UNSET
    default_requests_multiplier: Annotated[str | _Unset, msgspec.Meta(description="Of TargetLoadPacking.")] = (
        msgspec.UNSET
    )
    safe_variance_margin: Annotated[float | _Unset, msgspec.Meta(description="Of LoadVariationRiskBalancing.")] = (
        msgspec.UNSET
    )
    safe_variance_sensitivity: Annotated[float | _Unset, msgspec.Meta(description="Of LoadVariationRiskBalancing.")] = (
        msgspec.UNSET
    )
    smoothing_window_size: Annotated[int | _Unset, msgspec.Meta(description="Of LowRiskOverCommitment.")] = (
        msgspec.UNSET
    )
    risk_limit_weights: Annotated[dict[str, float] | _Unset, msgspec.Meta(description="Of LowRiskOverCommitment.")] = (
        msgspec.UNSET
    )
    node_power_model: Annotated[
        dict[str, dict[str, float]] | _Unset,
        msgspec.Meta(description="Of Peaks, which spells it NodePowerModel: node name -> {k0, k1, k2}."),
    ] = msgspec.UNSET
    unjudged_nodes: Annotated[Literal["best", "worst"] | _Unset, msgspec.Meta(description="Of Peaks.")] = msgspec.UNSET
