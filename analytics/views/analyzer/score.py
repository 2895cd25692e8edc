"""The performance score, 0 to 100 (R-194). The formula is written out in README.md; keep both the same.

score = 100 * sum(weight * part) / sum(weight), over the parts that are known

success   40   scheduled / (scheduled + unschedulable + error)
latency   30   1 up to 0.1 s of the pods' p95, 0 from 10 s on, linear in the logarithm between
errors    15   1 - 10 * error / ended, at least 0
own time  15   1 up to 5 ms of the p99 of our slowest phase, 0 from 500 ms on, linear in the logarithm between
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

WEIGHTS: Final[Mapping[str, int]] = {"success": 40, "latency": 30, "errors": 15, "own_time": 15}
LATENCY_S: Final = (0.1, 10.0)
OWN_MS: Final = (5.0, 500.0)
ERRORS_COUNT: Final = 10.0


def parts_of(
    outcomes: Mapping[str, int], latency_p95_ms: float | None, own_p99_ms: float | None
) -> dict[str, float | None]:
    """Each part from 0 to 1, or None where nothing is known. Times in milliseconds."""
    ended = outcomes["scheduled"] + outcomes["unschedulable"] + outcomes["error"]
    return {
        "success": outcomes["scheduled"] / ended if ended else None,
        "latency": None if latency_p95_ms is None else falling(latency_p95_ms / 1000, *LATENCY_S),
        "errors": max(0.0, 1 - ERRORS_COUNT * outcomes["error"] / ended) if ended else None,
        "own_time": None if own_p99_ms is None else falling(own_p99_ms, *OWN_MS),
    }


def score_of(parts: Mapping[str, float | None]) -> float | None:
    """0 to 100; None where nothing is known."""
    known = [(WEIGHTS[name], part) for name, part in parts.items() if part is not None]
    if not known:
        return None
    return 100 * sum(weight * part for weight, part in known) / sum(weight for weight, _ in known)


def falling(value: float, good: float, bad: float) -> float:
    """1 up to `good`, 0 from `bad` on, linear in log(value) between; 0 < good < bad."""
    if value <= good:
        return 1.0
    return max(0.0, 1 - math.log(value / good) / math.log(bad / good))
