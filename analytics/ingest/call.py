"""A verb call as the ingest reads it: most of its bytes are packed as they are, and are never made into objects."""

from __future__ import annotations

from typing import Any

from msgspec import Raw, Struct, json

from extender.record.frames import (
    Decision,
    Event,
    Eviction,
    Gap,
    GuardTrip,
    Outcome,
    Policy,
    Shadow,
    ShadowTally,
    Snapshot,
)

NOTHING = Raw(b"")
"""Of a field that the frame does not have."""


class Call(Decision, gc=False, omit_defaults=True, tag_field="kind", tag="decision", kw_only=True):
    """A Decision with JSON in place of what nobody here looks into."""

    best: Raw = NOTHING  # type: ignore[assignment]
    rejected: Raw = NOTHING  # type: ignore[assignment]
    leases: Raw = NOTHING  # type: ignore[assignment]
    skipped: Raw = NOTHING  # type: ignore[assignment]
    features: Raw = NOTHING  # type: ignore[assignment]


class Score(Struct, gc=False):
    """Of one of the best nodes what tells which was chosen."""

    node: str
    total: int


class _Features(Struct, gc=False):
    created_at_s: Any = None


_SECONDS_MAX = 253_402_300_800
"""The year 10000: what lies behind it is no time of a pod."""
_FEATURES = json.Decoder(_Features)
_SCORES = json.Decoder(list[Score])


def scores(call: Call) -> list[Score]:
    """Of `best`. Raises as `decode`."""
    return _SCORES.decode(call.best) if call.best else []


def created_us(call: Call) -> int:
    """When the pod was created, as the API server noted it, in whole seconds; 0: not known. Raises as `decode`."""
    if not call.features:
        return 0
    seconds = _FEATURES.decode(call.features).created_at_s
    return seconds * 1_000_000 if isinstance(seconds, int) and 0 < seconds < _SECONDS_MAX else 0


Frame = Call | Outcome | Eviction | Shadow | ShadowTally | Policy | GuardTrip | Snapshot | Event | Gap
_DECODER: json.Decoder[Frame] = json.Decoder(Frame)


def decode(payload: bytes) -> Frame:
    """As extender.record.frames.decode. Raises msgspec.DecodeError."""
    return _DECODER.decode(payload)
