"""The endpoints over HTTP: statistics, agreement, comparison, trace and export, and what they refuse."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import httpx
import pytest

from analytics.store import Store
from extender.record.frames import Decision, PodRef
from tests.analytics.web.a_console import T0_US, a_client, a_console, a_store
from tests.browser.frames import Cluster

POD = PodRef(namespace="team-a", name="web-0", uid="u1", scheduler="default-scheduler", owner="ReplicaSet/web")
CREATED_S = T0_US // 1_000_000 - 5


def _with_features(frame: Any) -> Any:
    if isinstance(frame, Decision) and frame.verb == "filter":
        frame.features = {"namespace": "team-a", "name": "web-0", "uid": "u1", "created_at_s": CREATED_S}
        frame.candidates = ["node-1", "node-2"]
    return frame


@pytest.fixture(scope="module")
def store() -> Store:
    cluster = Cluster(3)
    frames = [frame for at in range(10) for frame in cluster.decision(T0_US - 60_000_000 + at * 1_000_000)]
    frames += [_with_features(f) for f in cluster.decision(T0_US, pod=POD, end="unschedulable")]
    frames += [_with_features(f) for f in cluster.decision(T0_US + 2_000_000, pod=POD, attempt=2, end="scheduled")]
    return a_store(frames)


def ask(store: Store, path: str, method: str = "GET") -> httpx.Response:
    async def asked() -> httpx.Response:
        async with a_client(a_console(store)) as client:
            return await client.request(method, path)

    return asyncio.run(asked())


def data(store: Store, path: str) -> Any:
    answer = ask(store, path)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def ids(store: Store) -> list[str]:
    """Of the pod's attempts, oldest first."""
    return [d["id"] for d in reversed(data(store, "/api/decisions?pod=team-a/web-0")["decisions"])]


def test_r135_statistics_look_at_the_newest_records_unless_told_otherwise(store: Store) -> None:
    told = data(store, "/api/v1/decisions/statistics?by=owner&uid=u1")
    group = told["groups"][0]
    assert (group["group"], group["decisions"], group["scheduled"]) == ("ReplicaSet/web", 2, 1)
    assert group["latency"]["queue"]["p50_ms"] == 3500.0, "5 s from its creation, then 2 s"
    assert told["until"] == "2026-01-02T03:04:07.000001Z"
    assert data(store, "/api/v1/decisions/statistics?since=2026-02-01T00:00:00Z")["groups"] == []


def test_tenants_cannot_be_told_where_the_cluster_is_not_known(store: Store) -> None:
    answer = ask(store, "/api/v1/decisions/statistics?by=tenant")
    assert answer.status_code == 404
    assert "Tenants are not known" in answer.json()["message"]


def test_agreement_covers_what_was_bound(store: Store) -> None:
    told = data(store, "/api/v1/decisions/agreement")
    assert told["decisions"] == data(store, "/api/stats")["scheduled"]
    assert told["first"] + told["tied"] == told["decisions"], "the cluster of these tests always takes the best node"
    groups = data(store, "/api/v1/decisions/agreement?by=scheduler")["groups"]
    assert [(g["group"], g["agreement_ratio"]) for g in groups] == [("default-scheduler", 1.0)]


def test_two_attempts_are_compared(store: Store) -> None:
    first, second = ids(store)
    told = data(store, f"/api/v1/decisions/compare?a={first}&b={second}")
    assert (told["verdict"], told["same_pod"], told["features_known"]) == ("placed", True, True)
    assert told["candidates"]["both"] == 2
    assert told["summary"].startswith("The first found no place, the second was placed on node-")
    back = data(store, f"/api/v1/decisions/compare?a={second}&b={first}")
    assert back["verdict"] == "lost"
    assert [-r["difference"] for r in back["rejections"]] == [r["difference"] for r in told["rejections"]]


def test_a_pod_is_traced_from_its_creation(store: Store) -> None:
    told = data(store, "/api/v1/pods/team-a/web-0/trace")
    assert (told["state"], told["created"], len(told["tries"])) == ("bound", "2026-01-02T03:04:00.000000Z", 2)
    assert [one["queue_ms"] for one in told["tries"]] == [5000.0, 2000.0]
    assert ask(store, "/api/v1/pods/team-a/nobody/trace").status_code == 404
    assert len(data(store, "/api/v1/pods/team-a/web-0/trace?uid=u1")["tries"]) == 2
    assert ask(store, "/api/v1/pods/team-a/web-0/trace?uid=u2").status_code == 404


@pytest.mark.parametrize(
    ("path", "code", "where"),
    [
        ("/api/v1/decisions/compare?a=x", 422, "b"),
        ("/api/v1/decisions/compare?a=x&b=y", 404, None),
        ("/api/v1/decisions/statistics?by=colour", 422, "by"),
        ("/api/v1/decisions/agreement?by=colour", 422, "by"),
        ("/api/v1/decisions/export?format=xls", 422, "format"),
        ("/api/v1/decisions/export?limit=0", 422, "limit"),
        ("/api/v1/decisions/export?limit=3", 422, "limit"),
    ],
)
def test_what_cannot_be_answered_says_which_parameter(store: Store, path: str, code: int, where: str | None) -> None:
    answer = ask(store, path)
    assert answer.status_code == code
    assert [detail["path"] for detail in answer.json()["details"]] == ([where] if where else [])


@pytest.mark.parametrize(
    ("form", "media"),
    [("csv", "text/csv"), ("json", "application/json"), ("parquet", "application/vnd.apache.parquet")],
)
def test_an_export_is_a_file_with_a_name(store: Store, form: str, media: str) -> None:
    answer = ask(store, f"/api/v1/decisions/export?format={form}")
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, media)
    assert answer.headers["content-disposition"].endswith(f'.{form}"')
    assert len(answer.content) > 100
    head = ask(store, f"/api/v1/decisions/export?format={form}", "HEAD")
    assert (head.status_code, head.content) == (200, b"")


def test_an_export_holds_what_its_filters_hold(store: Store) -> None:
    text = ask(store, "/api/v1/decisions/export?pod=team-a/web-0&outcome=scheduled").text
    assert [line["pod"] for line in csv.DictReader(io.StringIO(text))] == ["web-0"]
    refused = ask(store, "/api/v1/decisions/export?limit=3").json()["details"][0]["message"]
    assert refused.startswith("12 decisions match, and 3 may be exported")
