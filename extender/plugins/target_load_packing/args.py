"""Arguments of TargetLoadPacking, with upstream's names, units and defaults."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from extender.framework import (
    Args,
    MetricProvider,
    Provider,
    Quantities,
    QuantityError,
    canonical,
    milli,
    provider_problems,
    with_provider,
)

TARGET_DEFAULT = 40

_HEX_FLOAT = re.compile(r"[+-]?0[xX][0-9a-fA-F_]*\.?[0-9a-fA-F_]*[pP][+-]?[0-9_]+", re.ASCII)
_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def _one_core() -> Quantities:
    return {"cpu": "1"}


class TargetLoadPackingArgs(Args, frozen=True):
    metric_provider: MetricProvider = MetricProvider(type=Provider.KUBERNETES.value)
    watcher_address: Annotated[
        str, msgspec.Meta(description="URL of a load-watcher; if written, metricProvider is ignored.")
    ] = ""
    default_requests: Annotated[
        Quantities | msgspec.UnsetType,
        msgspec.Meta(description="CPU taken for a container that names none; without cpu in the map: 0."),
    ] = msgspec.field(default_factory=_one_core)
    default_requests_multiplier: Annotated[
        str, msgspec.Meta(description="A float in text: usage expected per requested CPU of a container without limit.")
    ] = "1.5"
    target_utilization: Annotated[
        int,
        msgspec.Meta(
            ge=_INT64_MIN,
            le=_INT64_MAX,
            description="Percent of CPU to pack up to; 0 and below mean 40; usually below 100.",
        ),
    ] = TARGET_DEFAULT


def decode_args(raw: Mapping[str, Any]) -> TargetLoadPackingArgs:
    """Upstream's defaulting, which looks at what is written and not only at values. Raises msgspec.ValidationError."""
    given = with_provider(raw)
    if given.get("targetUtilization", 0) <= 0:
        given["targetUtilization"] = TARGET_DEFAULT
    args = msgspec.convert(given, TargetLoadPackingArgs, strict=True)
    return msgspec.structs.replace(args, default_requests=_written_back(given.get("defaultRequests", _one_core())))


def _written_back(requests: Mapping[str, Any]) -> Quantities | msgspec.UnsetType:
    """As upstream shows them: amounts in canonical form, no map if it is empty. Raises msgspec.ValidationError."""
    told: dict[str, str | int | float] = {}
    for name, amount in requests.items():
        try:
            told[name] = canonical(amount)
        except QuantityError as wrong:
            raise msgspec.ValidationError(f"{wrong} - at `$.defaultRequests.{name}`") from None
    return told or msgspec.UNSET


def default_cpu_milli(args: TargetLoadPackingArgs) -> int:
    """Of a container that names no CPU."""
    requests = args.default_requests
    return 0 if requests is msgspec.UNSET else milli(requests.get("cpu", 0))


def check(args: TargetLoadPackingArgs) -> list[tuple[str, str]]:
    wrong = []
    try:
        multiplier(args)
    except ValueError as why:
        wrong.append(("defaultRequestsMultiplier", f"unable to parse DefaultRequestsMultiplier: {why}"))
    return wrong + provider_problems(args)


def multiplier(args: TargetLoadPackingArgs) -> float:
    """The number in `defaultRequestsMultiplier`, spelled as Go spells floats. Raises ValueError.

    Infinities and NaN, which Go takes, are refused: no score can come of them.
    """
    text = args.default_requests_multiplier
    try:
        number = float.fromhex(text.replace("_", "")) if _HEX_FLOAT.fullmatch(text) else float(text)
    except (ValueError, OverflowError):
        number = math.nan
    if text != text.strip() or not text.isascii() or math.isnan(number):
        raise ValueError(f'parsing "{text}": invalid syntax')
    if math.isinf(number):
        raise ValueError(f'parsing "{text}": value out of range')
    return number
