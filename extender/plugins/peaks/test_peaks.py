"""Peaks: the jump in power, its switch for nodes that cannot be judged, and its arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from extender.framework import Container, Cycle, NodeTable, Pod
from extender.framework.arguments import args_of
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.plugins.peaks import PLUGIN
from extender.plugins.peaks.args import PeaksArgs
from extender.plugins.peaks.demand import cpu_milli
from extender.plugins.peaks.kernel import OUT_OF_RANGE, power_jump

K1, K2 = -91.50493019588365, -0.07186049052516228


def jump(
    *, load: float = 0.0, pod: int = 1000, k1: float = K1, k2: float = K2, known: bool = True, model: bool = True
) -> int:
    return power_jump(known, load, 1000, pod, model, k1, k2, 0)


def test_golden_jump() -> None:
    assert math.isclose(jump() / 1e15, 91.43565415754968, rel_tol=1e-14)


def test_a_node_that_cannot_be_judged_is_the_cheapest_as_upstream_has_it() -> None:
    assert jump(known=False) == jump(model=False) == jump(load=1) == 0


def test_a_node_without_capacity_goes_to_zero_utilisation() -> None:
    assert power_jump(True, 50.0, 0, 500, True, 1.0, 0.0, 7) == 0  # noqa: FBT003 - a rule has plain parameters


@pytest.mark.parametrize(("k1", "k2"), [(1e300, 1.0), (1.0, 1e10), (-1.0, 1e10), (0.0, 1e10)])
def test_what_does_not_fit_becomes_what_amd64_makes_of_it(k1: float, k2: float) -> None:
    assert jump(k1=k1, k2=k2) == OUT_OF_RANGE


def a_pod(overhead: dict[str, str | float] | None = None, **requests: str) -> Pod:
    return Pod(
        namespace="ns", name="p", uid="u", containers=(Container(requests=dict(requests)),), overhead=overhead or {}
    )


def test_overhead_counts_only_beside_a_request() -> None:
    assert cpu_milli(a_pod({"cpu": "100m"}, cpu="200m")) == 300
    assert cpu_milli(a_pod({"cpu": "100m"})) == 0
    assert cpu_milli(a_pod({"memory": "1Gi"}, cpu="200m")) == 200


def decoded(args: dict[str, Any]) -> PeaksArgs:
    found, problems = args_of(PLUGIN, args)
    assert problems == []
    assert isinstance(found, PeaksArgs)
    return found


@pytest.mark.parametrize(
    ("args", "path"),
    [
        ({"watcherAddress": "http://w"}, "watcherAddress"),
        ({"nodePowerModel": {}}, "nodePowerModel"),
        ({"NodePowerModel": {"n": {"k4": 1}}}, "NodePowerModel[...]"),
        ({"NodePowerModel": {"n": {"k1": "x"}}}, "NodePowerModel[...].k1"),
        ({"unjudgedNodes": "middle"}, "unjudgedNodes"),
    ],
)
def test_bad_args_are_refused_where_they_are(args: dict[str, Any], path: str) -> None:
    found, problems = args_of(PLUGIN, args)
    assert found is None
    assert [where for where, _what in problems] == [path]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> CompiledPlugin:
    return compile_all([PLUGIN], tmp_path_factory.mktemp("peaks"))["Peaks"]


def scores(compiled: CompiledPlugin, args: dict[str, Any], loads: dict[str, float | None]) -> dict[str, int]:
    """Normalised scores of nodes of 1000m for a pod of 100m; None is no measurement."""
    nodes = NodeTable()
    for name, load in loads.items():
        row = nodes.add(name)
        nodes.capacity_cpu_milli[row] = 1000
        nodes.load_cpu_known[row], nodes.load_cpu_first_pct[row] = load is not None, load or 0.0
    rows = np.array([nodes.row(name) for name in loads], np.int32)
    cycle = Cycle(
        pod=a_pod(cpu="100m"),
        nodes=nodes,
        rows=rows,
        args=decoded(args),
        book=None,
        memo={},
        pods={},
        nominated={},
        objects={},
        assignments=(),
    )
    raw = np.zeros(len(rows), np.int64)
    compiled.score_rows(cycle, raw)
    return dict(zip(loads, compiled.normalize(raw).tolist(), strict=True))


MODEL = {name: {"k0": 471.7, "k1": K1, "k2": K2} for name in ("low", "high", "full", "dark")}
LOADS = {"low": 10.0, "high": 60.0, "full": 95.0, "dark": None, "unknown": 20.0}


def test_the_flat_end_of_the_curve_is_preferred(compiled: CompiledPlugin) -> None:
    found = scores(compiled, {"NodePowerModel": MODEL}, {"low": 10.0, "high": 60.0})
    assert found == {"low": 0, "high": 100}


def test_by_default_nodes_that_cannot_be_judged_win(compiled: CompiledPlugin) -> None:
    found = scores(compiled, {"NodePowerModel": MODEL}, LOADS)
    assert found["full"] == found["dark"] == found["unknown"] == 100
    assert found["low"] == 0


def test_the_switch_makes_them_the_worst_and_keeps_the_others_apart(compiled: CompiledPlugin) -> None:
    found = scores(compiled, {"NodePowerModel": MODEL, "unjudgedNodes": "worst"}, LOADS)
    assert found["full"] == found["dark"] == found["unknown"] == 0
    assert found["high"] == 100
    assert found["low"] <= found["high"]


def test_with_the_switch_nodes_that_are_all_alike_still_beat_those_that_cannot_be_judged(
    compiled: CompiledPlugin,
) -> None:
    args = {"NodePowerModel": MODEL, "unjudgedNodes": "worst"}
    assert scores(compiled, args, {"low": 30.0, "high": 30.0, "dark": None}) == {"low": 100, "high": 100, "dark": 0}
