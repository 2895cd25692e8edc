"""Counters and histograms of one writer are read as prometheus_client's own are: byte for byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from extender.telemetry import metrics  # noqa: F401 - it switches the library's created series off, as in the extender
from extender.telemetry.single import CounterOfOne, HistogramOfOne

BOUNDS = (0.00005, 0.001, 0.5, 2.5)
LABELS = st.tuples(st.sampled_from(["filter", 'a"b\\c\n']), st.sampled_from(["200", "400"]))
SECONDS = st.one_of(st.sampled_from(BOUNDS), st.floats(0, 10))


@given(st.lists(st.tuples(LABELS, st.integers(0, 1000))))
def test_a_counter_reads_as_the_librarys_own(amounts):
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = CounterOfOne("x_total", "Some text.", ["verb", "code"], registry=ours)
    library = Counter("x_total", "Some text.", ["verb", "code"], registry=theirs)
    for labels, amount in amounts:
        mine.labels(*labels).inc(amount)
        library.labels(*labels).inc(amount)
    assert generate_latest(ours) == generate_latest(theirs)


@given(st.lists(st.tuples(LABELS, SECONDS)))
def test_a_histogram_reads_as_the_librarys_own(observations):
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = HistogramOfOne("x_seconds", "Some text.", ["verb", "code"], buckets=BOUNDS, registry=ours)
    library = Histogram("x_seconds", "Some text.", ["verb", "code"], buckets=BOUNDS, registry=theirs)
    for labels, seconds in observations:
        mine.labels(*labels).observe(seconds)
        library.labels(*labels).observe(seconds)
    assert generate_latest(ours) == generate_latest(theirs)


def test_a_counter_without_labels_is_there_from_the_start():
    ours = CollectorRegistry()
    mine = CounterOfOne("x_total", "Some text.", registry=ours)
    assert ours.get_sample_value("x_total") == 0
    mine.inc()
    assert ours.get_sample_value("x_total") == 1


def test_a_wrong_number_of_labels_is_named():
    mine = CounterOfOne("x_total", "Some text.", ["verb"], registry=CollectorRegistry())
    with pytest.raises(ValueError, match="x_total has the labels"):
        mine.labels("a", "b")
