"""Where upstream's LeastNUMANodes crashes, explain says so beside our own score: a comparison must know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extender.engine.vectors import answer_plugin_case
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.plugins.node_resource_topology_match import PLUGIN


@pytest.fixture(scope="module")
def installed(kernels: Path) -> dict[str, CompiledPlugin]:
    return compile_all([PLUGIN], kernels)


def case(cores_of: dict[int, int], containers: list[int], scope: str = "container") -> dict[str, Any]:
    """Zone id -> cores, in the order of the object; cores that each container asks."""
    asked = [{"requests": {"cpu": str(cores)}, "limits": {"cpu": str(cores)}} for cores in containers]
    return {
        "plugin": PLUGIN.name,
        "args": {"scoringStrategy": {"type": "LeastNUMANodes"}},
        "pod": {
            "metadata": {"name": "p", "namespace": "ns", "uid": "p"},
            "spec": {"containers": [{"name": f"c{i}", "resources": amounts} for i, amounts in enumerate(asked)]},
            "status": {"qosClass": "Guaranteed"},
        },
        "nodes": [{"metadata": {"name": "n"}, "status": {"allocatable": {"cpu": "64"}}}],
        "objects": [
            {
                "kind": "NodeResourceTopology",
                "metadata": {"name": "n"},
                "attributes": [{"name": "topologyManagerScope", "value": scope}],
                "zones": [
                    {
                        "name": f"node-{zone}",
                        "type": "Node",
                        "resources": [{"name": "cpu", "allocatable": str(cores), "available": str(cores)}],
                    }
                    for zone, cores in cores_of.items()
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("cores_of", "containers", "index", "score"),
    [
        ({0: 4, 3: 4}, [6], 3, 82),
        ({0: 4, 3: 4}, [4, 4], 3, 94),
        ({5: 1, 0: 1, 7: 1}, [3], 5, 70),
    ],
)
def test_an_id_past_the_end_of_the_list_is_a_panic_upstream(
    cores_of: dict[int, int], containers: list[int], index: int, score: int, installed: dict[str, CompiledPlugin]
) -> None:
    answer = answer_plugin_case(case(cores_of, containers), installed)
    text = f"runtime error: index out of range [{index}] with length {len(cores_of)}"
    assert answer["scoreStatus"] == {"n": {"panic": text}}
    assert answer["score"] == {"n": score}


@pytest.mark.parametrize(
    ("cores_of", "containers", "scope"),
    [
        ({0: 4, 3: 4}, [4], "container"),  # zone 0 has all of it
        ({1: 4, 0: 2}, [3], "container"),  # another order, but every id is a place
        ({0: 1, 63: 1, 2: 9}, [9], "container"),
        ({0: 4, 3: 4}, [6], "pod"),  # nothing is taken
        ({0: 4, 3: 4}, [9, 6], "container"),  # given up before anything is taken
    ],
)
def test_otherwise_upstream_has_a_score(
    cores_of: dict[int, int], containers: list[int], scope: str, installed: dict[str, CompiledPlugin]
) -> None:
    answer = answer_plugin_case(case(cores_of, containers, scope), installed)
    assert "scoreStatus" not in answer


def test_a_guaranteed_pod_that_asks_for_nothing_takes_nothing_and_crashes_nobody(
    installed: dict[str, CompiledPlugin],
) -> None:
    pod = {
        "metadata": {"name": "p", "namespace": "default", "uid": "p"},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"qosClass": "Guaranteed"},
    }
    topology = {
        "apiVersion": "topology.node.k8s.io/v1alpha2",
        "kind": "NodeResourceTopology",
        "metadata": {"name": "n0"},
        "zones": [{"name": "node-0", "type": "Node", "resources": [{"name": "cpu", "available": "4"}]}],
    }
    case = {
        "case": "x",
        "plugin": "NodeResourceTopologyMatch",
        "args": {"scoringStrategy": {"type": "LeastNUMANodes"}},
        "pod": pod,
        "nodes": [{"metadata": {"name": "n0"}}],
        "objects": [topology],
    }
    answer = answer_plugin_case(case, installed)
    assert answer["score"] == {"n0": 100}
    assert "scoreStatus" not in answer
