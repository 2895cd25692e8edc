"""Figures of one run: kube-scheduler's own histograms, and CPU time per program."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

_USER, _SYSTEM = 11, 12
"""Places in /proc/PID/stat behind the name, which may hold blanks."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Cumulative counts by upper bound, bounds ascending, the last one infinite."""

    buckets: tuple[tuple[float, float], ...]
    count: float
    total: float

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else math.nan

    def quantile(self, q: float) -> float:
        """Interpolated within its bucket, in the unit of the bounds; the last finite bound when it lies beyond."""
        rank, below, floor = q * self.count, 0.0, 0.0
        for bound, cumulated in self.buckets:
            if cumulated >= rank and cumulated > below:
                return floor if math.isinf(bound) else floor + (bound - floor) * (rank - below) / (cumulated - below)
            below, floor = cumulated, bound
        return math.nan


class Metrics:
    """What a /metrics page says."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        """Over all samples that carry these labels; 0 when there is none."""
        return sum(s.value for s in self._samples if s.name == name and labels.items() <= s.labels.items())

    def histogram(self, name: str, **labels: str) -> Histogram:
        """All series that carry these labels, added up."""
        counts: dict[float, float] = {}
        for sample in self._samples:
            if sample.name == f"{name}_bucket" and labels.items() <= sample.labels.items():
                bound = float(sample.labels["le"])
                counts[bound] = counts.get(bound, 0.0) + sample.value
        count, total = self.sum(f"{name}_count", **labels), self.sum(f"{name}_sum", **labels)
        return Histogram(tuple(sorted(counts.items())), count, total)


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """CPU seconds since the start: of each program, and of the whole machine."""

    programs: Mapping[str, float]
    machine: float


def cpu_times(pids: Mapping[str, int]) -> CpuTimes:
    """Reads /proc (Linux)."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _wait, interrupts, soft, steal = map(int, fields[:8])
    machine = user + nice + system + interrupts + soft + steal
    return CpuTimes({name: _of(pid) for name, pid in pids.items()}, machine / _ticks_per_s())


def _of(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[_USER]) + int(fields[_SYSTEM])) / _ticks_per_s()


def _ticks_per_s() -> int:
    return os.sysconf("SC_CLK_TCK")
