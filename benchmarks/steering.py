"""Steering while it runs: edits by many at once, canaries, guards, breakers, and the weight of the pages."""

from __future__ import annotations

from typing import Any

from benchmarks import steering_edits, steering_modes, steering_page
from benchmarks.bench import Bench


def measure(bench: Bench) -> dict[str, Any]:
    """`page` is empty where the pages are not built. Raises BenchmarkFailed where a promise is broken."""
    return {
        "edits": steering_edits.measure(bench),
        **steering_modes.measure(bench),
        "page": steering_page.measure(bench),
    }
