"""What the demo counts by reason."""

from __future__ import annotations

import pytest

from extender.lab.tally import shortened


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Pod team-a/x-1 is rejected because of 3", "Pod team-a/y-22 is rejected because of 14"),
        ("pre-filter pod a-1 cannot find enough, number: 3", "pre-filter pod b-7x cannot find enough, number: 1"),
    ],
)
def test_like_reasons_count_together_whatever_pod_and_number_they_name(one: str, other: str) -> None:
    assert shortened(one) == shortened(other)
