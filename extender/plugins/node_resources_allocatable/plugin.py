"""NodeResourcesAllocatable: prefer small (Least) or big (Most) nodes, whatever runs on them already."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import numpy as np

from extender.framework import PODS, Args, Cycle, Maturity, Normalize, Plugin, Prepare, Score, Settled
from extender.plugins.node_resources_allocatable.kernel import weighted_allocatable

LEAST, MOST = "Least", "Most"

_INT64_RANGE = 2**64
_INT64_MAX = 2**63 - 1


class Resource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One resource and how much of it counts."""

    name: Annotated[str, msgspec.Meta(description="As in status.allocatable: cpu, memory, nvidia.com/gpu, ...")] = ""
    weight: Annotated[
        int | msgspec.UnsetType,
        msgspec.Meta(
            description="Positive; CPU counts in millicores, all else in units.", extra_json_schema={"minimum": 1}
        ),
    ] = msgspec.UNSET


def _default_resources() -> list[Resource]:
    # A millicore then weighs as much as a MiB.
    return [Resource(name="cpu", weight=1 << 20), Resource(name="memory", weight=1)]


class NodeResourcesAllocatableArgs(Args, frozen=True):
    resources: Annotated[
        list[Resource], msgspec.Meta(description="What counts; of a name given twice the last weight wins.")
    ] = msgspec.field(default_factory=_default_resources)
    mode: Annotated[
        str,
        msgspec.Meta(
            description="Least prefers nodes with little to allocate, Most those with much.",
            extra_json_schema={"enum": ["", LEAST, MOST]},
        ),
    ] = LEAST


def decode_args(raw: Mapping[str, Any]) -> NodeResourcesAllocatableArgs:
    """An empty mode or an empty list of resources means the default; a weight of 0 is as good as none."""
    given = {key: value for key, value in raw.items() if value not in ("", [])}
    if "resources" in given:
        given["resources"] = [
            {k: v for k, v in resource.items() if (k, v) != ("weight", 0)} for resource in given["resources"]
        ]
    return msgspec.convert(given, NodeResourcesAllocatableArgs, strict=True)


def check(args: NodeResourcesAllocatableArgs) -> list[tuple[str, str]]:
    wrong = []
    for i, resource in enumerate(args.resources):
        weight = 0 if resource.weight is msgspec.UNSET else resource.weight
        if weight <= 0:
            message = f"resource weight of {resource.name} should be a positive value, got :{weight}"
            wrong.append((f"resources[{i}].weight", f"Invalid value: {weight}: {message}"))
        elif weight > _INT64_MAX:
            wrong.append((f"resources[{i}].weight", f"Invalid value: {weight}: want at most {_INT64_MAX}"))
    if args.mode not in (LEAST, MOST):
        wrong.append(("mode", f'Invalid value: "{args.mode}": invalid support ModeType'))
    return wrong


def signed_weights(cycle: Cycle) -> Mapping[str, Any]:
    """The weight of each column of `allocatable`, negative for Least. Kept until a new resource appears."""
    resources = cycle.nodes.resources
    kept: Mapping[str, Any] | None = cycle.memo.get("weights")
    if kept is None or len(kept["signed_weights"]) != len(resources):
        kept = cycle.memo["weights"] = _weights(cycle.args, resources)
    return kept


def _weights(args: NodeResourcesAllocatableArgs, resources: list[str]) -> Mapping[str, Any]:
    by_name = {r.name: 0 if r.weight is msgspec.UNSET else r.weight for r in args.resources}
    sign = 1 if args.mode == MOST else -1
    column = [sign * by_name.get(name, 0) for name in resources]
    # Upstream does not read the pod count: its weight only thins the mean, like that of a resource that no node has.
    column[PODS] = 0
    return Settled(signed_weights=np.array(column, np.int64), weight_sum=_as_int64(sum(by_name.values())))


def _as_int64(number: int) -> int:
    return (number + _INT64_MAX + 1) % _INT64_RANGE - _INT64_MAX - 1


PLUGIN = Plugin(
    name="NodeResourcesAllocatable",
    doc="Prefers nodes with little (Least) or much (Most) to allocate, whatever runs on them already.",
    args=NodeResourcesAllocatableArgs,
    decode_args=decode_args,
    check=check,
    maturity=Maturity.BETA,
    score=Score(
        rule=weighted_allocatable,
        normalize=Normalize.MIN_MAX,
        prepare=Prepare(compute=signed_weights, scalars=("weight_sum",), vectors=("signed_weights",)),
    ),
)
