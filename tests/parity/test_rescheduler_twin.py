"""Rescheduler against a twin in plain Python, written from its specification alone: no recorded answers exist for it.

The specification: a node's use is what the app containers of its Running pods request, over its capacity, in percent; a
cordoned node counts as unused. Filter refuses above a threshold (strictly), and nodes under maintenance. Score is the
weighted free share, with a bonus where both shares of use are below 30, cut to 0..100 and truncated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.engine.vectors import answer_plugin_case
from extender.framework.compiled import CompiledPlugin
from tests.thorough import thorough

MAINTENANCE = "scheduler.alpha.kubernetes.io/maintenance"
GIB = 2**30
CODES = {True: "Success", False: "Unschedulable"}


@dataclass(frozen=True)
class Machine:
    cpu_milli: int
    memory: int
    cordoned: bool
    label: str | None
    pods: tuple[tuple[str, str, tuple[tuple[int, int], ...]], ...]
    """(phase, uid, (cpu milli, bytes) per container)"""


def used(machine: Machine) -> tuple[float, float]:
    """(cpu, memory) in percent of capacity."""
    if machine.cordoned:
        return 0.0, 0.0
    running = [containers for phase, _uid, containers in machine.pods if phase == "Running"]
    cpu = sum(c for containers in running for c, _m in containers)
    memory = sum(m for containers in running for _c, m in containers)
    return (
        cpu / machine.cpu_milli * 100.0 if machine.cpu_milli else 0.0,
        memory / machine.memory * 100.0 if machine.memory else 0.0,
    )


def passes(machine: Machine, args: dict[str, float]) -> bool:
    cpu, memory = used(machine)
    over = cpu > args["cpuThreshold"] or memory > args["memoryThreshold"]
    return not over and machine.label != "true"


def score(machine: Machine, args: dict[str, float]) -> int:
    cpu, memory = used(machine)
    free = (100 - cpu) * args["cpuScoreWeight"] + (100 - memory) * args["memoryScoreWeight"]
    if cpu < 30 and memory < 30:
        free += args["loadBalanceBonus"]
    return int(max(0.0, min(100.0, free)))


CONTAINERS = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3 * GIB)), min_size=1, max_size=2).map(tuple)
PODS = st.lists(
    st.tuples(st.sampled_from(["Running", "Running", "Pending", "Succeeded"]), st.just(""), CONTAINERS), max_size=4
).map(tuple)
MACHINES = st.builds(
    Machine,
    cpu_milli=st.sampled_from([0, 2000, 4000, 10_000]),
    memory=st.sampled_from([0, 4 * GIB, 10 * GIB]),
    cordoned=st.sampled_from([False, False, False, True]),
    label=st.sampled_from([None, None, None, "true", "True", ""]),
    pods=PODS,
)
ARGS = st.fixed_dictionaries(
    {
        "cpuThreshold": st.sampled_from([50.0, 75.0, 80.0, 100.0]) | st.floats(1, 100),
        "memoryThreshold": st.sampled_from([30.0, 80.0]) | st.floats(1, 100),
        "cpuScoreWeight": st.sampled_from([0.6, 0.5, 1.0]) | st.floats(0.01, 1),
        "memoryScoreWeight": st.sampled_from([0.4, 0.5]) | st.floats(0.01, 1),
        "loadBalanceBonus": st.sampled_from([10.0, 50.0]) | st.floats(0.01, 50),
    }
)


def quantities(cpu: int, memory: int) -> dict[str, str]:
    return {"cpu": f"{cpu}m", "memory": str(memory)}


def case_of(machines: list[Machine], args: dict[str, float]) -> dict[str, Any]:
    nodes, pods = [], []
    for i, machine in enumerate(machines):
        labels = {} if machine.label is None else {MAINTENANCE: machine.label}
        capacity = quantities(machine.cpu_milli, machine.memory)
        nodes.append(
            {
                "metadata": {"name": f"n{i}", "labels": labels},
                "spec": {"unschedulable": machine.cordoned},
                "status": {"capacity": capacity, "allocatable": capacity},
            }
        )
        for k, (phase, _uid, containers) in enumerate(machine.pods):
            name = f"p{i}-{k}"
            pods.append(
                {
                    "metadata": {"name": name, "namespace": "default", "uid": name},
                    "spec": {
                        "nodeName": f"n{i}",
                        "containers": [{"name": "c", "resources": {"requests": quantities(*c)}} for c in containers],
                    },
                    "status": {"phase": phase},
                }
            )
    incoming = {"metadata": {"name": "new", "namespace": "default", "uid": "new"}, "spec": {"containers": []}}
    return {"case": "x", "plugin": "Rescheduler", "args": args, "pod": incoming, "nodes": nodes, "pods": pods}


@pytest.mark.timeout(900)  # three thousand clusters in CI
@thorough
@given(machines=st.lists(MACHINES, min_size=4, max_size=6), args=ARGS)
def test_filter_and_score_are_the_twins(
    built_in: dict[str, CompiledPlugin], machines: list[Machine], args: dict[str, float]
) -> None:
    answer = answer_plugin_case(case_of(machines, args), built_in)
    told = {node: verdict["code"] for node, verdict in answer["filter"].items()}
    assert told == {f"n{i}": CODES[passes(machine, args)] for i, machine in enumerate(machines)}
    assert answer["score"] == {f"n{i}": score(machine, args) for i, machine in enumerate(machines)}
