"""What thresholds, sequences and silences remember: bounded, and by the events' own times."""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from collections.abc import Hashable, ItemsView
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

MOST_KEYS = 10_000
MOST_MARKS = 200_000
"""Of one case: marks of all keys together, about 150 bytes each."""
EXPIRY_US = 24 * 3600 * 1_000_000
_STEP_MARKS = 8
"""Of one step and key: the last ones."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Mark(NamedTuple):
    """One matching event."""

    at_us: int
    event_id: str
    value: float | str = 1.0
    """What is added up, or told apart."""


class Recent(Generic[K, V]):
    """Values by key, of which the least recently used go first."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.dropped = 0
        self._kept: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: K) -> V | None:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, key: K, value: V) -> None:
        self._kept[key] = value
        self._kept.move_to_end(key)
        if len(self._kept) > self.most:
            self.drop()

    def items(self) -> ItemsView[K, V]:
        """The least recently used first."""
        return self._kept.items()

    def drop(self) -> V:
        """The least recently used. Raises KeyError where there is none."""
        self.dropped += 1
        return self._kept.popitem(last=False)[1]


@dataclass(slots=True)
class _Window:
    marks: list[Mark] = field(default_factory=list)
    total: float = 0.0
    """Of the values of the marks, where they are added up."""
    quiet_until: int = 0
    """Told; not again before this time."""


class Windows:
    """Whether enough was seen within a window, for each key."""

    def __init__(self, count: float, within_us: int, *, distinct: bool = False) -> None:
        self.late = 0
        """Events older than their key's window."""
        self._count, self._within, self._distinct = count, within_us, distinct
        self._keys: Recent[Hashable, _Window] = Recent(MOST_KEYS)
        self._marks = 0

    def __len__(self) -> int:
        return self._marks

    @property
    def dropped(self) -> int:
        return self._keys.dropped

    def add(self, key: Hashable, mark: Mark) -> list[Mark]:
        """The marks of a window that is full, which is then told for its whole length; else nothing."""
        window = self._keys.get(key)
        if window is None:
            window = _Window()
            self._keys.put(key, window)
        if mark.at_us <= window.quiet_until:
            return []
        if self._distinct and not self._renewed(window, mark):
            return []
        insort(window.marks, mark, key=_at)
        window.total += mark.value if isinstance(mark.value, float) else 1.0
        self._marks += 1
        self._expire(window, mark)
        if window.total >= self._count:
            full, window.marks, window.total = window.marks, [], 0.0
            self._marks -= len(full)
            window.quiet_until = full[-1].at_us + self._within
            return full
        self._bound(window)
        return []

    def _expire(self, window: _Window, mark: Mark) -> None:
        marks = window.marks
        begin = marks[-1].at_us - self._within
        old = 0
        while marks[old].at_us < begin:
            old += 1
        if old:
            self.late += mark.at_us < begin
            self._marks -= old
            window.total -= sum(one.value if isinstance(one.value, float) else 1.0 for one in marks[:old])
            del marks[:old]

    def _renewed(self, window: _Window, mark: Mark) -> bool:
        """Of equal values the newest mark is kept: the others can add nothing to any window that is still to come."""
        for number, one in enumerate(window.marks):
            if one.value == mark.value:
                if one.at_us >= mark.at_us:
                    return False
                del window.marks[number]
                window.total -= 1.0
                self._marks -= 1
                return True
        return True

    def _bound(self, window: _Window) -> None:
        while self._marks > MOST_MARKS and len(self._keys) > 1:
            self._marks -= len(self._keys.drop().marks)
        if self._marks > MOST_MARKS:
            # One key alone is past all bounds, by events that add next to nothing.
            half = window.marks[: len(window.marks) // 2]
            self._marks -= len(half)
            window.total -= sum(one.value for one in half if isinstance(one.value, float))
            del window.marks[: len(half)]


def _at(mark: Mark) -> int:
    return mark.at_us


@dataclass(slots=True)
class _Chain:
    steps: list[list[Mark]]
    told_us: int = -1


class Chains:
    """Whether steps happened in their order within a window, for each key, however the events arrived."""

    def __init__(self, steps: int, within_us: int) -> None:
        self._steps, self._within = steps, within_us
        self._keys: Recent[Hashable, _Chain] = Recent(MOST_KEYS)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def dropped(self) -> int:
        return self._keys.dropped

    def add(self, key: Hashable, step: int, mark: Mark) -> list[Mark]:
        """A chain that is complete with this mark, one mark a step; not again within the window."""
        chain = self._keys.get(key)
        if chain is None:
            chain = _Chain([[] for _ in range(self._steps)])
            self._keys.put(key, chain)
        marks = chain.steps[step]
        insort(marks, mark, key=_at)
        if len(marks) > _STEP_MARKS:
            del marks[0]
        for last in reversed(chain.steps[-1]):
            found = self._before(chain, last)
            if found and (chain.told_us < 0 or last.at_us > chain.told_us + self._within):
                chain.told_us = last.at_us
                return found
        return []

    def _before(self, chain: _Chain, last: Mark) -> list[Mark]:
        """The tightest chain that ends so: of each earlier step the latest that still comes before the next."""
        found = [last]
        for marks in reversed(chain.steps[:-1]):
            earlier = next((mark for mark in reversed(marks) if mark.at_us <= found[0].at_us), None)
            if earlier is None:
                return []
            found.insert(0, earlier)
        return found if last.at_us - found[0].at_us <= self._within else []


class Quiet:
    """Whether a stream that is steadily busy fell silent. A burst is not busy: it ends, as bursts do."""

    _STEADY = 6
    """Stretches in a row, before the one of the last event."""

    def __init__(self, usual: int, longer_us: int) -> None:
        self._usual, self._longer = usual, longer_us
        self._counts: dict[int, int] = {}
        """By the stretch, as long as the silence that is looked for."""
        self._newest = 0

    def add(self, at_us: int) -> int:
        """The length of the silence that ends with this event, microseconds; 0 for none."""
        gap = at_us - self._newest
        last = self._newest // self._longer
        steady = gap > self._longer and all(
            self._counts.get(last - step, 0) >= self._usual for step in range(1, self._STEADY + 1)
        )
        stretch = at_us // self._longer
        self._counts[stretch] = self._counts.get(stretch, 0) + 1
        if at_us > self._newest:
            self._newest = at_us
            if len(self._counts) > 2 * self._STEADY:
                self._counts = {at: n for at, n in self._counts.items() if at >= stretch - self._STEADY}
        return gap if steady else 0


class Clock:
    """The newest time of the log. One event from the far future does not carry it away; three that agree do."""

    _FAR_US = EXPIRY_US
    _AGREED = 3

    def __init__(self) -> None:
        self.now_us = 0
        self.skewed = 0
        self._ahead: list[int] = []

    def clamp(self, at_us: int) -> int:
        """The event's time, or the log's own where the event is far ahead of it."""
        if not self.now_us or at_us <= self.now_us + self._FAR_US:
            if at_us > self.now_us:
                self.now_us = at_us
                self._ahead.clear()
            return at_us
        self._ahead = [one for one in self._ahead if abs(one - at_us) <= self._FAR_US] + [at_us]
        if len(self._ahead) < self._AGREED:
            self.skewed += 1
            return self.now_us
        self._ahead.clear()
        self.now_us = at_us
        return at_us
