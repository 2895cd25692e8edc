"""Where a pod may stand, as far as it and the node say so themselves."""

from __future__ import annotations

from typing import Any

import pytest

from extender.framework.preemption import misplaced
from extender.model.node import Node, Taint
from extender.model.pod import Pod, pod_of


def a_pod(**spec: Any) -> Pod:
    return pod_of({"metadata": {"name": "p", "namespace": "ns", "uid": "p"}, "spec": spec})


def a_node(*taints: Taint, **labels: str) -> Node:
    return Node(name="n", taints=taints, labels=labels)


def affinity(*terms: dict[str, Any]) -> dict[str, Any]:
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


GPU = Taint(key="gpu", value="yes", effect="NoSchedule")


@pytest.mark.parametrize(
    ("toleration", "allowed"),
    [
        ({"key": "gpu", "operator": "Exists"}, True),
        ({"key": "gpu", "value": "yes"}, True),
        ({"key": "gpu", "value": "yes", "effect": "NoSchedule"}, True),
        ({"operator": "Exists"}, True),
        ({"key": "gpu", "value": "no"}, False),
        ({"key": "gpu", "value": "yes", "effect": "NoExecute"}, False),
        ({"key": "other", "operator": "Exists"}, False),
        ({"value": "yes"}, False),
        ({"key": "gpu", "operator": "Odd", "value": "yes"}, False),
    ],
)
def test_a_taint_repels_whoever_does_not_tolerate_it(toleration: dict[str, str], *, allowed: bool) -> None:
    assert (misplaced(a_pod(tolerations=[toleration]), a_node(GPU)) == "") is allowed


def test_a_preference_repels_nobody_and_an_eviction_taint_does() -> None:
    assert misplaced(a_pod(), a_node(Taint(key="x", effect="PreferNoSchedule"))) == ""
    assert misplaced(a_pod(), a_node(Taint(key="x", effect="NoExecute"))) == "untolerated taint x"


def test_a_cordon_counts_as_its_taint() -> None:
    cordoned = Node(name="n", unschedulable=True)
    assert misplaced(a_pod(), cordoned) == "untolerated taint node.kubernetes.io/unschedulable"
    tolerant = a_pod(tolerations=[{"key": "node.kubernetes.io/unschedulable", "operator": "Exists"}])
    assert misplaced(tolerant, cordoned) == ""


def test_the_node_selector_must_match_whole() -> None:
    pod = a_pod(nodeSelector={"zone": "a", "disk": "ssd"})
    assert misplaced(pod, a_node(zone="a", disk="ssd", more="x")) == ""
    assert misplaced(pod, a_node(zone="a")) != ""


@pytest.mark.parametrize(
    ("terms", "allowed"),
    [
        ([expression("zone", "In", "a", "b")], True),
        ([expression("zone", "In", "b")], False),
        ([expression("zone", "In", "b"), expression("zone", "Exists")], True),
        ([expression("zone", "NotIn", "a")], False),
        ([expression("rack", "NotIn", "a")], True),
        ([expression("rack", "DoesNotExist")], True),
        ([expression("size", "Gt", "3")], True),
        ([expression("size", "Lt", "3")], False),
        ([expression("zone", "Gt", "3")], False),
        ([expression("rack", "Lt", "3")], False),
        ([expression("size", "Gt")], False),
        ([expression("zone", "Like", "a")], False),
        ([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}], True),
        ([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["m"]}]}], False),
        ([{}], False),
        ([], False),
    ],
)
def test_one_term_of_required_affinity_must_hold(terms: list[dict[str, Any]], *, allowed: bool) -> None:
    assert (misplaced(a_pod(affinity=affinity(*terms)), a_node(zone="a", size="5")) == "") is allowed


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        (("TCP", "0.0.0.0", 80), False),
        (("TCP", "10.0.0.1", 80), False),
        (("UDP", "0.0.0.0", 80), True),
        (("TCP", "0.0.0.0", 81), True),
    ],
)
def test_a_host_port_is_had_once(taken: tuple[str, str, int], *, free: bool) -> None:
    pod = a_pod(containers=[{"name": "c", "ports": [{"containerPort": 1, "hostPort": 80}]}])
    assert (misplaced(pod, a_node(), [taken]) == "") is free


def test_what_only_the_scheduler_can_judge_is_not_guessed() -> None:
    anti = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}}
    assert misplaced(a_pod(affinity=anti), a_node()) == "only the scheduler can judge podAntiAffinity"
