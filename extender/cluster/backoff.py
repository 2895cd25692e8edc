"""How long to wait before trying again."""

from __future__ import annotations

import random

FIRST_S = 0.2
MOST_S = 10.0


class Backoff:
    """Doubles up to a cap, with jitter so that replicas do not knock together."""

    def __init__(self) -> None:
        self._step_s = FIRST_S

    def next_s(self) -> float:
        """Seconds to wait now; the next wait is longer."""
        wait_s = self._step_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
        self._step_s = min(MOST_S, 2 * self._step_s)
        return wait_s

    def reset(self) -> None:
        """It works again."""
        self._step_s = FIRST_S
