"""Thresholds, sequences and silences, whatever the order in which events come."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.audit.memory import EXPIRY_US, MOST_KEYS, MOST_MARKS, Chains, Clock, Mark, Quiet, Recent, Windows

WITHIN = 100


def marks(*times: int) -> list[Mark]:
    return [Mark(at, f"e{number}") for number, at in enumerate(times)]


def full_windows(windows: Windows, told: list[Mark], key: str = "k") -> list[list[Mark]]:
    return [full for mark in told if (full := windows.add(key, mark))]


def holds_many(times: list[int], count: int) -> bool:
    return any(sum(begin <= at <= begin + WITHIN for at in times) >= count for begin in times)


TIMES = st.lists(st.integers(1, 400), min_size=1, max_size=25)


@given(
    times=st.lists(st.integers(1000, 1000 + WITHIN), min_size=1, max_size=12), count=st.integers(2, 8), data=st.data()
)
def test_events_of_one_window_are_told_once_if_they_are_enough_in_whatever_order(times, count, data):
    shuffled = data.draw(st.permutations(marks(*times)))
    told = full_windows(Windows(count, WITHIN), shuffled)
    assert len(told) == (len(times) >= count)
    assert all(len(full) == count for full in told)


@given(times=TIMES, count=st.integers(2, 6))
def test_nothing_is_told_of_a_burst_that_there_was_not_in_any_order(times, count):
    told = full_windows(Windows(count, WITHIN), marks(*times))
    assert not told or holds_many(times, count)
    for full in told:
        assert full[-1].at_us - full[0].at_us <= WITHIN
        assert [mark.at_us for mark in full] == sorted(mark.at_us for mark in full)


@given(times=TIMES, count=st.integers(2, 6))
def test_in_the_order_of_time_every_first_burst_is_told(times, count):
    told = full_windows(Windows(count, WITHIN), marks(*sorted(times)))
    assert bool(told) == holds_many(times, count)


def test_a_burst_that_goes_on_is_not_told_again_before_its_window_is_over():
    windows = Windows(3, WITHIN)
    assert len(full_windows(windows, marks(*range(1, 100)))) == 1
    assert len(full_windows(windows, marks(*range(200, 260)))) == 1


def test_an_event_later_than_its_window_is_counted_and_changes_nothing():
    windows = Windows(3, WITHIN)
    assert full_windows(windows, marks(1000, 1001, 10, 11, 12)) == []
    assert windows.late == 3
    assert len(full_windows(windows, marks(1002))) == 1


@given(values=st.lists(st.sampled_from("abcde"), min_size=1, max_size=30), count=st.integers(2, 5), data=st.data())
def test_equal_values_count_once_however_often_they_come(values, count, data):
    made = [Mark(1000 + number, f"e{number}", value) for number, value in enumerate(values)]
    windows = Windows(count, WITHIN, distinct=True)
    told = full_windows(windows, data.draw(st.permutations(made)))
    assert bool(told) == (len(set(values)) >= count)
    assert len(windows) <= count


def test_a_value_that_comes_again_is_as_old_as_its_newest_event():
    windows = Windows(2, WITHIN, distinct=True)
    assert full_windows(windows, [Mark(1, "a", "x"), Mark(150, "b", "x"), Mark(200, "c", "y")])
    windows = Windows(2, WITHIN, distinct=True)
    assert not full_windows(windows, [Mark(150, "b", "x"), Mark(1, "a", "x"), Mark(300, "c", "y")])


@given(values=st.lists(st.integers(0, 40), min_size=1, max_size=20), limit=st.integers(10, 200), data=st.data())
def test_a_sum_is_told_when_it_is_reached(values, limit, data):
    made = [Mark(1000 + number, f"e{number}", float(value)) for number, value in enumerate(values)]
    told = full_windows(Windows(limit, WITHIN), data.draw(st.permutations(made)))
    assert bool(told) == (sum(values) >= limit)
    assert all(sum(float(mark.value) for mark in full) >= limit for full in told)


def test_a_sum_forgets_what_is_older_than_the_window():
    windows = Windows(100, WITHIN)
    assert full_windows(windows, [Mark(at * 60, str(at), 40.0) for at in range(1, 20)]) == []
    assert full_windows(windows, [Mark(1165, "x", 30.0)]) != []


def test_keys_are_counted_apart_and_have_a_bound():
    windows = Windows(3, WITHIN)
    for number in range(MOST_KEYS + 10):
        assert windows.add(number, Mark(1, "e")) == []
    assert windows.dropped == 10


def test_marks_of_one_key_have_a_bound():
    windows = Windows(1e12, 10**9)
    for number in range(MOST_MARKS + 10):
        windows.add("k", Mark(number, "e"))
    assert len(windows) <= MOST_MARKS


# ---- sequences

STEPS = 3
PLACED = st.lists(st.tuples(st.integers(0, STEPS - 1), st.integers(1, 300)), min_size=1, max_size=8)


def has_chain(placed: list[tuple[int, int]]) -> bool:
    each = [[at for step, at in placed if step == wanted] for wanted in range(STEPS)]
    return any(a <= b <= c <= a + WITHIN for a in each[0] for b in each[1] for c in each[2])


@settings(max_examples=300)
@given(placed=PLACED)
def test_a_sequence_is_found_exactly_if_its_steps_lie_in_order_whichever_comes_first(placed):
    """Of eight events at most: so many of a step and key are kept."""
    chains = Chains(STEPS, WITHIN)
    told = [
        found for number, (step, at) in enumerate(placed) if (found := chains.add("k", step, Mark(at, f"e{number}")))
    ]
    assert bool(told) == has_chain(placed)
    for found in told:
        times = [mark.at_us for mark in found]
        assert times == sorted(times)
        assert times[-1] - times[0] <= WITHIN


@given(order=st.permutations([(0, 10), (1, 20), (2, 30)]), twice=st.booleans())
def test_a_chain_is_told_once_in_whichever_order_and_however_often_its_steps_come(order, twice):
    chains = Chains(STEPS, WITHIN)
    told = [chains.add("k", step, Mark(at, f"e{step}")) for step, at in [*order, *(order if twice else ())]]
    assert [[mark.event_id for mark in found] for found in told if found] == [["e0", "e1", "e2"]]


def test_steps_of_different_keys_are_no_chain():
    chains = Chains(2, WITHIN)
    assert not chains.add("a", 0, Mark(1, "x"))
    assert not chains.add("b", 1, Mark(2, "y"))
    assert chains.add("a", 1, Mark(3, "z"))


# ---- silence, clock, the least recently used


def gaps(quiet: Quiet, times: list[int]) -> list[int]:
    return [gap for at in times if (gap := quiet.add(at))]


def test_silence_after_steady_events_is_told_with_its_length_and_only_then():
    steady = [at * 10 for at in range(100)]
    assert gaps(Quiet(5, 100), [*steady, 2000]) == [2000 - 990]
    assert gaps(Quiet(5, 100), [*steady, 1080]) == []
    assert gaps(Quiet(11, 100), [*steady, 2000]) == []


@given(places=st.lists(st.integers(-40, 40), min_size=100, max_size=100))
def test_events_that_come_a_little_late_make_no_silence(places):
    moved = sorted(range(100), key=lambda number: number * 10 + places[number])
    assert gaps(Quiet(5, 100), [1000 + number * 10 for number in moved]) == []


def test_one_event_from_the_far_future_does_not_carry_the_clock_away_and_three_do():
    clock = Clock()
    far = 3 * EXPIRY_US
    assert clock.clamp(1000) == 1000
    assert clock.clamp(far) == 1000
    assert clock.clamp(2000) == 2000
    assert clock.skewed == 1
    assert [clock.clamp(far + step) for step in range(3)] == [2000, 2000, far + 2]
    assert clock.clamp(far + 1) == far + 1


@pytest.mark.parametrize("most", [1, 3])
def test_the_least_recently_used_goes_first(most):
    recent: Recent[int, int] = Recent(most)
    for number in range(10):
        recent.put(number, number)
        recent.get(10 - most)
    assert len(recent) == most
    assert recent.dropped == 10 - most
