"""A bounded table of what was worked out before."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Kept(Generic[V]):
    """Values by key. What was not asked for among the last `most` new keys is forgotten, and may be put again.

    Two generations: a lookup that finds its key in the older one brings it back to the newer one. What is forgotten is
    let go of key by key, for to let thousands of values go at once takes milliseconds.
    """

    __slots__ = ("_forgotten", "_most", "_new", "_old")

    def __init__(self, most: int) -> None:
        self._most = most
        self._new: dict[Hashable, V] = {}
        self._old: dict[Hashable, V] = {}
        self._forgotten: dict[Hashable, V] = {}

    def __len__(self) -> int:
        return len(self._new.keys() | self._old.keys())

    def get(self, key: Hashable) -> V | None:
        """The value; None if it is not there any more, or never was (so None cannot be kept)."""
        found = self._new.get(key)
        if found is None and self._old:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: Hashable, value: V) -> V:
        """Keep the value and hand it back."""
        if len(self._new) >= self._most:
            # By now as many came as there were to forget.
            self._forgotten, self._old, self._new = self._old, self._new, self._forgotten
        if self._forgotten:
            self._forgotten.popitem()
        self._new[key] = value
        return value
