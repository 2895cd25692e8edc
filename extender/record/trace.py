"""The trace of one attempt at one pod (R-225)."""

from __future__ import annotations

from hashlib import blake2b


def trace_of(decision: str) -> str:
    """Decision id -> W3C trace id, 32 hex digits: the same for every verb of the attempt, whoever asks."""
    return blake2b(decision.encode(), digest_size=16).hexdigest()
