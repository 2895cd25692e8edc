"""PodState: room that is coming counts for a node, room that is spoken for against it."""

from __future__ import annotations

import pytest

from extender.framework.arguments import args_of
from extender.framework.normalize import min_max
from extender.plugins.pod_state import PLUGIN
from extender.plugins.pod_state.kernel import leaving_less_coming


@pytest.mark.parametrize(
    ("terminating_and_nominated", "scores"),
    [
        ([(6, 0), (3, 0), (0, 0)], [100, 50, 0]),
        ([(0, 2), (0, 1), (0, 0)], [0, 50, 100]),
        ([(5, 2), (3, 1)], [100, 0]),
        ([(5, 4), (3, 1)], [0, 100]),
        ([(5, 0), (3, 1), (2, 1), (0, 1)], [100, 50, 33, 0]),
        ([(2, 1), (1, 0)], [0, 0]),
    ],
)
def test_golden_scores(terminating_and_nominated: list[tuple[int, int]], scores: list[int]) -> None:
    raw = [leaving_less_coming(*counts) for counts in terminating_and_nominated]
    out = [-1] * len(raw)
    min_max(raw, out)
    assert out == scores


def test_it_takes_no_arguments() -> None:
    assert args_of(PLUGIN, {"countOnlyPreemptors": True})[1] == [("countOnlyPreemptors", "unknown field; known: none")]
