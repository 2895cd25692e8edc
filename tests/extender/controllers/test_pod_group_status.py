"""PodGroup status: upstream's transitions, written only where they change something and nobody else writes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from extender.cluster.state import ClusterState
from extender.controllers.controller import Surroundings
from extender.controllers.pod_group_phase import next_status
from extender.controllers.pod_group_status import PodGroupStatus
from extender.kube import KubeError, Response
from extender.model.events import ObjectUpserted, PodUpserted
from extender.model.pod import Pod
from extender.plugins.coscheduling.pod_group import LABEL

STARTED = "1970-01-01T00:16:40Z"
NOW_S = 1000.0


def pods(*phases: str, owners: tuple[str, ...] = ()) -> list[Pod]:
    return [
        Pod(namespace="ns", name=f"p{i}", uid=f"u{i}", phase=phase, labels={LABEL: "g"}, owners=owners)
        for i, phase in enumerate(phases)
    ]


@pytest.mark.parametrize(
    ("before", "phases", "least", "phase"),
    [
        ("", [], 2, "Pending"),
        ("", ["Pending"], 2, "Pending"),
        ("", ["Pending", "Pending"], 2, "Scheduling"),
        ("Pending", ["Running", "Running"], 2, "Running"),
        ("Scheduling", ["Running", "Pending"], 2, "Scheduling"),
        ("Running", ["Running"], 2, "Pending"),
        ("Running", ["Running", "Succeeded"], 2, "Running"),
        ("Running", ["Failed", "Running", "Pending"], 2, "Failed"),
        ("Running", ["Failed", "Pending", "Pending"], 2, "Scheduling"),
        ("Running", ["Succeeded", "Succeeded"], 2, "Finished"),
        ("Running", ["Succeeded", "Succeeded", "Failed"], 2, "Finished"),
        ("Finished", ["Running"], 2, "Finished"),
        ("Failed", ["Running", "Running"], 2, "Failed"),
    ],
)
def test_the_phase_follows_the_pods(before: str, phases: list[str], least: int, phase: str) -> None:
    assert next_status({"phase": before} if before else {}, pods(*phases), least, NOW_S)["phase"] == phase


def test_scheduling_notes_when_it_began_and_whose_pods_they_are() -> None:
    status = next_status({}, pods("Pending", "Running", owners=("set-b", "set-a")), 2, NOW_S)
    assert status == {
        "phase": "Scheduling",
        "occupiedBy": "ns/set-a,ns/set-b",
        "scheduleStartTime": STARTED,
        "running": 1,
        "succeeded": 0,
        "failed": 0,
    }
    again = next_status(status, pods("Running", "Running", owners=("other",)), 2, NOW_S + 60)
    assert (again["occupiedBy"], again["scheduleStartTime"], again["phase"]) == (
        "ns/set-a,ns/set-b",
        STARTED,
        "Running",
    )


@dataclass
class FakeApi:
    """One PodGroup, ns/g, and its pods."""

    group: dict[str, Any] | None = field(
        default_factory=lambda: {"metadata": {"resourceVersion": "7"}, "spec": {"minMember": 1}}
    )
    items: list[dict[str, Any]] = field(default_factory=list)
    patch_status: int = 200
    down: bool = False
    sent: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def request(
        self, method: str, path: str, *, query: Any = None, body: bytes = b"", content_type: str = ""
    ) -> Response:
        if self.down:
            raise KubeError("no connection")
        if method == "PATCH":
            self.sent.append((path, query, msgspec.json.decode(body)))
            return Response(self.patch_status, b"{}", {})
        if path.endswith("/pods"):
            assert path == "/api/v1/namespaces/ns/pods"
            assert query == {"labelSelector": f"{LABEL}=g"}
            return Response(200, msgspec.json.encode({"items": self.items}), {})
        return Response(200, msgspec.json.encode(self.group), {}) if self.group else Response(404, b"{}", {})


@dataclass
class FakeSeat:
    name: str


@dataclass
class FakeProfile:
    seats: tuple[FakeSeat, ...]


@dataclass
class FakePolicy:
    profiles: dict[str, FakeProfile]


class FakeEngine:
    def __init__(self) -> None:
        self.switch("Coscheduling")

    def switch(self, *plugins: str) -> None:
        self.policy = FakePolicy({"*": FakeProfile(tuple(map(FakeSeat, plugins)))})


class World:
    def __init__(self) -> None:
        self.api, self.engine, self.state = FakeApi(), FakeEngine(), ClusterState()
        around: Any = Surroundings
        self.controller = PodGroupStatus(
            around(
                engine=self.engine,
                state=self.state,
                api=self.api,
                offer=lambda _frame: None,
                clock=lambda: NOW_S,
                **{name: None for name in around.__dataclass_fields__ if name not in KNOWN},
            )
        )

    def round(self) -> None:
        asyncio.run(self.controller.round())

    def add_group(self) -> None:
        self.state.apply(ObjectUpserted("PodGroup", "ns/g", {"spec": {"minMember": 1}}), NOW_S)


KNOWN = ("engine", "state", "api", "offer", "clock")


def test_a_new_group_is_pending_and_written_once() -> None:
    world = World()
    world.add_group()
    world.round()
    path, query, body = world.api.sent[0]
    assert path == "/apis/scheduling.x-k8s.io/v1alpha1/namespaces/ns/podgroups/g/status"
    assert query == {"fieldManager": "trimtab"}
    assert body == {"metadata": {"resourceVersion": "7"}, "status": {"phase": "Pending"}}
    world.round()
    assert len(world.api.sent) == 1


def test_finished_pods_count_although_the_cluster_cache_does_not_know_them() -> None:
    world = World()
    world.api.items = [{"metadata": {"namespace": "ns", "name": "p"}, "status": {"phase": "Succeeded"}}]
    world.add_group()
    world.round()
    assert world.api.sent[0][2]["status"]["phase"] == "Finished"


def test_a_pod_that_changes_has_its_group_looked_after() -> None:
    world = World()
    world.round()
    world.state.apply(PodUpserted(pods("Pending")[0]), NOW_S)
    world.round()
    assert len(world.api.sent) == 1


def test_it_stands_aside_where_another_writes_the_status() -> None:
    world = World()
    assert world.api.group is not None
    world.api.group["metadata"]["managedFields"] = [{"manager": "controller", "fieldsV1": {"f:status": {}}}]
    world.add_group()
    world.round()
    assert world.api.sent == []
    assert world.controller.status()["standsAside"] == ["ns/g"]


def test_its_own_and_the_users_fields_do_not_keep_it_away() -> None:
    world = World()
    assert world.api.group is not None
    world.api.group["metadata"]["managedFields"] = [
        {"manager": "kubectl", "fieldsV1": {"f:spec": {}}},
        {"manager": "trimtab", "fieldsV1": {"f:status": {}}, "subresource": "status"},
    ]
    world.add_group()
    world.round()
    assert len(world.api.sent) == 1


@pytest.mark.parametrize("trouble", ["conflict", "forbidden", "down"])
def test_what_could_not_be_written_is_tried_again(trouble: str) -> None:
    world = World()
    world.add_group()
    world.api.patch_status = {"conflict": 409, "forbidden": 403, "down": 200}[trouble]
    world.api.down = trouble == "down"
    world.round()
    assert world.controller.status()["waiting"] == 1
    world.api.patch_status, world.api.down = 200, False
    world.round()
    assert world.controller.status()["waiting"] == 0
    assert world.api.sent


def test_without_the_plugin_nothing_is_written_and_with_it_every_group_is() -> None:
    world = World()
    world.engine.switch("QoS")
    world.add_group()
    world.round()
    assert world.api.sent == []
    world.engine.switch("Coscheduling")
    world.round()
    assert len(world.api.sent) == 1


def test_a_group_that_is_gone_or_cannot_be_read_is_left_alone() -> None:
    world = World()
    world.api.group = None
    world.add_group()
    world.round()
    world.api.group = {"metadata": {"resourceVersion": "8"}, "spec": {"minMember": "two"}}
    world.add_group()
    world.round()
    assert world.api.sent == []
