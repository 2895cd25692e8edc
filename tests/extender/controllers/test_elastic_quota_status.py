"""ElasticQuota status: what Running pods use, written only where it changes something and nobody else writes it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from extender.controllers.controller import Surroundings
from extender.controllers.elastic_quota_status import ElasticQuotaStatus, told_of
from extender.kube import KubeError, Response
from extender.model.events import ObjectDeleted, ObjectUpserted, PodDeleted
from extender.model.pod import Pod
from extender.model.resources import Resources
from tests.extender.engine.a_quota_world import QUOTAS, QuotaWorld

Tree = dict[str, Any]


@dataclass
class FakeApi:
    quotas: dict[str, Tree] = field(default_factory=dict)
    status: int = 200
    trouble: str = ""
    writes: list[Tree] = field(default_factory=list)

    async def request(self, method: str, path: str, *, body: bytes = b"", **_: Any) -> Response:
        if self.trouble:
            raise KubeError(self.trouble)
        _empty, _apis, _group, _version, _namespaces, namespace, _kind, name, *rest = path.split("/")
        found = self.quotas.get(f"{namespace}/{name}")
        if found is None:
            return Response(404, b"{}", {})
        if method == "GET":
            return Response(200, msgspec.json.encode(found), {})
        assert rest == ["status"]
        if self.status != 200:
            return Response(self.status, b'{"message": "no"}', {})
        self.writes.append(msgspec.json.decode(body)["status"]["used"])
        kept = {name: amount for name, amount in self.writes[-1].items() if amount is not None}
        found["status"] = {"used": kept}
        return Response(200, b"{}", {})


class Scene(QuotaWorld):
    def __init__(self, cache: Path) -> None:
        super().__init__(cache, QUOTAS)
        self.api = FakeApi()
        self.control = ElasticQuotaStatus(
            Surroundings(
                self.engine,
                self.state,
                self.api,  # type: ignore[arg-type]
                None,  # type: ignore[arg-type]
                self.frames.append,
                lambda: self.now_s,
            )
        )
        self.node("n", 32)

    def object(self, key: str = "a/quota", **parts: Any) -> Tree:
        metadata = {"name": key.partition("/")[2], "resourceVersion": "7", **parts.pop("metadata", {})}
        found = {"metadata": metadata, "spec": {"min": {"cpu": "4", "memory": "1Gi"}}, **parts}
        self.api.quotas[key] = found
        self.state.apply(ObjectUpserted("ElasticQuota", key, found), self.now_s)
        return found

    def look(self) -> list[Tree]:
        """What was written."""
        before = len(self.api.writes)
        asyncio.run(self.control.round())
        return self.api.writes[before:]


@pytest.fixture
def scene(kernels: Path) -> Scene:
    return Scene(kernels)


def test_it_is_the_sum_of_running_pods_over_zeros_for_what_the_quota_names(scene: Scene) -> None:
    scene.object(spec={"min": {"cpu": "4"}, "max": {"memory": "1Gi", "example.com/gpu": "2"}})
    scene.pod("a/p1", "n", cpu=1)
    scene.pod("a/p2", "n", cpu=2, overhead={"cpu": "500m", "memory": "64Mi"})
    scene.pod("a/starting", "n", cpu=8, phase="Pending")
    scene.pod("b/other", "n", cpu=8)
    assert scene.look() == [{"cpu": "3500m", "example.com/gpu": "0", "memory": "64Mi"}], "overhead counts"
    assert scene.look() == [], "nothing has happened"


def test_it_follows_pods_that_come_and_go(scene: Scene) -> None:
    scene.object()
    scene.look()
    pod = scene.pod("a/p", "n", cpu=2)
    assert scene.look()[-1]["cpu"] == "2"
    scene.tell(msgspec.structs.replace(pod, phase="Succeeded"))
    assert scene.look()[-1]["cpu"] == "0"
    scene.pod("a/q", "n")
    scene.state.apply(PodDeleted("q"), scene.now_s)
    assert scene.look() == []


def test_what_is_named_no_more_leaves_the_status(scene: Scene) -> None:
    scene.object(status={"used": {"cpu": "0", "memory": "0", "example.com/gpu": "0"}})
    assert scene.look() == [{"cpu": "0", "example.com/gpu": None, "memory": "0"}]


def test_equal_amounts_in_other_units_are_not_written_again(scene: Scene) -> None:
    scene.object(status={"used": {"cpu": "2000m", "memory": "0Gi"}})
    scene.pod("a/p", "n", cpu=2)
    assert scene.look() == []


@pytest.mark.parametrize("odd", [None, [], {"cpu": None, "memory": "0"}, {"cpu": "many", "memory": "0"}])
def test_a_status_of_any_shape_is_replaced(scene: Scene, odd: Any) -> None:
    scene.object(status={"used": odd})
    if isinstance(odd, list):
        scene.api.quotas["a/quota"]["status"] = None
    assert scene.look() == [{"cpu": "0", "memory": "0"}]


def test_where_somebody_else_writes_the_status_we_stand_aside(scene: Scene) -> None:
    fields = {"manager": "controller", "fieldsV1": {"f:status": {"f:used": {}}}}
    scene.object(metadata={"managedFields": [fields]})
    assert scene.look() == []
    assert scene.control.status()["standsAside"] == ["a/quota"]
    scene.object(metadata={"managedFields": [{**fields, "manager": "trimtab"}, {"manager": "kubectl", "fieldsV1": {}}]})
    assert len(scene.look()) == 1
    assert scene.control.status()["standsAside"] == []


def test_only_the_quota_that_counts_is_written(scene: Scene) -> None:
    scene.object("a/first")
    scene.object("a/second")
    scene.look()
    assert "status" in scene.api.quotas["a/first"]
    assert "status" not in scene.api.quotas["a/second"]


def test_trouble_is_told_and_tried_again(scene: Scene) -> None:
    scene.object()
    scene.api.trouble = "no answer"
    assert scene.look() == []
    assert scene.control.status()["trouble"] == "no answer"
    scene.api.trouble = ""
    for status in (500, 409):
        scene.api.status = status
        assert scene.look() == []
    scene.api.status = 200
    assert len(scene.look()) == 1
    assert scene.control.status()["trouble"] == ""


def test_a_quota_that_is_gone_is_left_alone(scene: Scene) -> None:
    scene.object()
    scene.api.quotas.clear()
    assert scene.look() == []
    scene.state.apply(ObjectDeleted("ElasticQuota", "a/quota"), scene.now_s)
    assert scene.look() == []
    assert scene.control.status()["waiting"] == 0


def test_switched_off_it_writes_nothing_and_switched_on_it_catches_up(scene: Scene) -> None:
    scene.object()
    scene.engine.activate(scene.off)
    scene.pod("a/p", "n", cpu=3)
    assert scene.look() == []
    scene.engine.activate(scene.on)
    assert scene.look()[-1]["cpu"] == "3"


@pytest.mark.parametrize(
    ("used", "told"),
    [
        (Resources(cpu_milli=1500), {"cpu": "1500m"}),
        (Resources(memory_bytes=3 * 2**30), {"memory": "3Gi"}),
        (Resources(memory_bytes=2**30 + 1), {"memory": "1073741825"}),
        (Resources(ephemeral_bytes=2**61), {"ephemeral-storage": "2Ei"}),
        (Resources(scalars={"example.com/gpu": 2}), {"example.com/gpu": "2"}),
        (Resources(), {}),
    ],
)
def test_amounts_are_told_as_people_write_them(used: Resources, told: dict[str, str]) -> None:
    assert told_of(used, set()) == told


def test_pods_of_a_started_cluster_count_from_the_beginning(kernels: Path) -> None:
    world = QuotaWorld(kernels, QUOTAS)
    world.node("n", 8)
    running: Pod = world.pod("a/p", "n")
    control = ElasticQuotaStatus(
        Surroundings(
            world.engine,
            world.state,
            None,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            world.frames.append,
            lambda: world.now_s,
        )
    )
    assert control._running == {"a": {running.uid: None}}
