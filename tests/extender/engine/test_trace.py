"""What is worked out of a trace once somebody reads it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extender.engine.trace import BEST_KEPT, Trace

INT64 = st.integers(-(2**63) + 1, 2**63 - 1)


@given(st.lists(st.one_of(INT64, st.integers(0, 3)), max_size=40))
def test_the_best_nodes_are_those_of_a_full_stable_sort(totals):
    names = [f"n{i}" for i in range(len(totals))]
    best = Trace(totals=np.array(totals, np.int64)).best(names)
    order = sorted(range(len(totals)), key=lambda i: -totals[i])[:BEST_KEPT]
    assert [(b.node, b.total) for b in best] == [(names[i], totals[i]) for i in order]
