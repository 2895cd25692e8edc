"""Samples of nodes: found by time, thinned out after a day, forgotten after a month; on both engines."""

from __future__ import annotations

from analytics.store import Store
from analytics.store.node_samples import COARSE_MINUTES, FINE_US, KEPT_US, MINUTE_US, NodeSamples
from analytics.store.tables import NodeSampleRow

NOW_US = 1_767_322_800_000_000
"""A whole quarter of an hour."""


def a_sample(at_us: int, node: str = "n1", cpu_used: int = 500) -> NodeSampleRow:
    yes = True
    return NodeSampleRow(at_us, node, yes, yes, 1000, 700, cpu_used, 4096, 2048, 1024, 110, 3)


def test_the_newest_sample_that_is_not_younger_is_found(store: Store) -> None:
    samples = NodeSamples(store)
    assert (samples.at(NOW_US), samples.newest_us()) == ([], None)
    first, second = a_sample(NOW_US), a_sample(NOW_US + MINUTE_US, cpu_used=-1)
    samples.add([first, a_sample(NOW_US, "n2"), second])
    assert samples.at(NOW_US - 1) == []
    assert samples.at(NOW_US + MINUTE_US - 1) == [first, a_sample(NOW_US, "n2")]
    assert samples.at(NOW_US + 9 * MINUTE_US) == [second]
    assert samples.times(NOW_US, NOW_US + MINUTE_US) == [NOW_US]
    assert samples.newest_us() == NOW_US + MINUTE_US


def test_two_sidecars_that_took_the_same_minute_tell_each_node_once(store: Store) -> None:
    samples = NodeSamples(store)
    samples.add([a_sample(NOW_US)])
    samples.add([a_sample(NOW_US)])
    assert samples.at(NOW_US) == [a_sample(NOW_US)]


def test_after_a_day_one_of_fifteen_minutes_stays_and_after_a_month_none(store: Store) -> None:
    samples = NodeSamples(store)
    fine = [NOW_US - minute * MINUTE_US for minute in range(30)]
    coarse = [at_us - FINE_US - COARSE_MINUTES * MINUTE_US for at_us in fine]
    old = [at_us - KEPT_US - MINUTE_US for at_us in fine]
    samples.add([a_sample(at_us) for at_us in (*fine, *coarse, *old)])
    samples.forget(NOW_US)
    kept = samples.times(0, NOW_US + 1)
    assert [at_us for at_us in kept if at_us > NOW_US - FINE_US] == sorted(fine)
    assert [NOW_US - at_us for at_us in kept if at_us < NOW_US - FINE_US] == [
        FINE_US + 2 * COARSE_MINUTES * MINUTE_US,
        FINE_US + COARSE_MINUTES * MINUTE_US,
    ]
