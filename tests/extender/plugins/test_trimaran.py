"""Trimaran against its twin, the members written out: the same totals for every node, whatever cluster and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extender.engine.workbench import Workbench
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.model.events import MetricsReplaced, NodeUpserted, PodUpserted
from extender.model.node import Node
from extender.model.pod import Container, Pod
from extender.plugins import PLUGINS, trimaran

MEMBERS = trimaran.PLUGIN.members
NODES = ("a", "b", "c")


@pytest.fixture(scope="module")
def installed(kernels: Path) -> dict[str, CompiledPlugin]:
    return compile_all([plugin for plugin in PLUGINS if plugin.name in (*MEMBERS, "Trimaran")], kernels)


def a_policy(enabled: list[dict[str, Any]], config: list[dict[str, Any]]) -> bytes:
    profile = {"plugins": {"score": {"enabled": enabled}}, "pluginConfig": config}
    return msgspec.json.encode(
        {"apiVersion": "policy.trimtab.dev/v1alpha1", "kind": "SchedulingPolicy", "profiles": [profile]}
    )


PERCENT = st.floats(0, 110)
LOAD = st.lists(
    st.builds(
        lambda kind, operator, value: {"type": kind, "operator": operator, "value": value},
        st.sampled_from(["CPU", "Memory"]),
        st.sampled_from(["AVG", "STD", "Latest", ""]),
        PERCENT,
    ),
    max_size=4,
)
POD = st.builds(
    lambda uid, milli, node: Pod(
        namespace="ns", name=uid, uid=uid, containers=(Container(requests={"cpu": f"{milli}m"}),), node_name=node
    ),
    st.sampled_from(["u1", "u2", "u3"]),
    st.integers(1, 3000),
    st.sampled_from(NODES),
)


@settings(deadline=None)
@given(
    load=st.dictionaries(st.sampled_from(NODES), LOAD),
    pods=st.lists(POD, max_size=3),
    target=st.integers(1, 99),
    margin=st.floats(0, 3),
    window=st.integers(1, 20),
    weight=st.integers(1, 9),
)
def test_the_family_scores_as_its_members_written_out(
    installed: dict[str, CompiledPlugin],
    load: dict[str, Any],
    pods: list[Pod],
    target: int,
    margin: float,
    window: int,
    weight: int,
) -> None:
    model = {name: {"k0": 1.0, "k1": -50.0 - i, "k2": -0.05} for i, name in enumerate(NODES)}
    own = {
        "TargetLoadPacking": {"targetUtilization": target},
        "LoadVariationRiskBalancing": {"safeVarianceMargin": margin},
        "LowRiskOverCommitment": {"smoothingWindowSize": window},
        "Peaks": {"NodePowerModel": model},
    }
    shared = {
        "targetUtilization": target,
        "safeVarianceMargin": margin,
        "smoothingWindowSize": window,
        "nodePowerModel": model,
    }
    bench = Workbench(installed, now_s=1000.0)
    for name in NODES:
        bench.state.apply(NodeUpserted(Node(name=name, allocatable={"cpu": "4"}, capacity={"cpu": "4"})), 1000.0)
    document = {"window": {"end": 1000}, "data": {name: {"metrics": listed} for name, listed in load.items()}}
    bench.state.apply(MetricsReplaced(document, 1000.0), 1000.0)
    for pod in pods:
        bench.state.apply(PodUpserted(pod), 1000.0)
    family = a_policy([{"name": "Trimaran", "weight": weight}], [{"name": "Trimaran", "args": shared}])
    twin = a_policy(
        [{"name": name, "weight": weight} for name in MEMBERS],
        [{"name": name, "args": args} for name, args in own.items()],
    )
    waiting = Pod(namespace="ns", name="w", uid="w", containers=(Container(requests={"cpu": "500m"}),))
    told = [bench.explain(waiting, bench.policy(text)) for text in (family, twin)]
    assert told[0]["plugins"] == told[1]["plugins"]
    assert told[0]["total"] == told[1]["total"]
    assert set(told[0]["plugins"]) == set(MEMBERS)
