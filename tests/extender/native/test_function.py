"""Calls of native functions: what they take, and what they refuse before anything has run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.native.folders import Folders
from extender.native.function import Family, NativeFunction
from extender.native.kinds import Bools, Float64s, Int16s, Int64Rows, Int64s, Kind, slots_of
from extender.native.library import load
from tests.compiled_only import compiled_only

native = Family()


@native
def mixed(  # every kind once
    first: int,
    a: Int64s,
    share: float,
    rows: Int64Rows,
    wanted: bool,  # noqa: FBT001 - compiled
    b: Float64s,
    c: Bools,
) -> int:
    total = first + int(share * 4)
    for i in range(len(a)):
        total += a[i]
    for i in range(rows.shape[0]):
        total += rows[i, rows.shape[1] - 1]
    for i in range(len(b)):
        if c[i] == wanted:
            total += int(b[i])
    return total


@native
def filled(out: Int16s, base: int, step: int) -> int:
    for i in range(len(out)):
        out[i] = base + i * step
    return len(out)


@native
def raising(number: int) -> int:
    if number > 1:
        raise ValueError("too much")
    return number


@native
def with_room_of_its_own(counts: Int64s) -> int:
    room = np.empty(len(counts) + 1, np.int64)
    room[0] = 0
    for i in range(len(counts)):
        room[i + 1] = room[i] + counts[i]
    return int(room[-1])


@pytest.fixture(autouse=True, scope="module")
def _compiled(kernels: Path) -> None:
    load(native, Folders(kernels))


SMALL = st.integers(-(2**40), 2**40)


@given(
    first=SMALL,
    a=st.lists(SMALL, max_size=5),
    share=st.floats(-1e6, 1e6),
    rows=st.lists(st.lists(SMALL, min_size=3, max_size=3), min_size=1, max_size=4),
    wanted=st.booleans(),
    b=st.lists(st.tuples(st.floats(-1e6, 1e6), st.booleans()), max_size=4),
)
def test_every_kind_of_argument_arrives(
    first: int,
    a: list[int],
    share: float,
    rows: list[list[int]],
    wanted: bool,  # noqa: FBT001 - drawn
    b: list[tuple[float, bool]],
) -> None:
    given_values = (
        first,
        np.array(a, np.int64),
        share,
        np.array(rows, np.int64),
        wanted,
        np.array([x for x, _ in b], np.float64),
        np.array([y for _, y in b], np.bool_),
    )
    told = mixed.py_func(*given_values)
    assert mixed(*given_values) == told
    # As it runs under NUMBA_DISABLE_JIT: Python reads the same block.
    plain = NativeFunction(mixed.py_func, mixed.kinds, lambda: None)
    plain.loaded(plain._interpreted)
    assert plain(*given_values) == told


def read_only(array: Any) -> Any:
    array.flags.writeable = False
    return array


WRONG: list[Any] = [
    None,
    7,
    [1, 2],
    b"bytes",
    np.zeros(2, np.int32),
    np.zeros(2, np.uint16),
    np.zeros(2, np.float16),
    np.zeros((2, 2), np.int16),
    np.zeros(4, np.int16)[::2],
    np.zeros(2, ">i2"),
    np.zeros(5, np.uint8)[1:].view(np.int16),
    read_only(np.zeros(2, np.int16)),
    np.zeros(2, np.int16).view(np.matrix),
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda w: f"{type(w).__name__} {getattr(w, 'dtype', '')}")
def test_what_is_not_the_declared_array_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"filled\(out\): want a writable C-contiguous int16 array of 1 dimension"):
        filled(wrong, 1, 1)
    with pytest.raises(TypeError, match=r"filled\(out\)"):
        filled.bound(np.zeros(1, np.int16), 1, None).put(0, wrong)


def test_nothing_has_run_when_an_argument_is_refused(kernels: Path) -> None:
    family = Family()

    @family
    def written_first(out: Int64s, other: Int64s) -> int:
        out[0] = 9
        return int(other[0])

    load(family, Folders(kernels))
    out = np.zeros(1, np.int64)
    with pytest.raises(TypeError, match="other"):
        written_first(out, np.zeros(1, np.int32))
    assert out.tolist() == [0]


def test_a_read_only_array_is_taken_where_it_is_only_read(kernels: Path) -> None:
    kinds = (Kind("int64", 1, is_written=False),)
    function = NativeFunction(with_room_of_its_own.py_func, kinds, lambda: None)
    load([function], Folders(kernels))
    assert function(read_only(np.array([3, 4], np.int64))) == 7


def test_bound_arrays_stay_and_only_the_last_scalars_are_given() -> None:
    out = np.zeros(3, np.int16)
    by_step = filled.bound(out, 5, None)
    assert by_step(2) == 3
    assert out.tolist() == [5, 7, 9]
    both = filled.bound(out, None, None)
    both(1, -1)
    assert out.tolist() == [1, 0, -1]
    other = np.zeros(2, np.int16)
    both.put(0, other)
    assert both(4, 4) == 2
    assert (other.tolist(), out.tolist()) == ([4, 8], [1, 0, -1])


def test_a_bound_array_that_is_resized_in_place_is_read_where_it_is_now() -> None:
    out = np.zeros(2, np.int16)
    fill = filled.bound(out, 0, None)
    out.resize(4096, refcheck=False)
    assert fill(1) == 4096
    assert out[-1] == 4095


def test_only_the_last_scalars_can_be_left_open() -> None:
    for values in ((None, 1, 1), (np.zeros(1, np.int16), None, 1)):
        with pytest.raises(TypeError, match="left open"):
            filled.bound(*values)


def test_the_number_of_arguments_is_checked() -> None:
    with pytest.raises(TypeError, match=r"filled\(\) missing 1 required"):
        filled(np.zeros(1, np.int16), 1)
    with pytest.raises(TypeError, match="takes 3 arguments, not 1"):
        filled.bound(np.zeros(1, np.int16))


@compiled_only
def test_an_exception_in_a_function_is_told() -> None:
    assert raising(1) == 1
    for _ in range(2):
        with pytest.raises(RuntimeError, match="raising raised"):
            raising(2)


@given(st.lists(SMALL, max_size=2000))
def test_a_function_may_make_arrays_of_its_own(counts: list[int]) -> None:
    assert with_room_of_its_own(np.array(counts, np.int64)) == sum(counts)


def untyped(numbers, count: int) -> int:
    return count


def of_lists(numbers: list[int]) -> int:
    return len(numbers)


def answering_none(count: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "told"), [(untyped, r"\(numbers\)"), (of_lists, r"\(numbers\)"), (answering_none, "returns int")]
)
def test_a_declaration_without_usable_types_is_refused(function: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        Family()(function)


@given(st.lists(st.integers(0, 2), max_size=12))
def test_every_argument_has_a_slot_of_its_own_arrays_first(dimensions: list[int]) -> None:
    slots = slots_of(tuple(Kind("int64", n) for n in dimensions))
    assert sorted(slots) == list(range(1, len(dimensions) + 1))
    arrays = [slot for slot, n in zip(slots, dimensions, strict=True) if n]
    scalars = [slot for slot, n in zip(slots, dimensions, strict=True) if not n]
    assert arrays + scalars == sorted(slots)
