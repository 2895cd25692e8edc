"""What an analysis is about: a stretch of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from analytics.store.joined import rfc3339
from analytics.views.declaration import NotValid

DAY_US: Final = 86_400_000_000
LONGEST_US: Final = 366 * DAY_US


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `since_us` to before `until_us`, microseconds since 1970."""

    since_us: int
    until_us: int

    @classmethod
    def of(cls, since_us: int | None, until_us: int | None, now_us: int, path: str = "") -> TimeRange:
        """What is not given is the day before the end, and now. Raises NotValid; `path` stands before its keys."""
        until = now_us if until_us is None else until_us
        since = until - DAY_US if since_us is None else since_us
        if since >= until:
            raise NotValid(f"{path}start", "must be earlier than the end of the range")
        if until - since > LONGEST_US:
            raise NotValid(f"{path}start", "the range is longer than 366 days: give a later start, or an earlier end")
        return cls(since, until)

    @property
    def seconds(self) -> float:
        return (self.until_us - self.since_us) / 1e6

    def told(self) -> dict[str, Any]:
        return {"start": rfc3339(self.since_us), "end": rfc3339(self.until_us)}


def spoken(seconds: float) -> str:
    """A length of time in the one unit that suits it: 2 s, 5 min, 3 h, 12 d."""
    for unit, length, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < most:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"
