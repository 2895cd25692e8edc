"""How often something happened and between when, bounded, and whether it keeps a beat."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

_MOST_TIMES = 500
_MOST_NAMES = 1000
_SECOND_US = 1_000_000


@dataclass(slots=True)
class Tally:
    """Of one group of events. Times in microseconds UTC."""

    count: int = 0
    first_us: int = 0
    last_us: int = 0
    names: dict[str, int] = field(default_factory=dict)
    """How often each name stood in it; of the first thousand names."""
    last_name: str = ""
    """Of the event that is the last by its time; of equals the last by the alphabet."""
    times: list[int] = field(default_factory=list)
    """The first five hundred."""

    def add(self, at_us: int, name: str = "") -> None:
        self.count += 1
        self.first_us = min(self.first_us, at_us) if self.count > 1 else at_us
        self.last_us, self.last_name = max((self.last_us, self.last_name), (at_us, name))
        if name and (name in self.names or len(self.names) < _MOST_NAMES):
            self.names[name] = self.names.get(name, 0) + 1
        if len(self.times) < _MOST_TIMES:
            self.times.append(at_us)

    def most_frequent(self) -> tuple[str, int]:
        """Of the names; ("", 0) where there are none. Of equals the first by the alphabet."""
        return min(self.names.items(), key=lambda one: (-one[1], one[0]), default=("", 0))

    def densest(self, within_us: int) -> int:
        """The most events within any such time."""
        times, begin, most = sorted(self.times), 0, 0
        for end, at in enumerate(times):
            while at - times[begin] > within_us:
                begin += 1
            most = max(most, end - begin + 1)
        return most

    def period_us(self, apart_us: int, beats: int, jitter: float) -> int:
        """The time between bursts, if there are so many beats of it and none strays by more than `jitter` of it; else
        0. Events closer than `apart_us` are one burst."""
        times = sorted(self.times)
        starts = [at for number, at in enumerate(times) if not number or at - times[number - 1] > apart_us]
        steps = [after - before for before, after in pairwise(starts)]
        if len(steps) < beats:
            return 0
        middle = sorted(steps)[len(steps) // 2]
        # A beat that strays by less than a second is the clock's grain, however short the period.
        allowed = max(jitter * middle, _SECOND_US)
        return middle if all(abs(step - middle) <= allowed for step in steps) else 0
