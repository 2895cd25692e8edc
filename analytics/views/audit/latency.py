"""Where pods' time goes between creation and binding, from the audit log and the journal together.

Per pod, joined by UID: queue = first entry of the journal - creation (ResponseComplete); decision = what our verbs
took, all attempts; bind = the binding request in the API server; rest = total - these three: the scheduler's own work,
backoff and retries. What comes out negative is counted as skew of clocks and taken as 0 (analytics.md, section 4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from analytics.store.audit import Split

PARTS: Final = ("total", "queue", "decision", "bind", "rest")


def split(pods: Sequence[Split]) -> dict[str, Any]:
    """Mean and percentiles of each part in milliseconds; `skewed`: pods with a part below 0."""
    rows = np.array(
        [
            (pod.total_us, pod.queue_us, pod.decision_us, pod.bind_us,
             pod.total_us - pod.queue_us - pod.decision_us - pod.bind_us)
            for pod in pods
        ],
        dtype=np.float64,
    ).reshape(-1, len(PARTS))  # fmt: skip
    skewed = int((rows < 0).any(axis=1).sum())
    millis = np.maximum(rows, 0.0) / 1000.0
    return {
        "pods": len(pods),
        "skewed": skewed,
        "parts": [_figures(name, millis[:, at]) for at, name in enumerate(PARTS)] if len(pods) else [],
    }


def _figures(name: str, values: np.ndarray[Any, Any]) -> dict[str, Any]:
    p50, p90, p99 = np.percentile(values, [50, 90, 99])
    return {
        "part": name,
        "mean_ms": round(float(values.mean()), 3),
        "p50_ms": round(float(p50), 3),
        "p90_ms": round(float(p90), 3),
        "p99_ms": round(float(p99), 3),
    }
