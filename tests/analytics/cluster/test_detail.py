"""What is kept of pods that do not run yet, and that others cost nothing more."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import DecodeError

from analytics.cluster.detail import NO_DETAIL, PendingPod, Waiting, detail_of, read_pod
from extender.model.pod import Pod, pod_of


def tree(**more: Any) -> dict[str, Any]:
    metadata = {"name": "p", "namespace": "ns", "uid": "u"}
    return {"metadata": metadata, "spec": {"containers": []}, "status": {"phase": "Pending"}} | more


def read(found: dict[str, Any]) -> Pod:
    return read_pod(json.dumps(found).encode())


def test_a_pod_that_runs_or_has_nothing_to_tell_is_the_plain_one() -> None:
    waits = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    for plain in (tree(), tree(status={"phase": "Running", "conditions": [waits]})):
        assert type(read(plain)) is Pod
        assert detail_of(read(plain)) is NO_DETAIL
    assert detail_of(None) is NO_DETAIL


def test_what_decisions_read_is_the_same_with_and_without_detail() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no"}
    found = tree(status={"phase": "Pending", "conditions": [condition]})
    one, plain = read(found), pod_of(found)
    assert isinstance(one, PendingPod)
    assert {name: getattr(one, name) for name in Pod.__struct_fields__} == {
        name: getattr(plain, name) for name in Pod.__struct_fields__
    }
    assert one.detail.message == "no"


def test_claims_are_those_it_mounts_and_those_made_for_it() -> None:
    volumes = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-0"}},
        {"name": "scratch", "ephemeral": {"volumeClaimTemplate": {}}},
        {"name": "tmp", "emptyDir": {}},
    ]
    assert detail_of(read(tree(spec={"containers": [], "volumes": volumes}))).claims == ("data-0", "p-scratch")


def test_only_rules_that_must_hold_are_kept() -> None:
    term = {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}, "namespaces": ["x"]}
    weighed = {"weight": 1, "podAffinityTerm": term}
    affinity = {
        "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [weighed]},
        "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]},
    }
    spread = [
        {"topologyKey": "zone", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"},
        {"topologyKey": "host", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"},
    ]
    detail = detail_of(read(tree(spec={"containers": [], "affinity": affinity, "topologySpreadConstraints": spread})))
    assert detail.near == ()
    assert [(one.topology_key, one.namespaces) for one in detail.apart] == [("zone", ("x",))]
    assert [(one.topology_key, one.max_skew, one.selector) for one in detail.spread] == [("zone", 2, None)]


def test_containers_that_wait_say_why() -> None:
    statuses = [
        {"name": "a", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "m"}}},
        {"name": "b", "state": {"running": {}}},
    ]
    detail = detail_of(read(tree(status={"phase": "Pending", "containerStatuses": statuses})))
    assert detail.waiting == (Waiting("a", "ImagePullBackOff", "m"),)


def test_a_very_long_message_is_cut() -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "x" * 100_000}
    assert len(detail_of(read(tree(status={"phase": "Pending", "conditions": [condition]}))).message) == 4096


def test_a_shape_that_nobody_sends_is_refused_as_before() -> None:
    with pytest.raises(DecodeError):
        read(tree(spec={"containers": [], "volumes": "none"}))
