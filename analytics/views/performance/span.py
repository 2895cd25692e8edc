"""What an analysis is about: a stretch of time, its steps, and how far back what is usual is told from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from analytics.store.joined import rfc3339
from analytics.views.declaration import NotValid

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400
MINUTE_US: Final = 60_000_000
DAY_US: Final = 86_400_000_000
LONGEST_US: Final = 366 * DAY_US
# (longest span, step, time that is looked at at least), seconds: about 1500 steps each. Below three days there is no
# daily season to tell, so spans of hours look back a week.
_PLANS: Final = (
    (3 * HOUR_S, MINUTE_S, DAY_S),
    (2 * DAY_S, 5 * MINUTE_S, 7 * DAY_S),
    (14 * DAY_S, 15 * MINUTE_S, 14 * DAY_S),
    (60 * DAY_S, HOUR_S, 60 * DAY_S),
)
_COARSEST: Final = 6 * HOUR_S


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `since_us` to before `until_us`, microseconds since 1970."""

    since_us: int
    until_us: int

    @classmethod
    def of(cls, since_us: int | None, until_us: int | None, now_us: int) -> TimeRange:
        """What is not given is the day before the end, and now. Raises NotValid."""
        until = now_us if until_us is None else until_us
        since = until - DAY_US if since_us is None else since_us
        if since >= until:
            raise NotValid("start", "must be earlier than the end of the range")
        if until - since > LONGEST_US:
            raise NotValid("start", "the range is longer than 366 days: give a later start, or an earlier end")
        if since < 0:
            raise NotValid("start", "must not be before 1970")
        return cls(since, until)

    @property
    def seconds(self) -> float:
        return (self.until_us - self.since_us) / 1e6

    def told(self) -> dict[str, Any]:
        return {"start": rfc3339(self.since_us), "end": rfc3339(self.until_us)}


@dataclass(frozen=True, slots=True)
class Plan:
    """Which steps are looked at for a range: whole ones that are over, from the oldest that is known whole."""

    step_s: int
    since_us: int
    until_us: int

    @property
    def step_us(self) -> int:
        return self.step_s * 1_000_000

    @property
    def steps(self) -> int:
        return max(0, (self.until_us - self.since_us) // self.step_us)

    @classmethod
    def of(cls, span: TimeRange, now_us: int, first_us: int | None) -> Plan:
        """`first_us`: the oldest minute that is kept; None: nothing is. Of less time than the range steps are finer."""
        end = min(span.until_us, now_us)
        known_s = min(span.seconds, (end - max(first_us or 0, span.since_us)) / 1e6)
        step_s, context_s = next(
            ((step, context) for longest, step, context in _PLANS if known_s <= longest + MINUTE_S), (_COARSEST, 0)
        )
        step_us = step_s * 1_000_000
        until = end - end % step_us
        since = min(span.since_us, until - context_s * 1_000_000)
        since = max(0, since - since % step_us)
        if first_us is None:
            return cls(step_s, until, until)
        known = first_us + -first_us % step_us
        return cls(step_s, min(max(since, known), until), until)
