"""What the library holds of a rule answers as the rule itself does, row by row, over whatever stands in the columns.

The library is the one that the extender loads: all plugins and the wire, compiled by the child process and linked.

Every value that a rule takes is drawn, so the law holds whatever computes the values. Rules over whole vectors (tables
with a structure of their own) are compared by their plugins' own tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework.binding import Parameter, Source, bind_plugin
from extender.framework.compiled import Draft, drafted, native_functions
from extender.framework.loop import vector_loop
from extender.framework.normalize import NORMALISERS
from extender.native.folders import Folders
from extender.native.library import load
from extender.plugins import PLUGINS
from extender.wire.kernels import native as wire_functions
from tests.extender.framework.loops import loaded
from tests.thorough import thorough

ROWS = 5
RESOURCES = 4
_DTYPES: dict[type, Any] = {int: np.int64, float: np.float64, bool: np.bool_}
# Small numbers meet each other's edges, larger ones the sizes of real clusters; beyond int64 Python would not wrap.
_ELEMENTS: dict[type, st.SearchStrategy[Any]] = {
    int: st.one_of(st.integers(-3, 130), st.integers(0, 2**31), st.integers(-(2**20), 2**20)),
    float: st.one_of(st.floats(-5, 150), st.sampled_from([0.0, 30.0, 50.0, 80.0, 100.0])),
    bool: st.booleans(),
}
# What decoding lets through: no plugin takes a number of 0 that it then divides by.
_ARGUMENTS: dict[type, st.SearchStrategy[Any]] = {
    int: st.integers(1, 200),
    float: st.floats(0.01, 100),
    bool: st.booleans(),
}

Bound = tuple[Parameter, ...]
COMPILED = [
    (plugin, phase)
    for plugin in PLUGINS
    for phase, parameters in bind_plugin(plugin).items()
    if not any(parameter.source is Source.CYCLE_VECTOR for parameter in parameters)
]


def drawn(draw: st.DrawFn, parameter: Parameter) -> Any:
    """A value for the loop: an array where it takes one value per row."""
    element = (_ARGUMENTS if parameter.source is Source.ARG else _ELEMENTS)[parameter.kind]
    if parameter.source is Source.NODE_ROW:
        rows = draw(st.lists(st.lists(element, min_size=RESOURCES, max_size=RESOURCES), min_size=ROWS, max_size=ROWS))
        return np.array(rows, _DTYPES[parameter.kind])
    if parameter.by_row:
        return np.array(draw(st.lists(element, min_size=ROWS, max_size=ROWS)), _DTYPES[parameter.kind])
    return draw(element)


def plainly(rule: Callable[..., int], parameters: Bound, values: Sequence[Any], row: int) -> int:
    """The rule as Python runs it, on Python's own numbers."""
    taken = [value[row].tolist() if p.by_row else value for p, value in zip(parameters, values, strict=True)]
    return int(rule(*taken))


@pytest.fixture(scope="module")
def drafts(kernels: Path) -> dict[str, Draft]:
    made = drafted(PLUGINS)
    load([*wire_functions, *native_functions(made)], Folders(kernels))
    return {draft.plugin.name: draft for draft in made}


ROW_LISTS = st.lists(st.integers(-1, ROWS - 1), max_size=2 * ROWS)


@pytest.mark.parametrize(("plugin", "phase"), COMPILED, ids=[f"{p.name}-{phase}" for p, phase in COMPILED])
def test_a_compiled_loop_answers_as_its_rule(plugin: Any, phase: str, drafts: dict[str, Draft]) -> None:
    parameters = bind_plugin(plugin)[phase]
    part = plugin.filter if phase == "filter" else plugin.score
    loop = drafts[plugin.name].loops[phase]

    @thorough
    @given(data=st.data(), rows=ROW_LISTS)
    def same(data: st.DataObject, rows: list[int]) -> None:
        values = data.draw(st.composite(lambda draw: [drawn(draw, p) for p in parameters])())
        told = [plainly(part.rule, parameters, values, row) if row >= 0 else 0 for row in rows]
        picked = np.array(rows, np.int32)
        if phase == "score":
            out = np.full(len(rows), 77, np.int64)
            loop(picked, out, *values)
            assert out.tolist() == told
        else:
            codes = np.zeros(len(rows), np.int16)
            rejected = loop(picked, codes, 10, len(part.rejections), *values)
            assert codes.tolist() == [10 + answer if answer else 0 for answer in told]
            assert rejected == sum(answer > 0 for answer in told)

    same()


@pytest.mark.parametrize("normalise", NORMALISERS.values(), ids=lambda f: f.__name__)
def test_a_compiled_normaliser_answers_as_it_stands(normalise: Any, kernels: Path) -> None:
    loop = loaded(vector_loop(normalise), kernels)

    @thorough
    @given(st.lists(st.one_of(st.integers(-100, 200), st.integers(-(2**50), 2**50)), max_size=12))
    def same(raw: list[int]) -> None:
        out, told = np.zeros(len(raw), np.int64), [0] * len(raw)
        loop(np.array(raw, np.int64), out)
        normalise(raw, told)
        assert out.tolist() == told

    same()
