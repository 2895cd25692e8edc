"""A sparse answer: the best levels of equal totals, as many as fit; never fewer than the best one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extender.engine.cycle import least_listed

totals_of_few_levels = st.lists(st.integers(0, 6), min_size=1, max_size=60)


@given(totals_of_few_levels, st.integers(0, 70))
def test_whole_levels_from_the_top_as_many_as_fit(found: list[int], most: int) -> None:
    least = least_listed(np.array(found, np.int64), most)
    listed = [total for total in found if least is None or total >= least]
    left_out = [total for total in found if least is not None and total < least]
    assert listed
    if not most or len(found) <= most:
        assert least is None
        return
    assert len(listed) <= most or set(listed) == {max(found)}
    if left_out:
        next_level = max(left_out)
        assert len(listed) + left_out.count(next_level) > most
