"""What recent assignments add, followed step by step, equals a count from scratch."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from extender.framework import Assignment, Pod
from extender.plugins.target_load_packing.recent import SETTLED_S, Recent

ROWS = 4


def an_entry(sequence: int, uid: str, row: int, at_s: int, milli: int = 100, *, removed: bool = False) -> Assignment:
    pod = Pod(namespace="ns", name=uid, uid=uid, priority=milli)
    return Assignment(sequence, uid, row, at_s, pod, removed)


def by_priority(pod: Pod) -> int:
    """A prediction that a test can choose."""
    return pod.priority


def from_scratch(assignments: Sequence[Assignment], end_s: int) -> list[int]:
    live: dict[str, Assignment] = {}
    for entry in assignments:
        live.pop(entry.uid, None)
        if not entry.removed:
            live[entry.uid] = entry
    sums = [0] * ROWS
    for entry in live.values():
        if entry.at_s > end_s or end_s - entry.at_s < SETTLED_S:
            sums[entry.row] += entry.pod.priority
    return sums


STEPS = st.lists(
    st.tuples(st.just("assign"), st.sampled_from("abcdef"), st.integers(0, ROWS - 1), st.integers(0, 300))
    | st.tuples(st.just("remove"), st.sampled_from("abcdef"))
    | st.tuples(st.just("drop"), st.integers(1, 5))
    | st.tuples(st.just("window"), st.integers(0, 400))
    | st.tuples(st.just("look")),
    max_size=40,
)


@given(steps=STEPS)
@settings(deadline=None, max_examples=200)
def test_following_the_list_equals_counting_it_from_scratch(steps: list[tuple[object, ...]]) -> None:
    recent, assignments, end_s = Recent(by_priority), list[Assignment](), 0
    for sequence, step in enumerate(steps, 1):
        match step:
            case ("assign", str(uid), int(row), int(at_s)):
                assignments.append(an_entry(sequence, uid, row, at_s, milli=10 + sequence))
            case ("remove", str(uid)):
                assignments.append(an_entry(sequence, uid, 0, 0, removed=True))
            case ("drop", int(count)):
                del assignments[:count]
            case ("window", int(until)):
                end_s = until
            case _:
                assert recent.follow(assignments, end_s, ROWS).tolist()[:ROWS] == from_scratch(assignments, end_s)
    assert recent.follow(assignments, end_s, ROWS).tolist()[:ROWS] == from_scratch(assignments, end_s)


def test_an_assignment_settles_60_seconds_before_the_end_of_the_window() -> None:
    recent, placed = Recent(by_priority), [an_entry(1, "a", 0, 1000)]
    assert recent.follow(placed, 1059, 1).tolist() == [100]
    assert recent.follow(placed, 1060, 1).tolist() == [0]


def test_an_older_window_counts_again_what_had_settled() -> None:
    recent, placed = Recent(by_priority), [an_entry(1, "a", 0, 1000)]
    assert recent.follow(placed, 2000, 1).tolist() == [0]
    assert recent.follow(placed, 1030, 1).tolist() == [100]


def test_a_cycle_without_news_predicts_nothing_again() -> None:
    asked: list[str] = []

    def predict(pod: Pod) -> int:
        asked.append(pod.uid)
        return 1

    recent, placed = Recent(predict), [an_entry(i, f"u{i}", 0, 1000) for i in range(1, 6)]
    for _ in range(3):
        recent.follow(placed, 1000, 1)
    placed.append(an_entry(6, "u6", 0, 1000))
    recent.follow(placed, 1000, 1)
    assert asked == ["u1", "u2", "u3", "u4", "u5", "u6"]


def test_while_no_metrics_come_the_queues_stay_as_small_as_what_counts() -> None:
    recent, placed = Recent(by_priority), list[Assignment]()
    for i in range(1, 3000):
        placed.append(an_entry(i, f"u{i}", 0, i))
        del placed[:-5]
        recent.follow(placed, 0, 1)
    assert len(recent) == 5
    assert len(recent._by_time) < 100
    assert len(recent._by_age) < 100


def test_new_rows_make_the_column_longer_and_keep_its_sums() -> None:
    recent, placed = Recent(by_priority), [an_entry(1, "a", 1, 1000)]
    assert recent.follow(placed, 1000, 2).tolist() == [0, 100]
    assert recent.follow(placed, 1000, 3).tolist()[:3] == [0, 100, 0]
