"""A rule's parameter names are its declaration."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from extender.framework import Args, Filter, Plugin, Prepare, Rejection, Score
from extender.framework.binding import BindingError, Source, bind, bind_plugin
from extender.framework.facts import PodFacts
from extender.model.columns import NodeTable
from extender.plugins import PLUGINS


class SomeArgs(Args, frozen=True):
    limit: int = 3
    share: float = 0.5
    strict: bool = False
    names: tuple[str, ...] = ()


def uses_everything(
    pod_priority: int,
    node_pod_count: int,
    node_load_cpu_pct: float,
    node_ready: bool,  # noqa: FBT001
    node_allocatable: Sequence[int],
    arg_limit: int,
    arg_share: float,
    arg_strict: bool,  # noqa: FBT001
    cycle_total: int,
    cycle_by_row: float,
    cycle_weights: Sequence[float],
) -> int:
    return 0


PREPARE = Prepare(compute=lambda _cycle: {}, scalars=("total",), columns=("by_row",), vectors=("weights",))


def test_each_prefix_is_bound_to_its_source() -> None:
    bound = {p.name: (p.source, p.kind) for p in bind(uses_everything, SomeArgs, PREPARE)}
    assert bound == {
        "pod_priority": (Source.POD, int),
        "node_pod_count": (Source.NODE, int),
        "node_load_cpu_pct": (Source.NODE, float),
        "node_ready": (Source.NODE, bool),
        "node_allocatable": (Source.NODE_ROW, int),
        "arg_limit": (Source.ARG, int),
        "arg_share": (Source.ARG, float),
        "arg_strict": (Source.ARG, bool),
        "cycle_total": (Source.CYCLE_SCALAR, int),
        "cycle_by_row": (Source.CYCLE_COLUMN, float),
        "cycle_weights": (Source.CYCLE_VECTOR, float),
    }


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda p: p.name)
def test_every_rule_of_every_plugin_binds(plugin: Plugin) -> None:
    bound = bind_plugin(plugin)
    assert set(bound) == {phase for phase in ("filter", "score") if getattr(plugin, phase)}


def unknown_column(node_pod_cuont: int) -> int:
    return 0


def unknown_fact(pod_mood: int) -> int:
    return 0


def unknown_arg(arg_names: int) -> int:
    return 0


def unknown_value(cycle_other: int) -> int:
    return 0


def unknown_prefix(nodes_count: int) -> int:
    return 0


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (unknown_column, ["node_pod_cuont", "did you mean node_pod_count?", "node_allocatable", "node_ready"]),
        (unknown_fact, ["pod_mood", *(f"pod_{name}" for name, _kind, _meaning in PodFacts.FACTS)]),
        (unknown_arg, ["arg_names", "arg_limit", "arg_share", "arg_strict"]),
        (unknown_value, ["cycle_other", "cycle_total", "cycle_by_row", "cycle_weights"]),
        (unknown_prefix, ["nodes_count", "pod_, node_, arg_ or cycle_"]),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(rule: object, told: list[str]) -> None:
    with pytest.raises(BindingError) as refused:
        bind(rule, SomeArgs, PREPARE)  # type: ignore[arg-type]
    for words in told:
        assert words in str(refused.value)


def wrong_kind(node_pod_count: float) -> int:
    return 0


def no_kind(node_pod_count) -> int:
    return 0


def scalar_row(node_allocatable: int) -> int:
    return 0


def returns_float(node_pod_count: int) -> float:
    return 0.0


def has_default(node_pod_count: int = 3) -> int:
    return 0


def takes_rest(*node_pod_count: int) -> int:
    return 0


def nameless(cycle_total: Missing) -> int:  # type: ignore[name-defined]  # noqa: F821
    return 0


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (wrong_kind, "is int, but the rule says float"),
        (no_kind, "must be annotated"),
        (scalar_row, "Sequence[int]"),
        (returns_float, "return int"),
        (has_default, "without defaults"),
        (takes_rest, "plain parameters"),
        (nameless, "annotations cannot be read"),
    ],
)
def test_a_rule_says_its_types_and_nothing_clever(rule: object, told: str) -> None:
    with pytest.raises(BindingError, match=told.replace("[", r"\[").replace("]", r"\]")):
        bind(rule, SomeArgs, PREPARE)  # type: ignore[arg-type]


def test_the_error_names_plugin_and_phase() -> None:
    broken = Plugin("Broken", "Is broken.", filter=Filter(unknown_column, (Rejection("no"),)))
    with pytest.raises(BindingError, match="plugin Broken, filter: "):
        bind_plugin(broken)
    with pytest.raises(BindingError, match="plugin Broken, score: "):
        bind_plugin(Plugin("Broken", "Is broken.", score=Score(unknown_value)))


def test_every_column_of_the_node_table_can_be_named() -> None:
    for name, kind, _meaning in NodeTable.COLUMNS:
        said = {"bool": "bool", "int64": "int", "float64": "float"}[kind.__name__.rstrip("_")]
        scope: dict[str, object] = {}
        exec(f"def rule(node_{name}: {said}) -> int: return 0", scope)  # noqa: S102
        assert bind(scope["rule"], SomeArgs)[0].key == name  # type: ignore[arg-type]
