"""The simulated cluster is the same for the same seed, keeps to its own limits, and never stands still for good."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from extender.lab.gangs import GANGS_MAX
from extender.lab.kinds import DISRUPTION_BUDGETS, ELASTIC_QUOTAS, NODES, POD_GROUPS, PODS
from extender.lab.lab import Lab, LabOptions
from extender.lab.machines import GPU, MACHINES, fleet
from extender.lab.paths import Target
from extender.lab.simulation import WAITING_MAX, Shape
from extender.lab.tenants import BUDGETS, GANG_LABEL, GANG_NAMESPACE
from extender.quantity import milli
from tests.extender.lab.small_lab import Clock


def a_lab(seed: int = 1, **shape: Any) -> tuple[Lab, Clock]:
    clock = Clock()
    lab = Lab(LabOptions(Shape(**{"nodes": 20, "pods_per_second": 4.0, "seed": seed, **shape})), clock)
    lab.simulation.begin()
    return lab, clock


def play(lab: Lab, clock: Clock, seconds: float, *, bind: bool = True) -> None:
    """Let time pass; every pod is bound at once, to the nodes that are up in turn."""
    turn = 0
    for _ in range(int(seconds * 2)):
        clock.now_s += 0.5
        lab.simulation.tick()
        waiting = [p for p in lab.store.listed(PODS) if not p.tree["spec"].get("nodeName")] if bind else []
        nodes = [n.name for n in lab.store.listed(NODES) if not n.tree["spec"].get("taints")]
        for pod in waiting:
            turn += 1
            body = {"metadata": {"name": pod.name}, "target": {"name": nodes[turn % len(nodes)]}}
            lab.api.writer.create(Target(PODS, pod.namespace, pod.name, "binding"), json.dumps(body).encode())


def everything(lab: Lab) -> list[bytes]:
    return [o.whole for kind in (NODES, PODS, ELASTIC_QUOTAS) for o in lab.store.listed(kind)]


def test_the_same_seed_makes_the_same_history() -> None:
    runs = []
    for _ in range(2):
        lab, clock = a_lab(seed=7)
        play(lab, clock, 60)
        runs.append((everything(lab), lab.simulation.counts, lab.store.revision))
    assert runs[0] == runs[1]


def test_another_seed_makes_another_cluster() -> None:
    assert everything(a_lab(seed=1)[0]) != everything(a_lab(seed=2)[0])


def test_pods_that_stand_there_at_the_start_fit_on_their_nodes() -> None:
    lab, _clock = a_lab(nodes=50)
    used: Counter[str] = Counter()
    for pod in lab.store.all(PODS):
        requests = [c["resources"]["requests"]["cpu"] for c in pod.tree["spec"]["containers"]]
        used[pod.tree["spec"]["nodeName"]] += sum(map(milli, requests))
    assert used
    for node in lab.store.all(NODES):
        assert used[node.name] <= milli(node.tree["status"]["allocatable"]["cpu"])


def test_no_tenant_starts_above_its_quota() -> None:
    lab, _clock = a_lab(nodes=50)
    used: Counter[str] = Counter()
    for pod in lab.store.all(PODS):
        used[pod.namespace] += sum(milli(c["resources"]["requests"]["cpu"]) for c in pod.tree["spec"]["containers"])
    for quota in lab.store.all(ELASTIC_QUOTAS):
        assert used[quota.namespace] <= milli(quota.tree["spec"]["max"]["cpu"])


def test_waiting_pods_are_bounded_and_those_held_back_are_counted() -> None:
    lab, clock = a_lab()
    play(lab, clock, 200, bind=False)
    waiting = Counter(p.namespace for p in lab.store.all(PODS) if not p.tree["spec"].get("nodeName"))
    assert max(waiting.values()) == WAITING_MAX
    assert lab.simulation.counts["held_back"] > 0


def test_pods_run_and_end_and_nodes_fail_and_return() -> None:
    lab, clock = a_lab()
    play(lab, clock, 600)
    counts = lab.simulation.counts
    for what in ("ended", "finished", "failures", "returns", "cordons", "replaced", "restarted"):
        assert counts[what] > 0, (what, counts)
    phases = Counter(p.tree["status"]["phase"] for p in lab.store.all(PODS))
    assert phases["Running"] > 0
    assert lab.store.count(NODES) == 20


def test_load_follows_the_pods() -> None:
    lab, clock = a_lab(pods_per_second=0.0)
    before = lab._load.document(clock())["data"]["NodeMetricsMap"]
    assert all(first_value(metrics) < 15 for metrics in before.values())
    busy, clock = a_lab()
    after = busy._load.document(clock())["data"]["NodeMetricsMap"]
    assert set(after) == {n.name for n in busy.store.all(NODES)}
    assert max(first_value(metrics) for metrics in after.values()) > 30
    assert all(0 <= m["value"] <= 100 for metrics in after.values() for m in metrics["metrics"])


def first_value(metrics: dict[str, Any]) -> float:
    found = metrics["metrics"][0]
    assert (found["type"], found["operator"]) == ("CPU", "AVG")
    return float(found["value"])


@pytest.mark.parametrize("nodes", [1, 4, 10, 50, 999])
def test_a_fleet_has_every_kind_of_machine_as_soon_as_there_is_room(nodes: int) -> None:
    found = fleet(nodes)
    assert len(found) == nodes
    if nodes >= len(MACHINES):
        assert set(found) == set(MACHINES)


def test_nobody_without_a_toleration_is_sent_to_a_gpu_machine_at_the_start() -> None:
    lab, _clock = a_lab(nodes=50)
    gpus = {n.name for n in lab.store.all(NODES) if GPU in n.tree["status"]["allocatable"]}
    assert gpus
    assert not gpus & {p.tree["spec"]["nodeName"] for p in lab.store.all(PODS)}


def gang_pods(lab: Lab) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for pod in lab.store.listed(PODS, GANG_NAMESPACE):
        found.setdefault(pod.tree["metadata"]["labels"][GANG_LABEL], []).append(pod.tree)
    return found


def test_gangs_come_with_their_group_and_some_of_them_straggle() -> None:
    lab, clock = a_lab()
    short = set()
    for _ in range(80):
        play(lab, clock, 1)
        minimum = {g.name: g.tree["spec"]["minMember"] for g in lab.store.listed(POD_GROUPS)}
        living = gang_pods(lab)
        assert set(living) <= set(minimum), "no pod of a gang without its group"
        short |= {name for name, pods in living.items() if len(pods) < minimum[name]}
    assert lab.simulation.counts["gangs"] >= 4
    assert short


def test_gangs_that_find_no_place_are_given_up_and_leave_nothing_behind() -> None:
    lab, clock = a_lab()
    play(lab, clock, 300, bind=False)
    assert lab.simulation.counts["gangs_given_up"] > 3
    assert set(gang_pods(lab)) <= {g.name for g in lab.store.listed(POD_GROUPS)}
    assert lab.store.count(POD_GROUPS) <= GANGS_MAX


def test_gangs_that_ran_are_done() -> None:
    lab, clock = a_lab()
    play(lab, clock, 600)
    assert lab.simulation.counts["gangs_done"] > 3
    assert lab.store.count(POD_GROUPS) <= GANGS_MAX


def test_sales_come_in_waves_and_budgets_are_kept_up_to_date() -> None:
    lab, clock = a_lab(nodes=50)
    play(lab, clock, 60)
    assert lab.simulation.counts["sales"] >= 1
    budgets = {b.namespace: b.tree["status"] for b in lab.store.listed(DISRUPTION_BUDGETS)}
    assert set(budgets) == set(BUDGETS)
    assert any(status["disruptionsAllowed"] > 0 for status in budgets.values())
    assert all(status["currentHealthy"] <= status["expectedPods"] for status in budgets.values())
