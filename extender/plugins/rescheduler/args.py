"""Arguments of Rescheduler: those of the plugin of that name that is public, with bounds, and those of the balance."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec

from extender.framework import Args

Percent = Annotated[float, msgspec.Meta(ge=0, le=100)]
Strategy = Literal[
    "LoadBalancing", "PodCountBalancing", "ResourceOptimization", "NodeMaintenance", "LowNodeUtilization"
]
STRATEGIES: tuple[Strategy, ...] = (
    "LoadBalancing",
    "PodCountBalancing",
    "ResourceOptimization",
    "NodeMaintenance",
    "LowNodeUtilization",
)
Usage = Literal["runningRequests", "requests", "measured"]
INTERVAL_LEAST_S, INTERVAL_MOST_S = 1.0, 24 * 3600.0

_DURATION = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h)", re.ASCII)
_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class EvictableNamespaces(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    exclude: Annotated[list[str], msgspec.Meta(description="Namespaces whose pods are never moved.")] = []


class EvictionLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Moves of one round at most; absent: no limit of its own."""

    node: Annotated[int, msgspec.Meta(ge=0)] | None = None
    namespace: Annotated[int, msgspec.Meta(ge=0)] | None = None
    owner: Annotated[int, msgspec.Meta(ge=1, description="And only while no other pod of the owner is leaving.")] = 1


class ReschedulerArgs(Args, frozen=True):
    cpu_threshold: Annotated[
        Percent, msgspec.Meta(description="Percent of a node's CPU capacity above which it takes no more pods.")
    ] = 80.0
    memory_threshold: Annotated[Percent, msgspec.Meta(description="The same of memory.")] = 80.0
    excluded_namespaces: Annotated[
        list[str], msgspec.Meta(description="Namespaces whose pods are neither counted nor moved by the balance.")
    ] = msgspec.field(default_factory=lambda: ["kube-system"])
    enable_scheduling_optimization: Annotated[
        bool, msgspec.Meta(description="Whether filter, score and reserve have an opinion.")
    ] = True
    enable_preventive_rescheduling: Annotated[
        bool, msgspec.Meta(description="Whether a bind that leaves its node over a threshold is recorded as a warning.")
    ] = True
    cpu_score_weight: Annotated[float, msgspec.Meta(ge=0, le=1, description="Points per free percent of CPU.")] = 0.6
    memory_score_weight: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.4
    load_balance_bonus: Annotated[
        float, msgspec.Meta(ge=0, le=50, description="Points for a node below 30 percent of both.")
    ] = 10.0
    reserve_threshold: Annotated[
        float,
        msgspec.Meta(gt=0, le=1000, description="Percent of capacity, promises counted, that a bind must not exceed."),
    ] = 95.0
    usage: Annotated[
        Usage,
        msgspec.Meta(
            description="What counts as use: requests of Running pods, requests of all pods bound or being bound, "
            "or the node load that is measured."
        ),
    ] = "runningRequests"
    count_incoming_pod: Annotated[
        bool, msgspec.Meta(description="Whether filter adds the pod's own request to the use of a node.")
    ] = False
    enable_rescheduling_controller: Annotated[
        bool, msgspec.Meta(description="Whether running pods are moved at all.")
    ] = True
    rescheduling_interval: Annotated[
        str, msgspec.Meta(description="Between two rounds of the balance, such as 30s or 1m30s.")
    ] = "30s"
    enabled_strategies: Annotated[
        list[Strategy], msgspec.Meta(description="What a round looks for, in this order.")
    ] = msgspec.field(default_factory=lambda: list(STRATEGIES))
    imbalance_threshold: Annotated[
        float, msgspec.Meta(gt=0, le=1000, description="Points of CPU percent, or pods, between most and least.")
    ] = 20.0
    max_reschedule_pods: Annotated[int, msgspec.Meta(ge=0, le=1000, description="Moves per round.")] = 10
    hysteresis: Annotated[
        Percent,
        msgspec.Meta(description="A target stays so far below the thresholds, so that no pod is sent back and forth."),
    ] = 10.0
    thresholds: Annotated[
        dict[str, Percent], msgspec.Meta(description="LowNodeUtilization: a node below all of them is a destination.")
    ] = msgspec.field(default_factory=dict)
    target_thresholds: Annotated[
        dict[str, Percent], msgspec.Meta(description="LowNodeUtilization: a node above any of them is a source.")
    ] = msgspec.field(default_factory=dict)
    use_deviation_thresholds: Annotated[
        bool, msgspec.Meta(description="Both are distances from the average of all nodes.")
    ] = False
    number_of_nodes: Annotated[
        int, msgspec.Meta(ge=0, description="LowNodeUtilization acts only on more destinations than that.")
    ] = 0
    evictable_namespaces: EvictableNamespaces = EvictableNamespaces()
    eviction_limits: EvictionLimits = EvictionLimits()
    node_fit: Annotated[
        bool, msgspec.Meta(description="Move a pod only if some other node would take it, as far as we can judge.")
    ] = True
    min_pod_age: Annotated[str, msgspec.Meta(description="Younger pods stay.")] = "1m"
    cooldown: Annotated[
        str,
        msgspec.Meta(description="After a move no other pod of the owner leaves, or returns to, the node for so long."),
    ] = "10m"
    evict_local_storage_pods: Annotated[
        bool, msgspec.Meta(description="Whether pods with emptyDir or hostPath volumes are moved.")
    ] = False
    dry_run: Annotated[bool, msgspec.Meta(description="Record the moves, and make none.")] = False


def check(args: ReschedulerArgs) -> list[tuple[str, str]]:
    wrong = [*_not_finite(args), *_durations(args)]
    for path, names in (
        ("excludedNamespaces", args.excluded_namespaces),
        ("evictableNamespaces.exclude", args.evictable_namespaces.exclude),
    ):
        wrong += [(f"{path}[{i}]", "an empty text names no namespace") for i, name in enumerate(names) if not name]
    if len(set(args.enabled_strategies)) != len(args.enabled_strategies):
        wrong.append(("enabledStrategies", "names a strategy twice"))
    return wrong + _utilization(args)


def _not_finite(args: ReschedulerArgs) -> list[tuple[str, str]]:
    """YAML can spell .nan, which passes every bound."""
    named = {field.encode_name: getattr(args, field.name) for field in msgspec.structs.fields(args)}
    named |= {f"thresholds.{name}": value for name, value in args.thresholds.items()}
    named |= {f"targetThresholds.{name}": value for name, value in args.target_thresholds.items()}
    return [
        (path, f"want a number, got {value}")
        for path, value in named.items()
        if isinstance(value, float) and not math.isfinite(value)
    ]


def _durations(args: ReschedulerArgs) -> list[tuple[str, str]]:
    wrong = []
    for path, text, least_s in (
        ("reschedulingInterval", args.rescheduling_interval, INTERVAL_LEAST_S),
        ("minPodAge", args.min_pod_age, 0.0),
        ("cooldown", args.cooldown, 0.0),
    ):
        try:
            length_s = seconds(text)
        except ValueError as why:
            wrong.append((path, str(why)))
            continue
        if not least_s <= length_s <= INTERVAL_MOST_S:
            wrong.append((path, f"want {least_s:g}s to {INTERVAL_MOST_S / 3600:g}h, got {text}"))
    return wrong


def _utilization(args: ReschedulerArgs) -> list[tuple[str, str]]:
    low, high = args.thresholds, args.target_thresholds
    wrong = _one_sided("targetThresholds", low, high) + _one_sided("thresholds", high, low)
    if wrong or args.use_deviation_thresholds:
        return wrong
    return [
        (f"thresholds.{name}", f"is above its target: {low[name]:g} > {high[name]:g}")
        for name in low
        if low[name] > high[name]
    ]


def _one_sided(path: str, named: Iterable[str], missing_in: Iterable[str]) -> list[tuple[str, str]]:
    return [
        (path, f"has no {name}; thresholds and targetThresholds name the same resources")
        for name in named
        if name not in missing_in
    ]


def seconds(text: str) -> float:
    """A duration as Go writes it: 30s, 1m30s, 1.5h, 0. Raises ValueError."""
    if text == "0":
        return 0.0
    parts = _DURATION.findall(text)
    if not parts or "".join(parts) != text:
        raise ValueError(f"want a duration such as 30s or 1m30s, got {text!r}")
    total = 0.0
    for part in parts:
        unit = part.lstrip("0123456789.")
        total += float(part.removesuffix(unit)) * _UNIT_S[unit]
    return total
