"""Arguments of NodeResourceTopologyMatch, with upstream's names, defaults and texts."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

import msgspec

from extender.framework import Args

LEAST, MOST, BALANCED, LEAST_NUMA = "LeastAllocated", "MostAllocated", "BalancedAllocation", "LeastNUMANodes"
STRATEGIES = (LEAST, MOST, BALANCED, LEAST_NUMA)
ALL, NONE, ONLY_EXCLUSIVE, AUTODETECT = "All", "None", "OnlyExclusiveResources", "Autodetect"
SHARED, DEDICATED, ONLY_RESOURCES = "Shared", "Dedicated", "OnlyResources"
DISABLED, ENABLED = "Disabled", "Enabled"
WEIGHT_DEFAULT = 1

_INT64 = {"ge": -(2**63), "le": 2**63 - 1}


class Caching(Enum):
    """Where the zones come from."""

    PASSTHROUGH = "passthrough"
    DISCARD_RESERVED = "discard reserved"
    OVER_RESERVE = "over reserve"


class ResourceWeight(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    name: str = ""
    weight: Annotated[int, msgspec.Meta(**_INT64, description="0 means 1; below 1 counts as 1.")] = WEIGHT_DEFAULT


class ScoringStrategy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    type: Annotated[
        str | msgspec.UnsetType,
        msgspec.Meta(description="Must be given if scoringStrategy is.", extra_json_schema={"enum": [*STRATEGIES]}),
    ] = msgspec.UNSET
    resources: tuple[ResourceWeight, ...] = ()


class Cache(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    foreign_pods_detect: Annotated[
        str,
        msgspec.Meta(
            description="Which pods of other schedulers make a node's data stale; an unknown word means All.",
            extra_json_schema={"enum": [ALL, NONE, ONLY_EXCLUSIVE]},
        ),
    ] = ALL
    resync_method: Annotated[
        str,
        msgspec.Meta(
            description="Which pods a fingerprint covers; an unknown word means All.",
            extra_json_schema={"enum": [AUTODETECT, ALL, ONLY_EXCLUSIVE]},
        ),
    ] = AUTODETECT
    informer_mode: Annotated[
        str,
        msgspec.Meta(
            description="Shared: only Running pods are taken for fingerprinted; else all that are not Pending.",
            extra_json_schema={"enum": [SHARED, DEDICATED]},
        ),
    ] = DEDICATED
    resync_scope: Annotated[
        str | msgspec.UnsetType,
        msgspec.Meta(
            description="OnlyResources: a changed policy of a node waits for its fingerprint; else it counts at once.",
            extra_json_schema={"enum": [ALL, ONLY_RESOURCES]},
        ),
    ] = msgspec.UNSET


class NodeResourceTopologyMatchArgs(Args, frozen=True):
    scoring_strategy: ScoringStrategy = ScoringStrategy(
        type=LEAST, resources=(ResourceWeight(name="cpu"), ResourceWeight(name="memory"))
    )
    cache_resync_period_seconds: Annotated[
        int,
        msgspec.Meta(
            **_INT64,
            description="Above 0: charge pods on every zone until the node reports them; looked at this often.",
        ),
    ] = 0
    discard_reserved_nodes: Annotated[
        bool | msgspec.UnsetType,
        msgspec.Meta(
            description="true: a node takes no further pod while one is being bound to it. Wins over the period."
        ),
    ] = msgspec.UNSET
    cache: Cache = Cache()
    preemption_mode: Annotated[
        str,
        msgspec.Meta(
            description="Enabled: a preemption's victims leave their zones in the simulation; needs the resync period.",
            extra_json_schema={"enum": [DISABLED, ENABLED]},
        ),
    ] = DISABLED


def decode_args(raw: Mapping[str, Any]) -> NodeResourceTopologyMatchArgs:
    """Upstream's defaulting, which looks at what is written. Raises msgspec.ValidationError."""
    given = dict(raw)
    if not given.get("discardReservedNodes"):
        given.pop("discardReservedNodes", None)
    if "scoringStrategy" in given:
        given["scoringStrategy"] = _defaulted(given["scoringStrategy"])
    return msgspec.convert(given, NodeResourceTopologyMatchArgs, strict=True)


def _defaulted(strategy: Mapping[str, Any]) -> dict[str, Any]:
    """An empty type is as good as none; no resources are cpu and memory; no weight is 1."""
    told = {key: value for key, value in strategy.items() if (key, value) != ("type", "")}
    listed = told.get("resources") or [{"name": "cpu"}, {"name": "memory"}]
    told["resources"] = [{**one, "weight": one.get("weight") or WEIGHT_DEFAULT} for one in listed]
    return told


def check(args: NodeResourceTopologyMatchArgs) -> list[tuple[str, str]]:
    wrong = []
    strategy = "" if args.scoring_strategy.type is msgspec.UNSET else args.scoring_strategy.type
    if strategy not in STRATEGIES:
        wrong.append(("scoringStrategy.type", f'Invalid value: "{strategy}": invalid ScoringStrategyType'))
    if args.preemption_mode not in (DISABLED, ENABLED):
        wrong.append(("preemptionMode", f'Invalid value: "{args.preemption_mode}": invalid PreemptionMode'))
    return wrong


def caching(args: NodeResourceTopologyMatchArgs) -> Caching:
    if args.discard_reserved_nodes is True:
        return Caching.DISCARD_RESERVED
    return Caching.OVER_RESERVE if args.cache_resync_period_seconds > 0 else Caching.PASSTHROUGH
