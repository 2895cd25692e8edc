"""Names, UIDs and times that a seeded run gives out the same way every time."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""What generateName appends: no vowels, so no words."""


class Identities:
    """The source of everything that an API server makes up."""

    def __init__(self, seed: int, clock: Clock) -> None:
        self._random = random.Random(f"identities/{seed}")
        self._clock = clock

    def uid(self) -> str:
        bits = self._random.getrandbits(128)
        text = f"{bits:032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def suffix(self, letters: int = 5) -> str:
        return "".join(self._random.choice(_SUFFIX_LETTERS) for _ in range(letters))

    def now(self) -> str:
        return stamp(self._clock())

    def later(self, seconds: float) -> str:
        return stamp(self._clock() + seconds)


def stamp(at_s: float) -> str:
    """Unix seconds -> RFC 3339 in whole seconds, as metadata has it."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
