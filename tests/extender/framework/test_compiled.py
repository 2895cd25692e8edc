"""Compiled plugins: each loop equals its plain rule, and a plugin that breaks its promise is told so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Args, Cycle, Filter, Normalize, Plugin, PreFilter, Prepare, Rejection, Score, Settled
from extender.framework.binding import BindingError, Parameter, Source, bind_plugin
from extender.framework.compiled import CompiledPlugin, PluginFault, compile_all
from extender.framework.loop import Loop, LoopError, score_loop
from extender.native.folders import Folders
from extender.native.library import load
from extender.plugins import PLUGINS
from tests.compiled_only import compiled_only
from tests.extender.framework.a_cycle import a_cycle, a_pod, a_table

# A column beside a vector holds positions in it: drawn at random they would point into the open.
_POSITIONS = {Source.CYCLE_VECTOR, Source.CYCLE_COLUMN}
SCORERS = [
    plugin for plugin in PLUGINS if plugin.score and _POSITIONS - {p.source for p in bind_plugin(plugin)["score"]}
]
ROWS, RESOURCES = 7, 4
# Far from the ends of int64, where plain integers and compiled ones part.
INTS = st.integers(-(2**20), 2**20)
FLOATS = st.floats(-1e4, 1e4, allow_nan=False)
POSITIVE = st.integers(1, 2**20)


def _values(parameter: Parameter) -> st.SearchStrategy[Any]:
    """Something to call both with: one value, one per row, or one per resource."""
    one = {int: INTS, float: FLOATS, bool: st.booleans()}[parameter.kind]
    dtype = {int: np.int64, float: np.float64, bool: np.bool_}[parameter.kind]
    match parameter.source:
        case Source.NODE | Source.CYCLE_COLUMN:
            return st.lists(one, min_size=ROWS, max_size=ROWS).map(lambda v: np.array(v, dtype))
        case Source.NODE_ROW:
            row = st.lists(one, min_size=RESOURCES, max_size=RESOURCES)
            return st.lists(row, min_size=ROWS, max_size=ROWS).map(lambda v: np.array(v, dtype))
        case Source.CYCLE_VECTOR:
            return st.lists(one, min_size=RESOURCES, max_size=RESOURCES).map(lambda v: np.array(v, dtype))
    return POSITIVE if parameter.kind is int else one


def _plain(value: Any) -> Any:
    """As Python writes it: exact integers, lists."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


@compiled_only
@pytest.mark.parametrize("plugin", SCORERS, ids=lambda p: p.name)
@given(data=st.data())
def test_every_compiled_loop_equals_its_plain_rule(
    score_loops: dict[str, Loop], plugin: Plugin, data: st.DataObject
) -> None:
    assert plugin.score
    parameters = bind_plugin(plugin)["score"]
    values = [data.draw(_values(parameter), label=parameter.name) for parameter in parameters]
    rows = data.draw(st.lists(st.integers(-1, ROWS - 1), max_size=12), label="rows")
    out = np.full(len(rows), -7, np.int64)
    score_loops[plugin.name](np.array(rows, np.int32), out, *values)
    want = []
    for row in rows:
        plain = [_plain(v[row] if p.by_row else v) for p, v in zip(parameters, values, strict=True)]
        want.append(plugin.score.rule(*plain) if row >= 0 else 0)
    assert out.tolist() == want


@pytest.fixture(scope="module")
def score_loops(kernels: Path) -> dict[str, Loop]:
    loops = {p.name: score_loop(p.score.rule, bind_plugin(p)["score"]) for p in SCORERS if p.score}
    load(loops.values(), Folders(kernels))
    return loops


class LimitArgs(Args, frozen=True):
    most: int = 2


def under_limit(node_pod_count: int, arg_most: int, cycle_bonus: int) -> int:
    return 0 if node_pod_count < arg_most + cycle_bonus else 1 if node_pod_count < 100 else 2


def by_bonus(node_pod_count: int, cycle_bonus: int, cycle_extra: int, cycle_weights: Sequence[int]) -> int:
    return node_pod_count * cycle_weights[0] + cycle_bonus + cycle_extra


def given_values(cycle: Cycle) -> Mapping[str, Any]:
    found: Mapping[str, Any] = cycle.memo
    return found


PREPARE = Prepare(compute=given_values, scalars=("bonus",), columns=("extra",), vectors=("weights",))
LIMIT = Plugin(
    name="Limit",
    doc="For tests.",
    args=LimitArgs,
    filter=Filter(under_limit, (Rejection("full"), Rejection("absurd")), prepare=PREPARE),
    score=Score(by_bonus, normalize=Normalize.MIN_MAX, prepare=PREPARE),
)
VALUES = {"bonus": 1, "extra": [0, 10, 0, 0], "weights": (3,)}


@pytest.fixture(scope="module")
def limit(kernels: Path) -> CompiledPlugin:
    return compile_all([LIMIT], kernels)["Limit"]


def test_a_filter_rejects_with_its_reasons_and_leaves_the_rejected_alone(limit: CompiledPlugin) -> None:
    cycle = a_cycle(a_table(4, pod_count=[0, 3, 500, 9]), [0, 1, 2, 3, -1], args=LimitArgs(), memo=VALUES)
    codes = np.array([0, 0, 0, 1, 0], np.int16)
    assert limit.filter_rows(cycle, codes, 5) == 2
    assert codes.tolist() == [0, 6, 7, 1, 0]


def test_args_reach_the_rule_without_compiling(limit: CompiledPlugin) -> None:
    table = a_table(2, pod_count=[3, 8])
    for most, rejected in ((1, 2), (3, 1), (50, 0)):
        codes = np.zeros(2, np.int16)
        cycle = a_cycle(table, args=LimitArgs(most=most), memo=VALUES)
        assert limit.filter_rows(cycle, codes, 0) == rejected


def test_scores_are_in_the_order_of_the_candidates_and_normalised(limit: CompiledPlugin) -> None:
    cycle = a_cycle(a_table(4, pod_count=[1, 2, 3, 4]), [3, -1, 1], args=LimitArgs(), memo=VALUES)
    raw = np.zeros(3, np.int64)
    limit.score_rows(cycle, raw)
    assert raw.tolist() == [13, 0, 17]
    assert limit.normalize(raw).tolist() == [76, 0, 100]
    assert raw.tolist() == [13, 0, 17]


def test_a_table_that_grew_is_read_anew(limit: CompiledPlugin) -> None:
    table = a_table(1)
    cycle = a_cycle(table, [0], args=LimitArgs(), memo={**VALUES, "extra": [0] * 300})
    for _ in range(2):
        raw = np.zeros(1, np.int64)
        limit.score_rows(cycle, raw)
        assert raw.tolist() == [1 + 3 * int(table.pod_count[0])]
        for i in range(1, 300):
            table.add(f"n{i}")
        table.pod_count[0] += 5


def test_read_only_and_strided_candidates_are_taken(limit: CompiledPlugin) -> None:
    cycle = a_cycle(a_table(4, pod_count=[1, 2, 3, 4]), args=LimitArgs(), memo=VALUES)
    cycle.rows = np.frombuffer(np.array([3, 0, 1, 0], np.int32).tobytes(), np.int32)[::2]
    raw = np.zeros(2, np.int64)
    limit.score_rows(cycle, raw)
    assert raw.tolist() == [13, 17]


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"bonus": 1, "weights": [1]}, "did not compute 'extra'"),
        ({"bonus": 1, "weights": [1], "extra": [1]}, "1 values of cycle_extra for 4 rows"),
    ],
)
def test_what_prepare_owes_is_checked_before_the_loop(limit: CompiledPlugin, broken: dict[str, Any], told: str) -> None:
    cycle = a_cycle(a_table(4), args=LimitArgs(), memo=broken)
    with pytest.raises(PluginFault, match=told):
        limit.score_rows(cycle, np.zeros(4, np.int64))


def test_settled_values_are_those_of_their_object_and_of_what_stands_in_its_arrays(limit: CompiledPlugin) -> None:
    extra = np.array([0, 10], np.int64)
    table, answers = a_table(2, pod_count=[1, 2]), []
    first, second = Settled(VALUES, extra=extra), Settled(VALUES, extra=[7, 7], bonus=0)
    for values in (first, first, second, first):
        raw = np.zeros(2, np.int64)
        limit.score_rows(a_cycle(table, args=LimitArgs(), memo=values), raw)
        answers.append(raw.tolist())
        extra[0] += 100
    assert answers == [[4, 17], [104, 17], [10, 13], [304, 17]]


def test_settled_values_are_looked_at_again_when_the_table_has_grown(limit: CompiledPlugin) -> None:
    table, values = a_table(1), Settled(VALUES, extra=np.zeros(1, np.int64))
    limit.score_rows(a_cycle(table, args=LimitArgs(), memo=values), np.zeros(1, np.int64))
    table.add("another")
    with pytest.raises(PluginFault, match="1 values of cycle_extra for 2 rows"):
        limit.score_rows(a_cycle(table, args=LimitArgs(), memo=values), np.zeros(2, np.int64))


def lying(node_pod_count: int) -> int:
    return node_pod_count


def test_an_answer_without_a_reason_is_the_plugins_fault(kernels: Path) -> None:
    liar = compile_all([Plugin("Liar", "For tests.", filter=Filter(lying, (Rejection("one"),)))], kernels)["Liar"]
    with pytest.raises(PluginFault, match=r"outside 0\.\.1 for candidate 1"):
        liar.filter_rows(a_cycle(a_table(2, pod_count=[1, 7])), np.zeros(2, np.int16), 0)


def test_a_phase_that_a_plugin_does_not_have_is_a_fault(built_in: dict[str, CompiledPlugin]) -> None:
    with pytest.raises(PluginFault, match="no such phase"):
        built_in["PodState"].filter_rows(a_cycle(a_table(1)), np.zeros(1, np.int16), 0)


def test_without_a_normaliser_raw_scores_are_the_scores(built_in: dict[str, CompiledPlugin]) -> None:
    raw = np.array([-5, 400], np.int64)
    assert built_in["TargetLoadPacking"].normalize(raw).tolist() == [-5, 400]


def unbound(node_nothing: int) -> int:
    return 0


def uncompilable(node_pod_count: int) -> int:
    return int(str(object())) + node_pod_count


@compiled_only
def test_a_strangers_plugin_that_cannot_run_is_left_out_with_the_reason(kernels: Path) -> None:
    refused: dict[str, str] = {}
    strange = [Plugin("Unbound", "x", score=Score(unbound)), Plugin("Wild", "x", score=Score(uncompilable)), LIMIT]
    assert set(compile_all(strange, kernels, refused)) == {"Limit"}
    assert "node_nothing" in refused["Unbound"]
    assert "does not compile" in refused["Wild"]


@compiled_only
@pytest.mark.parametrize(("rule", "error"), [(unbound, BindingError), (uncompilable, LoopError)])
def test_our_own_plugin_that_cannot_run_stops_the_start(kernels: Path, rule: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        compile_all([Plugin("Ours", "x", score=Score(rule))], kernels)


def test_a_plugin_that_dislikes_an_empty_cluster_is_still_installed(kernels: Path) -> None:
    def shy(_cycle: Cycle) -> Any:
        raise RuntimeError("no nodes")

    assert "Shy" in compile_all([Plugin("Shy", "x", pre_filter=PreFilter(shy))], kernels)


class NeedsAValue(Args, frozen=True):
    url: str


def test_a_plugin_without_usable_defaults_is_refused(kernels: Path) -> None:
    refused: dict[str, str] = {}
    compile_all([Plugin("Needy", "x", args=NeedsAValue)], kernels, refused)
    assert "url" in refused["Needy"]


def test_a_pods_facts_reach_the_rule(kernels: Path) -> None:
    by_priority = compile_all([Plugin("Prio", "x", score=Score(priority_of))], kernels)["Prio"]
    raw = np.zeros(1, np.int64)
    by_priority.score_rows(a_cycle(a_table(1), pod=a_pod(priority=42)), raw)
    assert raw.tolist() == [42]


def priority_of(pod_priority: int) -> int:
    return pod_priority
