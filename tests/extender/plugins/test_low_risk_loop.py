"""LowRiskOverCommitment's compiled loop answers as its plain rule, whatever it has kept from the calls before."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from extender.framework.binding import bind_plugin
from extender.framework.loop import Loop, score_loop
from extender.plugins.low_risk_over_commitment import PLUGIN
from extender.plugins.low_risk_over_commitment.kernel import KEPT, low_risk
from tests.extender.framework.loops import loaded
from tests.thorough import thorough

ROWS = 3
PERCENT = st.one_of(st.floats(-10, 150), st.sampled_from([0.0, 25.0, 80.0, 100.0]))
AMOUNT = st.one_of(st.integers(0, 40), st.integers(0, 2**36))
LOAD = st.tuples(st.booleans(), PERCENT, st.one_of(PERCENT, st.floats(0, 1)))


@st.composite
def node(draw: st.DrawFn) -> tuple[Any, ...]:
    """The rule's values of one node, up to the pod's."""
    cpu, memory = draw(LOAD), draw(LOAD)
    requested = draw(AMOUNT), draw(AMOUNT)
    limits = requested[0] + draw(AMOUNT), requested[1] + draw(AMOUNT)
    allocatable = draw(AMOUNT), draw(AMOUNT)
    return (draw(st.booleans()), *cpu, *memory, allocatable, requested[0], limits[0], requested[1], limits[1])


@st.composite
def pod(draw: st.DrawFn) -> tuple[Any, ...]:
    cpu, memory = draw(st.one_of(st.just(0), AMOUNT)), draw(st.one_of(st.just(0), AMOUNT))
    weights = draw(st.floats(0, 1)), draw(st.floats(0, 1))
    return (cpu, cpu + draw(AMOUNT), memory, memory + draw(AMOUNT), *weights)


NODES = st.lists(node(), min_size=ROWS, max_size=ROWS)
# The node stays, changes in part, or is another: each must be told apart by what was kept.
CALLS = st.lists(st.tuples(NODES, pod()), min_size=1, max_size=3)


def looped(loop: Loop, nodes: list[tuple[Any, ...]], of_pod: tuple[Any, ...], kept: Any, window: int) -> list[int]:
    columns = list(zip(*nodes, strict=True))
    arrays = [np.array(column, np.array(column[0]).dtype) for column in columns]
    at = np.arange(ROWS, dtype=np.int64) * 2 * KEPT
    out = np.zeros(ROWS, np.int64)
    loop(np.arange(ROWS, dtype=np.int32), out, *arrays, *of_pod, kept, at, window)
    return [int(score) for score in out]


def plainly(of_node: tuple[Any, ...], of_pod: tuple[Any, ...], window: int) -> int:
    """The rule as Python runs it, with nothing kept."""
    values = (*of_node, *of_pod, [math.nan] * (2 * KEPT), 0, window)
    return low_risk(*values)


def test_the_compiled_loop_is_the_rule(kernels: Path) -> None:
    loop = loaded(score_loop(low_risk, bind_plugin(PLUGIN)["score"]), kernels)

    @thorough
    @given(calls=CALLS, repeat=st.booleans(), window=st.integers(1, 60))
    def same(calls: list[Any], repeat: bool, window: int) -> None:  # noqa: FBT001 - drawn
        kept = np.full(ROWS * 2 * KEPT, math.nan)
        for nodes, of_pod in [*calls, *(calls if repeat else [])]:
            assert looped(loop, nodes, of_pod, kept, window) == [plainly(one, of_pod, window) for one in nodes]

    same()
