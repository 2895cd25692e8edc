"""One sentence says what a plugin in shadow would have done, and never more than was counted."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.views.shadow.sentence import say


def found(
    seen: int = 100, some: int = 0, every: int = 0, moved: int = 0, of: int = 100, cost: float | None = 40.2
) -> dict[str, Any]:
    return {
        "seen": seen,
        "would_reject": {"pods": some + every},
        "would_reject_all": {"pods": every},
        "moved": {"placements": moved, "of": of},
        "cost_us": {"p50": cost},
    }


@pytest.mark.parametrize(
    ("numbers", "of", "said"),
    [
        (
            found(every=12, moved=31),
            "team-a",
            "would have rejected 12 % of pods of team-a, moved 31 % of placements, cost 40 us",
        ),
        (found(every=12), "", "would have rejected 12 % of pods, cost 40 us"),
        (found(some=7, every=1), "", "would have rejected 1 % of pods, taken nodes from 7 % of pods, cost 40 us"),
        (found(seen=1000, every=1), "", "would have rejected less than 1 % of pods, cost 40 us"),
        (found(seen=1), "b", "would have changed nothing in 1 decision of b, cost 40 us"),
        (found(), "", "would have changed nothing in 100 decisions, cost 40 us"),
        (found(seen=0, cost=None), "", "has not been asked about any decision yet"),
        (found(moved=5, of=10, cost=None), "", "would have moved 50 % of placements"),
    ],
)
def test_a_report_is_one_sentence(numbers: dict[str, Any], of: str, said: str) -> None:
    assert say(numbers, of) == said
