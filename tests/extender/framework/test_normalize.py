"""Raw scores become 0..100 exactly as upstream's normalisers do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Normalize
from extender.framework.arithmetic import truncated_quotient
from extender.framework.loop import Loop, vector_loop, weighing
from extender.framework.normalize import NO_VALUE, NORMALISERS
from tests.compiled_only import compiled_only
from tests.extender.framework.loops import loaded

MAX = 2**63 - 1
SMALL = st.lists(st.integers(-(10**15), 10**15), max_size=40)
ANY = st.lists(st.integers(-MAX - 1, MAX), max_size=20)


@pytest.fixture(scope="module")
def loops(kernels: Path) -> dict[Normalize, Loop]:
    return {how: loaded(vector_loop(rule), kernels) for how, rule in NORMALISERS.items()}


@pytest.fixture(scope="module")
def adding(kernels: Path) -> Loop:
    return loaded(weighing(), kernels)


def compiled(loop: Loop, raw: list[int]) -> list[int]:
    out = np.full(len(raw), -7, np.int64)
    loop(np.array(raw, np.int64), out)
    return out.tolist()


def plain(rule: Callable[..., int], raw: list[int]) -> list[int]:
    out = [-7] * len(raw)
    rule(raw, out)
    return out


@pytest.mark.parametrize(
    ("how", "raw", "normal"),
    [
        (Normalize.MIN_MAX, [-1048575000, -2097150000, -3145725000], [100, 50, 0]),
        (Normalize.MIN_MAX, [5, 5, 5], [0, 0, 0]),
        (Normalize.MIN_MAX, [1, 2, 4], [0, 33, 100]),
        (Normalize.INVERSE_MIN_MAX, [0, 100], [100, 0]),
        (Normalize.INVERSE_MIN_MAX, [0, 0], [0, 0]),
        (Normalize.INVERSE_MIN_MAX, [100, 100], [100, 100]),
        (Normalize.INVERSE_MIN_MAX, [0, 1, 3], [100, 67, 0]),
        (Normalize.DEFAULT, [100, 50], [100, 50]),
        (Normalize.DEFAULT, [0, 0], [0, 0]),
        (Normalize.DEFAULT, [3, 1, 2], [100, 33, 66]),
        (Normalize.DEFAULT_REVERSE, [100, 50], [0, 50]),
        (Normalize.DEFAULT_REVERSE, [0, 0], [100, 100]),
        (Normalize.RANKED, [10, 50, 100], [1, 45, 100]),
        (Normalize.RANKED, [7, NO_VALUE, 7], [1, 0, 1]),
        (Normalize.RANKED, [NO_VALUE, NO_VALUE], [0, 0]),
        (Normalize.RANKED, [NO_VALUE, -5, 5, 0], [0, 1, 100, 50]),
        (Normalize.RANKED, [], []),
        (Normalize.MIN_MAX, [], []),
        (Normalize.INVERSE_MIN_MAX, [], []),
        (Normalize.DEFAULT, [], []),
        (Normalize.DEFAULT_REVERSE, [], []),
    ],
)
def test_golden_vectors(loops: dict[Normalize, Loop], how: Normalize, raw: list[int], normal: list[int]) -> None:
    assert compiled(loops[how], raw) == normal
    assert plain(NORMALISERS[how], raw) == normal


def test_every_way_but_none_has_a_normaliser() -> None:
    assert set(NORMALISERS) == set(Normalize) - {Normalize.NONE}


@given(raw=st.lists(st.just(NO_VALUE) | st.integers(-(10**15), 10**15), max_size=40))
def test_ranked_puts_every_value_above_every_missing_one(loops: dict[Normalize, Loop], raw: list[int]) -> None:
    normal = compiled(loops[Normalize.RANKED], raw)
    assert all((n == 0) == (r == NO_VALUE) for r, n in zip(raw, normal, strict=True))
    assert all(0 <= n <= 100 for n in normal)
    assert all((a <= b) for _, a, b in _neighbours(raw, normal))
    assert normal == plain(NORMALISERS[Normalize.RANKED], raw)


@pytest.mark.parametrize("how", list(NORMALISERS))
@given(raw=SMALL)
def test_the_compiled_normaliser_equals_the_plain_one(
    loops: dict[Normalize, Loop], how: Normalize, raw: list[int]
) -> None:
    assert compiled(loops[how], raw) == plain(NORMALISERS[how], raw)


@given(raw=SMALL)
def test_min_max_stays_in_range_keeps_order_and_reaches_both_ends(loops: dict[Normalize, Loop], raw: list[int]) -> None:
    normal = compiled(loops[Normalize.MIN_MAX], raw)
    assert all(0 <= n <= 100 for n in normal)
    assert all((a <= b) for _, a, b in _neighbours(raw, normal))
    if len(set(raw)) > 1:
        assert {min(normal), max(normal)} == {0, 100}
    else:
        assert set(normal) <= {0}


@given(raw=SMALL)
def test_inverse_min_max_stays_in_range_and_turns_the_order(loops: dict[Normalize, Loop], raw: list[int]) -> None:
    normal = compiled(loops[Normalize.INVERSE_MIN_MAX], raw)
    assert all(0 <= n <= 100 for n in normal)
    assert all((a >= b) for _, a, b in _neighbours(raw, normal))


@given(raw=st.lists(st.integers(0, 10**15), max_size=40))
def test_default_and_its_reverse_add_up_to_100(loops: dict[Normalize, Loop], raw: list[int]) -> None:
    forward, back = compiled(loops[Normalize.DEFAULT], raw), compiled(loops[Normalize.DEFAULT_REVERSE], raw)
    assert all(0 <= n <= 100 for n in forward + back)
    assert all(a + b == 100 for a, b in zip(forward, back, strict=True))


@compiled_only
@given(raw=ANY)
def test_min_max_wraps_as_int64_does(loops: dict[Normalize, Loop], raw: list[int]) -> None:
    assert compiled(loops[Normalize.MIN_MAX], raw) == _wrapping_min_max(raw)


@pytest.mark.parametrize(
    ("a", "b", "quotient"),
    [(7, 2, 3), (-7, 2, -3), (7, -2, -3), (-7, -2, 3), (6, -3, -2), (0, 5, 0), (5, -1, -5), (-MAX, 1, -MAX)],
)
def test_division_truncates_toward_zero(a: int, b: int, quotient: int) -> None:
    assert truncated_quotient(a, b) == quotient


def _neighbours(raw: list[int], normal: list[int]) -> list[tuple[int, int, int]]:
    """(raw, normal, next normal) in order of raw."""
    order = sorted(zip(raw, normal, strict=True))
    return [(x, a, b) for (x, a), (_y, b) in pairwise(order)]


def _wrap(number: int) -> int:
    return (number + MAX + 1) % 2**64 - MAX - 1


def _wrapping_min_max(raw: list[int]) -> list[int]:
    if not raw:
        return []
    low, spread = min(raw), _wrap(max(raw) - min(raw))
    scaled = [_wrap(_wrap(x - low) * 100) for x in raw]
    return [0 if spread == 0 else _wrap(abs(s) // abs(spread) * (1 if (s < 0) == (spread < 0) else -1)) for s in scaled]


@given(
    st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-1, 101), st.integers(0, 100)), max_size=40),
    st.integers(1, 1_000_000),
)
def test_scores_are_added_whole_or_not_at_all(adding: Loop, scores: list[int], weight: int) -> None:
    totals = np.arange(len(scores), dtype=np.int64)
    outside = adding(np.array(scores, np.int64), totals, weight)
    assert outside == sum(not 0 <= score <= 100 for score in scores)
    expected = [i + (0 if outside else weight * score) for i, score in enumerate(scores)]
    assert totals.tolist() == expected
