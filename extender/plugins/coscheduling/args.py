"""Arguments of Coscheduling: upstream's names, units, defaults and bounds, and the choice of how gangs are placed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from extender.framework import Args

PLANNED, PARITY = "planned", "parity"
PERCENT_MAX = 100
# Bits of upstream's fields: what does not fit cannot be decoded.
_BITS = {"permitWaitingTimeSeconds": 64, "podGroupBackoffSeconds": 64, "podGroupRejectPercentage": 32}


class CoschedulingArgs(Args, frozen=True):
    permit_waiting_time_seconds: Annotated[
        int,
        msgspec.Meta(
            description="How long members wait for each other where the PodGroup does not say; 0: not at all.",
            extra_json_schema={"minimum": 0},
        ),
    ] = 60
    pod_group_backoff_seconds: Annotated[
        int,
        msgspec.Meta(
            description="How long a group that found no room is not tried again; 0: off.",
            extra_json_schema={"minimum": 0},
        ),
    ] = 0
    pod_group_reject_percentage: Annotated[
        int,
        msgspec.Meta(
            description="Members that wait go on waiting while no larger share of minMember is missing.",
            extra_json_schema={"minimum": 0, "maximum": PERCENT_MAX},
        ),
    ] = 10
    mode: Annotated[
        Literal["planned", "parity"] | msgspec.UnsetType,
        msgspec.Meta(
            description="planned (default): a place for the whole group is found first, and kept; parity: as upstream."
        ),
    ] = msgspec.UNSET

    @property
    def plans(self) -> bool:
        return self.mode != PARITY


def decode_args(raw: Mapping[str, Any]) -> CoschedulingArgs:
    """Raises msgspec.ValidationError."""
    args = msgspec.convert(raw, CoschedulingArgs, strict=True)
    for name, bits in _BITS.items():
        if not -(2 ** (bits - 1)) <= raw.get(name, 0) < 2 ** (bits - 1):
            raise msgspec.ValidationError(f"Expected `int` of {bits} bits - at `$.{name}`")
    return args


def check(args: CoschedulingArgs) -> list[tuple[str, str]]:
    """What upstream's validation refuses, in its words."""
    wrong = []
    for name, seconds in (
        ("permitWaitingTimeSeconds", args.permit_waiting_time_seconds),
        ("podGroupBackoffSeconds", args.pod_group_backoff_seconds),
    ):
        if seconds < 0:
            wrong.append((name, f"Invalid value: {seconds}: must be greater than 0"))
    if not 0 <= args.pod_group_reject_percentage <= PERCENT_MAX:
        wrong.append(
            (
                "podGroupRejectPercentage",
                f"Invalid value: {args.pod_group_reject_percentage}: must be between 0 and 100",
            )
        )
    return wrong
