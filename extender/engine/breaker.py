"""A breaker: a plugin that fails again and again is left out for a while, and then tried again.

    closed    -- 3 failures of one phase in a row, or one at once --> open
    open      -- the back-off is over ------------------------------> half-open: it is asked again
    half-open -- that phase passes ---------------------------------> closed, and the back-off starts anew
    half-open -- any phase fails -----------------------------------> open, for twice as long

A failure is an exception, a score out of range, or an overrun of the deadline. Phases are counted apart: a filter that
passes says nothing about a score that raises.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

STRIKES_MAX = 3
BACK_OFF_S = 10.0
BACK_OFF_MOST_S = 300.0


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Breaker:
    """Of one plugin, in all its phases and profiles."""

    __slots__ = (
        "_back_off_s",
        "_changed",
        "_clock",
        "_judged",
        "_opened_by",
        "_strikes",
        "failures",
        "last_error",
        "listens",
        "retry_s",
        "since_s",
        "state",
    )

    def __init__(
        self,
        clock: Callable[[], float] = lambda: 0.0,
        changed: Callable[[], None] = lambda: None,
        *,
        judged: bool = False,
    ) -> None:
        """`changed` is told of every change of state; `judged`: some seat has a deadline or fails closed."""
        self._clock = clock
        self._changed = changed
        self._judged = judged
        self._strikes: dict[str, int] = {}
        self._opened_by = ""
        self._back_off_s = BACK_OFF_S
        self.state = State.CLOSED
        self.since_s = 0.0
        """Unix seconds of the last change of state; 0: none yet."""
        self.retry_s = 0.0
        """Open: when it will be asked again."""
        self.failures = 0
        """Since the plugin or its args last changed."""
        self.last_error = ""
        self.listens = judged
        """Whether it must hear of what passes, too. While not, a plugin that works costs nothing here."""

    def judge(self, *, judged: bool) -> None:
        self._judged = judged
        self._listen()

    def passed(self, phase: str) -> None:
        """A part of the plugin has answered in time."""
        self._strikes.pop(phase, None)
        if self.state is State.HALF_OPEN and phase == self._opened_by:
            self._back_off_s = BACK_OFF_S
            self._become(State.CLOSED)
        self._listen()

    def failed(self, phase: str, error: str, *, at_once: bool = False) -> None:
        """A part of the plugin has failed or overrun; `at_once`: so badly that once is enough."""
        self.failures += 1
        self.last_error = error
        if self.state is State.OPEN:
            return  # an attempt that began before
        self._strikes[phase] = self._strikes.get(phase, 0) + 1
        if self.state is State.HALF_OPEN:
            self._open(phase, min(2 * self._back_off_s, BACK_OFF_MOST_S))
        elif at_once or self._strikes[phase] >= STRIKES_MAX:
            self._open(phase, BACK_OFF_S)
        self._listen()

    def try_again(self, now_s: float) -> None:
        """Half-open if the back-off is over. A clock that was set back ends it as well."""
        if self.state is State.OPEN and not self.since_s <= now_s < self.retry_s:
            self._become(State.HALF_OPEN)
            self._listen()

    def _open(self, phase: str, back_off_s: float) -> None:
        self._strikes.clear()
        self._opened_by, self._back_off_s = phase, back_off_s
        self._become(State.OPEN)
        self.retry_s = self.since_s + back_off_s

    def _become(self, state: State) -> None:
        self.state, self.since_s = state, self._clock()
        self._changed()

    def _listen(self) -> None:
        self.listens = self._judged or bool(self._strikes) or self.state is State.HALF_OPEN
