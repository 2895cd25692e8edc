"""Which keys a list has named so far."""

from __future__ import annotations

_SHARES = 256


class Seen:
    """A set in many small ones: a large set stops everything for milliseconds when it grows."""

    def __init__(self) -> None:
        self._shares: list[set[str]] = [set() for _ in range(_SHARES)]

    def add(self, key: str) -> None:
        self._shares[hash(key) % _SHARES].add(key)

    def __contains__(self, key: str) -> bool:
        return key in self._shares[hash(key) % _SHARES]
