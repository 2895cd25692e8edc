"""What guards measure: calls of the last seconds, second by second. Of fixed size, whatever happens."""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from extender.record.frames import Decision

_STEP = log(1.05)
"""Durations are told apart to 5 %."""
_BUCKETS = 400
"""From 1 us to 5 minutes."""
_TIMED = ("filter", "prioritize")


class Meter:
    def __init__(self, seconds: int) -> None:
        """Looks back `seconds` at most."""
        self._seconds = seconds + 1
        self._stamps = np.full(self._seconds, -1, np.int64)
        self._took = np.zeros((self._seconds, _BUCKETS), np.int32)
        self._filters = np.zeros(self._seconds, np.int64)
        self._refused = np.zeros(self._seconds, np.int64)
        self._by_plugin: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}

    def heard(self, frame: Decision, now_s: float) -> None:
        if frame.verb not in _TIMED:
            return
        at = self._slot(int(now_s))
        self._took[at, _bucket(frame.duration_us)] += 1
        if frame.verb == "filter" and frame.nodes_in:
            self._filters[at] += 1
            self._refused[at] += not frame.nodes_out
            for plugin in {verdict.plugin for verdict in frame.plugins}:
                asked, _ = self._counts_of(plugin)
                asked[at] += 1
            if not frame.nodes_out:
                for plugin in {verdict.plugin for verdict in frame.plugins if verdict.rejected}:
                    _, refused = self._counts_of(plugin)
                    refused[at] += 1

    def p99_s(self, over_s: float, now_s: float) -> tuple[float, int]:
        """(99 % of the calls took at most so long, give or take 5 %; calls)."""
        counts = self._took[self._within(over_s, now_s)].sum(axis=0)
        calls = int(counts.sum())
        if not calls:
            return 0.0, 0
        bucket = int(np.searchsorted(np.cumsum(counts), 0.99 * calls))
        return float(np.exp(bucket * _STEP)) / 1e6, calls

    def refused(self, over_s: float, now_s: float, plugin: str = "") -> tuple[int, int]:
        """(filter calls that left no node, all of them); with a plugin: that it had a part in, and that asked it."""
        within = self._within(over_s, now_s)
        asked, refused = self._counts_of(plugin) if plugin else (self._filters, self._refused)
        return int(refused[within].sum()), int(asked[within].sum())

    def _slot(self, second: int) -> int:
        at = second % self._seconds
        if self._stamps[at] != second:
            self._stamps[at] = second
            self._took[at] = 0
            self._filters[at] = self._refused[at] = 0
            for counts in self._by_plugin.values():
                counts[0][at] = counts[1][at] = 0
        return at

    def _within(self, over_s: float, now_s: float) -> NDArray[np.bool_]:
        within: NDArray[np.bool_] = (self._stamps > now_s - over_s - 1) & (self._stamps <= now_s)
        return within

    def _counts_of(self, plugin: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if plugin not in self._by_plugin:
            self._by_plugin[plugin] = np.zeros(self._seconds, np.int64), np.zeros(self._seconds, np.int64)
        return self._by_plugin[plugin]


def _bucket(duration_us: float) -> int:
    return min(int(log(max(duration_us, 1.0)) / _STEP), _BUCKETS - 1)
