"""Disruption budgets: who is covered, and whose going breaks one."""

from __future__ import annotations

from typing import Any

import pytest

from extender.framework.preemption import Budgets
from extender.model.pod import Pod


def a_pod(name: str, namespace: str = "ns", **labels: str) -> Pod:
    return Pod(namespace=namespace, name=name, uid=name, labels=labels)


def a_budget(selector: Any, allowed: Any = 0, **status: Any) -> dict[str, Any]:
    return {"spec": {"selector": selector}, "status": {"disruptionsAllowed": allowed, **status}}


def violating(budgets: dict[str, Any], *pods: Pod) -> list[str]:
    return [pod.name for pod in Budgets({"PodDisruptionBudget": budgets}).split(pods)[0]]


WEB = {"matchLabels": {"app": "web"}}


def test_the_pods_beyond_what_is_allowed_violate_in_the_order_given() -> None:
    pods = [a_pod(name, app="web") for name in "abc"]
    assert violating({"ns/b": a_budget(WEB, 1)}, *pods) == ["b", "c"]
    assert violating({"ns/b": a_budget(WEB, 1)}, *reversed(pods)) == ["b", "a"]


def test_one_broken_budget_of_several_is_enough_and_each_is_spent() -> None:
    pods = [a_pod("a", app="web", tier="x"), a_pod("b", app="web"), a_pod("c", tier="x")]
    budgets = {"ns/b": a_budget(WEB, 1), "ns/t": a_budget({"matchLabels": {"tier": "x"}}, 2)}
    assert violating(budgets, *pods) == ["b"]


def test_budgets_hold_in_their_own_namespace() -> None:
    assert violating({"other/b": a_budget(WEB)}, a_pod("a", app="web")) == []


def test_a_disruption_that_is_counted_already_costs_nothing() -> None:
    budget = a_budget(WEB, 0, disruptedPods={"a": "2026-01-01T00:00:00Z"})
    assert violating({"ns/b": budget}, a_pod("a", app="web"), a_pod("b", app="web")) == ["b"]


@pytest.mark.parametrize(
    ("expression", "covered"),
    [
        ({"key": "app", "operator": "In", "values": ["web", "db"]}, ["web"]),
        ({"key": "app", "operator": "NotIn", "values": ["web"]}, ["cron", "bare"]),
        ({"key": "app", "operator": "Exists"}, ["web", "cron"]),
        ({"key": "app", "operator": "DoesNotExist"}, ["bare"]),
    ],
)
def test_expressions_select(expression: dict[str, Any], covered: list[str]) -> None:
    pods = [a_pod("web", app="web"), a_pod("cron", app="cron"), a_pod("bare", other="x")]
    assert violating({"ns/b": a_budget({"matchExpressions": [expression]})}, *pods) == covered


def test_a_pod_without_labels_is_never_covered() -> None:
    selector = {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}
    assert violating({"ns/b": a_budget(selector)}, a_pod("a")) == []


@pytest.mark.parametrize(
    "selector",
    [
        None,
        {},
        [],
        "app=web",
        {"matchLabels": {"app": 1}},
        {"matchLabels": {"app": "web"}, "matchExpressions": ["app"]},
        {"matchExpressions": [{"key": "app", "operator": "In", "values": []}]},
        {"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["x"]}]},
        {"matchExpressions": [{"key": "app", "operator": "Like", "values": ["w*"]}]},
        {"matchExpressions": [{"key": 7, "operator": "Exists"}]},
        {"matchExpressions": [{"key": "app", "operator": "In", "values": [None]}]},
    ],
)
def test_a_selector_that_is_empty_or_malformed_covers_nobody(selector: Any) -> None:
    assert violating({"ns/b": a_budget(selector)}, a_pod("a", app="web")) == []


@pytest.mark.parametrize(
    "found", [{}, {"spec": None}, {"spec": {"selector": WEB}, "status": {}}, {"spec": [], "status": 3}]
)
def test_budgets_of_any_shape_are_taken(found: dict[str, Any]) -> None:
    has_selector = isinstance(found.get("spec"), dict) and "selector" in found["spec"]
    assert violating({"ns/b": found}, a_pod("a", app="web")) == (["a"] if has_selector else [])


def test_every_question_starts_from_the_same_allowance() -> None:
    budgets = Budgets({"PodDisruptionBudget": {"ns/b": a_budget(WEB, 1)}})
    for _ in range(2):
        assert budgets.broken_by([a_pod("a", app="web"), a_pod("b", app="web")]) == 1
