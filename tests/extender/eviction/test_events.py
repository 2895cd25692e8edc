"""The event on a pod that was made to leave."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest

from extender.eviction import Job, PodEvents, events
from extender.kube import KubeApi, KubeError
from extender.kube.client import Response
from extender.model.pod import Pod
from extender.telemetry.metrics import POD_EVENTS
from tests.extender.eviction.a_cluster import Cluster, preemption, rescheduling


class Api:
    """Takes events as an API server does, or answers `status`; None: it cannot be reached."""

    def __init__(self, status: int | None = 201) -> None:
        self.status = status
        self.posted: list[tuple[str, dict[str, Any]]] = []

    async def request(self, method: str, path: str, *, body: bytes) -> Response:
        assert method == "POST"
        if self.status is None:
            raise KubeError("no route")
        self.posted.append((path, json.loads(body)))
        return Response(self.status, b'{"message": "no"}', {})


def written(api: Api, *told: tuple[Job, Pod], wanted: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """Tell of the evictions and wait until so many events were tried; how many of them were written."""
    monkeypatch.setattr(events, "PAUSE_S", 0)
    counts = [POD_EVENTS.labels(result) for result in ("written", "failed")]
    before = [count._value.get() for count in counts]

    async def run() -> None:
        writer = PodEvents(cast("KubeApi", api), "me", lambda: 1_700_000_000.0)
        for job, pod in told:
            writer.tell(job, pod)
        task = asyncio.create_task(writer.run())
        async with asyncio.timeout(20):
            while sum(count._value.get() for count in counts) - sum(before) < wanted:  # noqa: ASYNC110
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    return float(counts[0]._value.get() - before[0])


def test_a_preempted_pod_is_told_by_whom(monkeypatch: pytest.MonkeyPatch) -> None:
    urgent, low = Pod(namespace="a", name="urgent", uid="u1"), Pod(namespace="b", name="low", uid="u2", node_name="n1")
    api = Api()
    assert written(api, (preemption(urgent, low), low), wanted=1, monkeypatch=monkeypatch) == 1
    ((path, event),) = api.posted
    assert path == "/apis/events.k8s.io/v1/namespaces/b/events"
    assert event["metadata"]["namespace"] == "b"
    assert (event["reason"], event["action"], event["type"]) == ("Preempted", "Preempting", "Normal")
    assert event["note"] == "Preempted by pod u1 on node n1"
    assert event["regarding"] == {"apiVersion": "v1", "kind": "Pod", "namespace": "b", "name": "low", "uid": "u2"}
    assert event["related"]["uid"] == "u1"


def test_a_moved_pod_is_told_why(monkeypatch: pytest.MonkeyPatch) -> None:
    web = Pod(namespace="b", name="web", uid="u2", node_name="n1")
    api = Api()
    written(api, (rescheduling(web), web), wanted=1, monkeypatch=monkeypatch)
    ((_path, event),) = api.posted
    assert (event["reason"], event["note"]) == (
        "TrimtabRescheduled",
        "Moved off node n1 by Rescheduler: node n1 is overloaded",
    )
    assert "related" not in event


@pytest.mark.parametrize("status", [403, 500, None])
def test_an_event_that_cannot_be_written_holds_up_no_other(status: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    web = Pod(namespace="b", name="web", uid="u2")
    told = (rescheduling(web), web)
    assert written(Api(status), told, told, wanted=2, monkeypatch=monkeypatch) == 0


def test_events_beyond_the_limit_are_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "WAITING_MAX", 1)
    web = Pod(namespace="b", name="web", uid="u2")
    before = POD_EVENTS.labels("dropped")._value.get()
    told = (rescheduling(web), web)
    assert written(Api(), told, told, told, wanted=1, monkeypatch=monkeypatch) == 1
    assert POD_EVENTS.labels("dropped")._value.get() == before + 2


def test_only_pods_that_were_asked_to_leave_are_told_of() -> None:
    told: list[str] = []
    cluster = Cluster()
    cluster.evictions._tell = lambda _job, victim: told.append(victim.name)
    low, other = cluster.pod("low", "n1"), cluster.pod("other", "n1")
    cluster.do(
        preemption(cluster.pod("urgent", priority=10), low), rescheduling(other, verify=lambda: "no more"), frames=2
    )
    assert told == ["low"]
