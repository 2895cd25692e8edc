"""Budgets are counted as the disruption controller, the eviction handler and preemption count them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from extender.lab.budgets import BudgetKeeper, split
from extender.lab.kinds import DISRUPTION_BUDGETS, PODS
from extender.lab.paths import Target
from extender.lab.refusal import Refusal
from extender.lab.store import Stored
from tests.extender.lab.small_lab import SmallLab


@pytest.fixture
def lab() -> SmallLab:
    return SmallLab()


def running(lab: SmallLab, name: str, **labels: str) -> Stored:
    pod = lab.pod(name, labels=labels, nodeName="n1", terminationGracePeriodSeconds=30)
    ready = [{"type": "Ready", "status": "True"}]
    lab.change(pod, status={"phase": "Running", "conditions": ready})
    return lab.store.get(PODS, "team-a", name)


def status(lab: SmallLab, budget: Stored) -> dict[str, Any]:
    return dict(lab.store.get(DISRUPTION_BUDGETS, "team-a", budget.name).tree["status"])


def evict(lab: SmallLab, pod: Stored, **options: Any) -> None:
    body = {"metadata": {"name": pod.name}, "deleteOptions": options}
    lab.writer.create(Target(PODS, "team-a", pod.name, "eviction"), json.dumps(body).encode())


@pytest.mark.parametrize(
    ("spec", "allowed", "desired"),
    [
        ({"minAvailable": 2}, 1, 2),
        ({"minAvailable": "50%"}, 1, 2),
        ({"maxUnavailable": 1}, 1, 2),
        ({"maxUnavailable": "100%"}, 3, 0),
        ({"minAvailable": 9}, 0, 9),
    ],
)
def test_the_keeper_counts_what_a_budget_allows(
    lab: SmallLab, spec: dict[str, Any], allowed: int, desired: int
) -> None:
    keeper = BudgetKeeper(lab.store)
    for i in range(3):
        running(lab, f"p{i}", app="x")
    running(lab, "other", app="y")
    tree = {"metadata": {"name": "b"}, "spec": {**spec, "selector": {"matchLabels": {"app": "x"}}}}
    budget = lab.writer.add(DISRUPTION_BUDGETS, "team-a", tree)
    keeper.keep()
    told = status(lab, budget)
    assert (told["disruptionsAllowed"], told["desiredHealthy"], told["expectedPods"]) == (allowed, desired, 3)


def test_an_eviction_spends_the_budget_and_the_next_one_is_refused(lab: SmallLab) -> None:
    keeper = BudgetKeeper(lab.store)
    pods = [running(lab, f"p{i}", app="x") for i in range(2)]
    budget = lab.budget("b", 1, app="x")
    keeper.keep()
    evict(lab, pods[0], preconditions={"uid": pods[0].uid})
    marked = lab.now(pods[0])
    assert marked["metadata"]["deletionGracePeriodSeconds"] == 30
    assert [c["reason"] for c in marked["status"]["conditions"] if c["type"] == "DisruptionTarget"] == [
        "EvictionByEvictionAPI"
    ]
    assert status(lab, budget)["disruptionsAllowed"] == 0
    with pytest.raises(Refusal) as refused:
        evict(lab, pods[1])
    assert refused.value.code == 429


def test_a_wrong_uid_evicts_nobody(lab: SmallLab) -> None:
    pod = running(lab, "p", app="x")
    with pytest.raises(Refusal) as refused:
        evict(lab, pod, preconditions={"uid": "another"})
    assert refused.value.code == 409
    assert "deletionTimestamp" not in lab.now(pod)["metadata"]


def test_preemption_counts_a_budget_down_pod_by_pod_and_forgives_whom_it_knows_to_go(lab: SmallLab) -> None:
    pods = [running(lab, f"p{i}", app="x").tree for i in range(3)]
    budget = lab.budget("b", 1, app="x")
    spent = {"disruptionsAllowed": 1, "disruptedPods": {"p0": "2026-01-01T00:00:00Z"}}
    budget = lab.store.replace(budget, {**budget.tree, "status": spent})
    assert split([budget], pods) == [False, False, True]


def test_a_selector_chooses_by_every_operator(lab: SmallLab) -> None:
    pods = [running(lab, f"p{i}", app=app).tree for i, app in enumerate(("x", "y", "z"))]
    wanted = [
        {"key": "app", "operator": "In", "values": ["x", "y"]},
        {"key": "app", "operator": "NotIn", "values": ["y"]},
        {"key": "app", "operator": "Exists"},
        {"key": "gone", "operator": "DoesNotExist"},
    ]
    tree = {"metadata": {"name": "b"}, "spec": {"minAvailable": 0, "selector": {"matchExpressions": wanted}}}
    budget = lab.writer.add(DISRUPTION_BUDGETS, "team-a", tree)
    assert split([budget], pods) == [True, False, False]
