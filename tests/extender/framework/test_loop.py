"""Generated loops: what they do with rows, and which rules cannot have one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from extender.framework import NoArgs
from extender.framework.binding import bind
from extender.framework.loop import LoopError, filter_loop, score_loop
from extender.native.function import NotLoaded
from tests.compiled_only import compiled_only
from tests.extender.framework.loops import loaded

FACTOR = 2


def doubled(node_pod_count: int) -> int:
    return one_more(node_pod_count) * FACTOR


def one_more(count: int) -> int:
    return count + 1


def second_or_third(node_pod_count: int) -> int:
    return node_pod_count


def recursive(node_pod_count: int) -> int:
    return recursive(node_pod_count - 1) if node_pod_count else 0


def opens_a_file(node_pod_count: int) -> int:
    return len(open("x").read()) + node_pod_count  # noqa: PTH123


def makes_a_list(node_pod_count: int) -> int:
    return len([i for i in range(node_pod_count) if i % 2])


def test_a_loop_calls_the_rule_per_row_and_knows_nothing_of_unknown_nodes(kernels: Path) -> None:
    out = np.zeros(3, np.int64)
    loop = loaded(score_loop(doubled, bind(doubled, NoArgs)), kernels)
    loop(np.array([1, -1, 0], np.int32), out, np.array([10, 20], np.int64))
    assert out.tolist() == [42, 0, 22]


def test_a_filter_loop_skips_the_rejected_and_counts_its_own(kernels: Path) -> None:
    loop = loaded(filter_loop(second_or_third, bind(second_or_third, NoArgs)), kernels)
    codes = np.array([0, 4, 0, 0, 0], np.int16)
    counts = np.array([0, 1, 2, 3], np.int64)
    assert loop(np.array([0, 1, 1, 2, -1], np.int32), codes, 10, 2, counts) == 2
    assert codes.tolist() == [0, 4, 11, 12, 0]


@pytest.mark.parametrize("answer", [3, -2])
def test_an_answer_that_is_no_reason_names_the_candidate(kernels: Path, answer: int) -> None:
    loop = loaded(filter_loop(second_or_third, bind(second_or_third, NoArgs)), kernels)
    codes = np.zeros(2, np.int16)
    assert loop(np.array([0, 1], np.int32), codes, 0, 2, np.array([0, answer], np.int64)) == -1 - 1


@compiled_only
@pytest.mark.parametrize("rule", [opens_a_file, recursive, makes_a_list])
def test_a_rule_that_cannot_be_compiled_is_refused_by_name(kernels: Path, rule: object) -> None:
    assert callable(rule)
    with pytest.raises(LoopError, match=getattr(rule, "__name__", "?")):
        loaded(score_loop(rule, bind(rule, NoArgs)), kernels)


def test_a_rule_with_a_closure_is_refused() -> None:
    hidden = 3

    def closing(node_pod_count: int) -> int:
        return node_pod_count + hidden

    with pytest.raises(LoopError, match="without closure"):
        score_loop(closing, bind(closing, NoArgs))


@compiled_only
def test_a_loop_never_compiles_while_it_is_called() -> None:
    loop = score_loop(doubled, bind(doubled, NoArgs))
    with pytest.raises(NotLoaded, match="before it is compiled"):
        loop(np.array([0], np.int32), np.zeros(1, np.int64), np.array([1], np.int64))
