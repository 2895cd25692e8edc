"""Guards of the policy: what they watch, and when they have seen it.

They look once a second at what was recorded since the policy took effect, behind the answers. A guard trips once;
what follows is done by whoever holds the policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from extender.engine.meter import Meter
from extender.engine.waiting import Waiting
from extender.policy.modes import Guard
from extender.policy.moments import seconds_of
from extender.record.frames import Decision, Frame
from extender.telemetry import metrics

CALLS_LEAST = 20
"""Fewer calls say nothing about a share or a percentile."""


@dataclass(frozen=True, slots=True)
class Trip:
    guard: Guard
    why: str
    """What was measured, and the limit."""
    at_s: float


class Guards:
    def __init__(self, waiting: Waiting, breaker_open: Callable[[str], bool], clock: Callable[[], float]) -> None:
        """`breaker_open`: of a plugin, or (empty) of any."""
        self._waiting = waiting
        self._breaker_open = breaker_open
        self._clock = clock
        self._guards: tuple[Guard, ...] = ()
        self._tripped: dict[str, Trip | None] = {}
        self._pending_since_s: dict[str, float] = {}
        self._meter: Meter | None = None

    def use(self, guards: tuple[Guard, ...], tripped: Collection[str] = ()) -> None:
        """Another policy is in effect: measure anew. `tripped`: names of those that have done their work before."""
        self._guards = guards
        self._tripped = dict.fromkeys(tripped)
        self._pending_since_s = {}
        measuring = [g for g in guards if g.when.request_latency_p99 is not None or g.when.rejected_share is not None]
        longest = max((seconds_of(guard.over) for guard in measuring), default=0.0)
        self._meter = Meter(math.ceil(longest)) if measuring else None

    def heard(self, frame: Frame) -> None:
        """A call was answered, and this is its record."""
        if self._meter is not None and isinstance(frame, Decision):
            self._meter.heard(frame, self._clock())

    def look(self, now_s: float) -> list[Trip]:
        """Those that have seen now what they watch for."""
        found = []
        for guard in self._guards:
            why = "" if guard.name in self._tripped else self._seen(guard, now_s)
            if why:
                trip = self._tripped[guard.name] = Trip(guard, why, now_s)
                metrics.GUARD_TRIPS.labels(guard.name, guard.then).inc()
                found.append(trip)
        return found

    def rows(self) -> list[dict[str, Any]]:
        """For /configz. Times are unix seconds; a trip of before the start has neither time nor words here."""
        return [_row(guard, guard.name in self._tripped, self._tripped.get(guard.name)) for guard in self._guards]

    def _seen(self, guard: Guard, now_s: float) -> str:
        over_s, plugin = seconds_of(guard.over), guard.plugin or ""
        if guard.when.breaker_open and self._breaker_open(plugin):
            return f"the breaker of {plugin} is open" if plugin else "a breaker is open"
        return (
            self._is_full(guard, over_s, now_s)
            or self._is_slow(guard, over_s, now_s)
            or self._refuses(guard, over_s, now_s)
        )

    def _is_full(self, guard: Guard, over_s: float, now_s: float) -> str:
        most = guard.when.pending_pods
        if most is None:
            return ""
        pods = len(self._waiting)
        if guard.plugin:
            pods = sum(guard.plugin in pod.plugins for pod in self._waiting)
        if pods <= most:
            self._pending_since_s.pop(guard.name, None)
            return ""
        since_s = self._pending_since_s.setdefault(guard.name, now_s)
        if since_s > now_s:  # the clock was set back
            self._pending_since_s[guard.name] = now_s
        return f"{pods} pods wait, for {guard.over} more than {most}" if now_s - since_s >= over_s else ""

    def _is_slow(self, guard: Guard, over_s: float, now_s: float) -> str:
        limit = guard.when.request_latency_p99
        if limit is None or self._meter is None:
            return ""
        took_s, calls = self._meter.p99_s(over_s, now_s)
        if calls < CALLS_LEAST or took_s <= seconds_of(limit):
            return ""
        return f"1 % of {calls} calls took {took_s * 1e3:.3g} ms or more, the limit is {limit}"

    def _refuses(self, guard: Guard, over_s: float, now_s: float) -> str:
        most = guard.when.rejected_share
        if most is None or self._meter is None:
            return ""
        refused, calls = self._meter.refused(over_s, now_s, guard.plugin or "")
        if calls < CALLS_LEAST or refused <= most * calls:
            return ""
        return f"{refused} of {calls} filter calls left no node, the limit is {most:.0%}"


def _row(guard: Guard, tripped: bool, trip: Trip | None) -> dict[str, Any]:  # noqa: FBT001 - one row, one caller
    return {
        "name": guard.name,
        "plugin": guard.plugin or "",
        "then": guard.then,
        "tripped": tripped,
        "at": trip.at_s if trip else None,
        "why": trip.why if trip else "",
    }
