"""Counters and histograms of one writer: no lock, no look-up, an addition.

prometheus_client's own take a lock for each of the additions that one observation needs; a call of the scheduler makes
some twenty of them. These are read as all others are, through the registry.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

Series = TypeVar("Series")


class Count:
    """One series of a counter."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def inc(self, amount: int = 1) -> None:
        self.value += amount


class Distribution:
    """One series of a histogram."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """Observations by bucket, not cumulated; the last one has no bound."""
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class _Labelled(Collector, Generic[Series]):
    """The series of one metric by their label values."""

    def __init__(self, name: str, documentation: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self.name, self.documentation, self.label_names = name, documentation, tuple(labels)
        self._series: dict[tuple[str, ...], Series] = {}
        registry.register(self)

    def labels(self, *values: str) -> Series:
        """The same object each time, to be kept by whoever counts often. Raises ValueError for too few or many."""
        found = self._series.get(values)
        if found is None:
            if len(values) != len(self.label_names):
                raise ValueError(f"{self.name} has the labels {self.label_names}, not {len(values)}")
            found = self._series[values] = self._new()
        return found

    @abstractmethod
    def _new(self) -> Series: ...

    def _all(self) -> list[tuple[tuple[str, ...], Series]]:
        return list(self._series.items())


class CounterOfOne(_Labelled[Count]):
    """A counter that one thread writes, or several under a lock of theirs."""

    def __init__(
        self, name: str, documentation: str, labels: Sequence[str] = (), *, registry: CollectorRegistry
    ) -> None:
        super().__init__(name, documentation, labels, registry)
        if not labels:
            self.labels()

    def inc(self, amount: int = 1) -> None:
        """Of a counter without labels."""
        self.labels().inc(amount)

    def collect(self) -> Iterable[CounterMetricFamily]:
        family = CounterMetricFamily(self.name, self.documentation, labels=self.label_names)
        for values, series in self._all():
            family.add_metric(values, series.value)
        yield family

    def _new(self) -> Count:
        return Count()


class HistogramOfOne(_Labelled[Distribution]):
    """A histogram that one thread writes."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str],
        *,
        buckets: Sequence[float],
        registry: CollectorRegistry,
    ) -> None:
        """`buckets`: upper bounds, rising, without the infinite one."""
        self._bounds = tuple(buckets)
        super().__init__(name, documentation, labels, registry)

    def collect(self) -> Iterable[HistogramMetricFamily]:
        family = HistogramMetricFamily(self.name, self.documentation, labels=self.label_names)
        for values, series in self._all():
            family.add_metric(values, list(self._cumulated(series)), series.total)
        yield family

    def _cumulated(self, series: Distribution) -> Iterator[tuple[str, float]]:
        so_far = 0
        for bound, count in zip((*self._bounds, math.inf), list(series.counts), strict=True):
            so_far += count
            yield "+Inf" if bound == math.inf else repr(float(bound)), so_far

    def _new(self) -> Distribution:
        return Distribution(self._bounds)
