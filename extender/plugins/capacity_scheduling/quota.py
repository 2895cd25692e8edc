"""One namespace's elastic quota: a guaranteed min and a ceiling max, and how amounts are compared with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extender.framework import MAX_INT64, Object, QuantityError, Resources, resources_of

GUARANTEED, UNLIMITED = 0, MAX_INT64
"""What an extended resource that a quota does not name is worth in min, and in max."""


class QuotaError(ValueError):
    """The object is no usable ElasticQuota; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Quota:
    min: Resources
    max: Resources


def quota_of(found: Object) -> Quota:
    """An ElasticQuota as it stands in JSON -> Quota. Raises QuotaError.

    An absent `min` guarantees nothing and an absent `max` limits nothing; but a `max` that is present forbids every
    plain resource (cpu, memory, ephemeral-storage) that it does not list, and `max: {}` all of them.
    """
    spec = found.get("spec")
    if spec is None:
        spec = {}
    if not isinstance(spec, Mapping):
        raise QuotaError(f"spec: want a mapping, got {type(spec).__name__}")
    low, high = _listed(spec, "min"), _listed(spec, "max")
    unlimited = Resources(cpu_milli=MAX_INT64, memory_bytes=MAX_INT64, ephemeral_bytes=MAX_INT64)
    return Quota(low or Resources(), unlimited if high is None else high)


def remarks_on(found: Object) -> list[str]:
    """What is allowed but seldom meant, in an object that quota_of accepts."""
    spec = found.get("spec") or {}
    high = spec.get("max")
    remarks = []
    if high is not None:
        forbidden = [name for name in ("cpu", "memory", "ephemeral-storage") if name not in high]
        if forbidden:
            remarks.append(f"spec.max does not list {', '.join(forbidden)}: no pod may request any of it")
    if any("pods" in (spec.get(side) or {}) for side in ("min", "max")):
        remarks.append("pods in spec.min and spec.max has no effect: pods do not request it")
    return remarks


def exceeds(asked: Resources, held: Resources, limit: Resources, unnamed: int) -> bool:
    """Whether asked + held is above the limit anywhere. Extended resources: only those in `asked` are looked at."""
    return (
        asked.cpu_milli + held.cpu_milli > limit.cpu_milli
        or asked.memory_bytes + held.memory_bytes > limit.memory_bytes
        or asked.ephemeral_bytes + held.ephemeral_bytes > limit.ephemeral_bytes
        or asked.pods + held.pods > limit.pods
        or any(
            amount + held.scalars.get(name, 0) > limit.scalars.get(name, unnamed)
            for name, amount in asked.scalars.items()
        )
    )


def _listed(spec: Mapping[str, Any], side: str) -> Resources | None:
    listed = spec.get(side)
    if listed is None:
        return None
    if not isinstance(listed, Mapping):
        raise QuotaError(f"spec.{side}: want a mapping of quantities, got {type(listed).__name__}")
    for name, amount in listed.items():
        try:
            resources_of({"cpu": 0 if amount is None else amount})
        except QuantityError as wrong:
            raise QuotaError(f"spec.{side}.{name}: {wrong}") from None
    return resources_of({str(name): 0 if amount is None else amount for name, amount in listed.items()})
