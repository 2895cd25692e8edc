"""Steering while it runs: edits by many at once, canaries, guards, breakers."""

from __future__ import annotations

from typing import Any

from benchmarks import steering_edits, steering_modes
from benchmarks.bench import Bench


def measure(bench: Bench) -> dict[str, Any]:
    """Raises BenchmarkFailed where a promise is broken."""
    return {"edits": steering_edits.measure(bench), **steering_modes.measure(bench)}
