"""So much work in a second, and no more: what was spent beyond is paid back first."""

from __future__ import annotations

from collections.abc import Callable


class Budget:
    def __init__(self, share: float, ticks: Callable[[], int]) -> None:
        """`share` of all time may be spent; up to a second's is saved up. `ticks`: nanoseconds."""
        self._share = share
        self._ticks = ticks
        self._most_ns = share * 1e9
        self._left_ns = self._most_ns
        self._at_ns = ticks()

    def has_some(self) -> bool:
        now_ns = self._ticks()
        self._left_ns = min(self._most_ns, self._left_ns + (now_ns - self._at_ns) * self._share)
        self._at_ns = now_ns
        return self._left_ns > 0

    def spend(self, since_ns: int) -> None:
        """What was done since then, a value of `ticks`."""
        self._left_ns -= self._ticks() - since_ns
