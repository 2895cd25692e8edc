"""Pairs of queued pods: who goes first, and what is wrong with a pair."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.engine.vectors_queue import PairError, less_of_pair, unix_ns
from extender.framework import QueuedPod, QueueSort, QueueView

VIEW = QueueView(None, None, {})
BY_TIME = QueueSort(gate="g", key=lambda _view, queued: (queued.added_ns,))
BY_FIRST = QueueSort(gate="g", key=lambda _view, queued: (queued.first_ns,))


def ever(_view: QueueView, _a: QueuedPod, _b: QueuedPod) -> bool:
    return True


def entry(at: str, first: str | None = None) -> dict[str, Any]:
    told = {"pod": {"metadata": {"name": "p"}}, "timestamp": at}
    return told if first is None else told | {"initialAttemptTimestamp": first}


EARLY, LATE = "2026-01-01T00:00:05Z", "2026-01-01T00:00:05.0000005Z"


def test_nanoseconds_count() -> None:
    assert less_of_pair(BY_TIME, VIEW, [entry(EARLY), entry(LATE)]) == {"ab": True, "ba": False}
    assert less_of_pair(BY_TIME, VIEW, [entry(EARLY), entry(EARLY)]) == {"ab": False, "ba": False}


def test_the_first_attempt_is_the_addition_unless_it_is_told() -> None:
    assert less_of_pair(BY_FIRST, VIEW, [entry(LATE), entry(EARLY)])["ab"] is False
    assert less_of_pair(BY_FIRST, VIEW, [entry(LATE, EARLY), entry(LATE)])["ab"] is True


def test_a_comparison_of_the_plugins_own_wins_over_its_key() -> None:
    both = QueueSort(gate="g", key=BY_TIME.key, less=ever)
    assert less_of_pair(both, VIEW, [entry(EARLY), entry(LATE)]) == {"ab": True, "ba": True}


@pytest.mark.parametrize(
    ("pair", "path"),
    [
        (None, "pair"),
        ([entry(EARLY)], "pair"),
        ([entry(EARLY), 7], "pair[1]"),
        ([entry("soon"), entry(EARLY)], "pair[0].timestamp"),
        ([entry(EARLY), {"pod": {}}], "pair[1].timestamp"),
        ([entry(EARLY, "soon"), entry(EARLY)], "pair[0].initialAttemptTimestamp"),
        ([entry(EARLY), {"pod": {"spec": {"priority": "x"}}, "timestamp": EARLY}], "pair[1].pod.spec.priority"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(pair: Any, path: str) -> None:
    with pytest.raises(PairError) as wrong:
        less_of_pair(BY_TIME, VIEW, pair)
    assert wrong.value.path == path


@given(st.datetimes(min_value=datetime(1600, 1, 1), max_value=datetime(9999, 1, 1)), st.integers(0, 999))  # noqa: DTZ001
def test_every_digit_of_a_time_counts(moment: datetime, nanos: int) -> None:
    text = f"{moment.replace(microsecond=0).isoformat()}.{moment.microsecond:06d}{nanos:03d}Z"
    whole = moment.replace(microsecond=0, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    seconds = whole.days * 86400 + whole.seconds
    assert unix_ns(text, "") == seconds * 10**9 + moment.microsecond * 1000 + nanos
