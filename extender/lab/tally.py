"""What the stand-in scheduler has done so far, in bounded numbers and texts."""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any

REASONS_MAX = 50
"""Different reasons counted; further ones are counted together as `(other)`."""
ERRORS_KEPT = 20
_RATE_OVER_S = 5.0

_POD_NAME = re.compile(r"\bteam-[a-z]+/[a-z0-9.-]+|(?<=\bpod )[a-z0-9.-]+")
_DIGITS = re.compile(r"\d+(?:\.\d+)?")


class Tally:
    """Counts since the start."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        """attempts, bound, unschedulable, errors, preemptions, victims, bind_failures."""
        self.reasons: Counter[str] = Counter()
        """Nodes that the extender rejected, by reason without names and numbers."""
        self.errors: deque[str] = deque(maxlen=ERRORS_KEPT)
        self._attempts_at: deque[float] = deque()

    def attempt(self, now_s: float) -> None:
        self.counts["attempts"] += 1
        self._attempts_at.append(now_s)
        self._forget(now_s)

    def rejected(self, reasons: Sequence[str]) -> None:
        for reason, nodes in Counter(reasons).items():
            short = shortened(reason)
            known = short in self.reasons or len(self.reasons) < REASONS_MAX
            self.reasons[short if known else "(other)"] += nodes

    def failed(self, what: str, text: str) -> None:
        """A call to the extender went wrong."""
        self.counts["errors"] += 1
        self.errors.append(f"{what}: {text}")

    def rate(self, now_s: float) -> float:
        """Attempts per second over the last seconds."""
        self._forget(now_s)
        return len(self._attempts_at) / _RATE_OVER_S

    def report(self, now_s: float, latencies_ms: dict[str, deque[float]]) -> dict[str, Any]:
        """For /lab/status."""
        return {
            **self.counts,
            "per_second": round(self.rate(now_s), 1),
            "rejected_nodes": dict(self.reasons.most_common(5)),
            "last_errors": list(self.errors)[-3:],
            "latency_ms": {
                verb: {"p50": percentile(kept, 50), "p99": percentile(kept, 99), "calls": len(kept)}
                for verb, kept in latencies_ms.items()
                if kept
            },
        }

    def _forget(self, now_s: float) -> None:
        while self._attempts_at and self._attempts_at[0] < now_s - _RATE_OVER_S:
            self._attempts_at.popleft()


def shortened(reason: str) -> str:
    """A reason without the pod and the numbers in it, so that like ones count together."""
    return _DIGITS.sub("n", _POD_NAME.sub("POD", reason))[:120]


def percentile(values: Sequence[float], percent: float) -> float:
    """Nearest rank; 0 of nothing."""
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)], 3) if ordered else 0.0
