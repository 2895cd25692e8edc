"""The HTTP face of the sidecar: shapes, errors, headers, both ports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from analytics.control.access import ApiKey, Everybody
from analytics.store import Store, StoreError
from analytics.store.joined import rfc3339
from analytics.views.declaration import Kind, Parameter
from analytics.web.app import Console
from analytics.web.assets import Assets
from analytics.web.calls import Control
from analytics.web.door import Door
from analytics.web.extender import ExtenderProbe
from analytics.web.parameters import read_parameters
from extender.control import FileAudit
from extender.record.frames import PodRef, ShadowTally
from tests.analytics.web.a_console import T0_US, a_client, a_console, a_store
from tests.browser.frames import Cluster

POD = PodRef(namespace="team-a-dev", name="web-0", uid="5d0c", scheduler="default-scheduler")


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    cluster = Cluster(nodes=100)
    frames = [
        *cluster.decision(T0_US, pod=POD, end="unschedulable"),
        *cluster.decision(T0_US + 1_000_000, pod=POD, attempt=2, end="scheduled"),
        *cluster.decision(T0_US + 2_000_000, end="error"),
        *cluster.decision(T0_US + 3_000_000, end="unknown"),
    ]
    store = a_store(frames)
    yield store
    store.close()


@pytest.fixture(scope="module")
def console(store: Store) -> Console:
    return a_console(store)


def ask(console: Console, path: str, *, port: str = "pages", method: str = "GET", **headers: str) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with a_client(console, port=port) as client:
            return await client.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return asyncio.run(asked())


def data(console: Console, path: str) -> Any:
    answer = ask(console, path)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["status"] == "success"
    return body["data"]


def test_r137_decisions_come_newest_first_in_the_documented_shape(console: Console) -> None:
    found = data(console, "/api/decisions?limit=10")
    assert (found["total"], found["limit"], "continue" in found) == (4, 10, False)
    assert [one["outcome"] for one in found["decisions"]] == ["unknown", "error", "scheduled", "unschedulable"]
    one = found["decisions"][2]
    assert one["time"].startswith("2026-01-02T03:04:06")
    assert one["scheduler"] == "default-scheduler"
    assert one["pod"] | {"namespace": "team-a-dev", "name": "web-0", "uid": "5d0c"} == one["pod"]
    assert (one["attempt"], one["message"]) == (2, "")
    assert one["node"] == one["scores"][0]["node"]
    assert [phase["phase"] for phase in one["phases"]] == ["filter", "score", "bind"]
    for phase in one["phases"]:
        assert {"duration_ms", "nodes_in", "nodes_out"} <= set(phase)
    assert {"node", "plugin", "reason"} <= set(one["filtered"][0])
    assert set(one["scores"][0]["plugins"]) == {"TargetLoadPacking", "NodeResourcesAllocatable", "PodState"}


def test_pages_follow_each_other_without_gap_or_double(console: Console) -> None:
    ids: list[str] = []
    path = "/api/decisions?limit=1&view=summary"
    token = ""
    for _ in range(10):
        found = data(console, f"{path}&continue={token}" if token else path)
        ids += [one["id"] for one in found["decisions"]]
        assert found["total"] == 4, "of all pages, whichever is asked for"
        token = found.get("continue", "")
        if not token:
            break
    assert len(ids) == len(set(ids)) == 4


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("namespace=team-a-dev&pod=web-0", 2),
        ("pod=team-a-dev/web-0", 2),
        ("namespace=team-a-dev,nowhere&uid=5d0c", 2),
        ("outcome=error", 1),
        ("plugin=PodState&outcome=unschedulable", 1),
        ("reason=nothing+like+it", 0),
        ("revision=48213", 4),
        ("revision=1", 0),
        ("since=2026-01-02T03:04:06Z", 3),
        ("since=2026-01-02T03:04:06Z&until=2026-01-02T03:04:07Z", 1),
        ("scheduler=default-scheduler", 4),
        ("node=no-such-node", 0),
    ],
)
def test_filters_narrow_the_list(console: Console, query: str, count: int) -> None:
    found = data(console, f"/api/decisions?{query}")
    assert (len(found["decisions"]), found["total"]) == (count, count)


def test_r135_r138_statistics_have_the_documented_shape(console: Console) -> None:
    stats = data(console, "/api/stats")
    assert (stats["total"], stats["scheduled"], stats["unschedulable"], stats["error"]) == (4, 1, 1, 1)
    assert stats["success_rate"] == pytest.approx(1 / 3)
    assert stats["average_latency_ms"] > 0
    assert {"p50_ms", "p95_ms", "p99_ms"} <= set(stats["phases"]["filter"])
    assert {"plugin", "reason", "count"} <= set(stats["rejections"][0])
    assert stats["nodes"][0]["scheduled"] == 1


def test_r134_r139_flowcharts_are_plain_mermaid_text(console: Console) -> None:
    newest = data(console, "/api/decisions?outcome=scheduled")["decisions"][0]
    for path in (
        "/api/flowchart",
        f"/api/flowchart?id={newest['id']}",
        "/api/flowchart?pod=team-a-dev/web-0",
        f"/api/v1/decisions/{newest['id']}.mmd",
    ):
        answer = ask(console, path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text.startswith("flowchart TD\n")
    assert "4 decisions" in ask(console, "/api/flowchart").text


def test_one_decision_tells_weights_samples_and_its_other_attempts(console: Console) -> None:
    newest = data(console, "/api/decisions?outcome=scheduled")["decisions"][0]
    story = data(console, f"/api/v1/decisions/{newest['id']}")
    assert story["scores"][0]["parts"]["TargetLoadPacking"]["weight"] == 3
    assert story["rejections"][0]["sample"]
    assert [attempt["attempt"] for attempt in story["attempts"]] == [2, 1]
    assert [plugin["phase"] for plugin in story["phases"][0]["plugins"]] == ["preFilter", "filter", "reserve"]


def test_why_answers_in_one_sentence_about_the_newest_attempt(console: Console) -> None:
    answer = data(console, "/api/v1/pods/team-a-dev/web-0/why")
    assert answer["summary"].startswith("Placed on node-")
    assert answer["decision"]["attempt"] == 2
    assert ask(console, "/api/v1/pods/team-a-dev/nobody/why").status_code == 404


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("limit=abc", "limit"),
        ("limit=-1", "limit"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=" + "9" * 400, "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("limit=%D9%A3", "limit"),
        ("continue=!!", "continue"),
        ("continue=WzFd", "continue"),
        ("outcome=maybe", "outcome"),
        ("since=yesterday", "since"),
        ("since=-5m", "since"),
        ("until=99999-01-01", "until"),
        ("pod=" + "a" * 600, "pod"),
        ("pod=a%00b", "pod"),
        ("node=%F0", "node"),
        ("colour=blue", "colour"),
    ],
)
def test_a_bad_parameter_is_named_and_refused(console: Console, query: str, path: str) -> None:
    answer = ask(console, f"/api/decisions?{query}")
    if query == "node=%F0":  # an undecodable byte becomes a replacement sign, which no node has
        assert answer.json()["data"]["total"] == 0
        return
    body = answer.json()
    assert answer.status_code == 422
    assert (body["status"], body["code"]) == ("error", 422)
    assert [detail["path"] for detail in body["details"]] == [path]
    assert body["requestId"] == answer.headers["x-request-id"]


def test_all_bad_parameters_are_named_at_once(console: Console) -> None:
    body = ask(console, "/api/decisions?limit=x&since=y&outcome=z").json()
    assert {detail["path"] for detail in body["details"]} == {"limit", "since", "outcome"}


@given(st.dictionaries(st.sampled_from(["limit", "continue", "since", "pod", "outcome", "x"]), st.text(max_size=40)))
def test_no_query_is_answered_with_a_fault_of_ours(console: Console, query: dict[str, str]) -> None:
    answer = ask(console, f"/api/decisions?{httpx.QueryParams(query)}")
    assert answer.status_code in (200, 422)
    assert answer.json()["status"] in ("success", "error")


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/api/v1/decisions/unknown", 404),
        ("GET", "/api/v1/decisions/unknown.mmd", 404),
        ("GET", "/api/flowchart?pod=team-a/unknown", 404),
        ("GET", "/api/flowchart?pod=unknown", 422),
        ("GET", "/assets/../main.py", 404),
        ("GET", "/assets/none.js", 404),
        ("GET", "/elsewhere", 404),
        ("POST", "/api/decisions", 405),
        ("DELETE", "/health", 405),
    ],
)
def test_r095_errors_have_one_shape(console: Console, method: str, path: str, code: int) -> None:
    answer = ask(console, path, method=method)
    body = answer.json()
    assert answer.status_code == code
    assert set(body) == {"status", "code", "reason", "message", "details", "requestId"}
    assert (body["status"], body["code"]) == ("error", code)
    assert body["message"]


def test_every_answer_carries_the_security_headers(console: Console) -> None:
    for path in ("/", "/api/stats", "/api/nothing", "/health", "/metrics"):
        headers = ask(console, path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; script-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_a_foreign_host_name_is_refused(console: Console) -> None:
    assert ask(console, "/api/stats", host="evil.example").status_code == 421
    assert ask(console, "/api/stats", host="console.test:8080").status_code == 200
    assert ask(a_console(console.sources.store, hosts=("*",)), "/api/stats", host="any.example").status_code == 200
    assert ask(a_console(console.sources.store, hosts=("[::1]",)), "/api/stats", host="[::1]:8080").status_code == 200


def test_a_request_id_is_taken_over_only_when_harmless(console: Console) -> None:
    assert ask(console, "/health", x_request_id="abc-1").headers["x-request-id"] == "abc-1"
    assert ask(console, "/health", x_request_id="<b>").headers["x-request-id"] != "<b>"


def test_r225_a_trace_is_taken_over(console: Console) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = ask(console, "/health", traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert answer.headers["traceparent"].split("-")[1] == trace


def test_an_unchanged_answer_is_not_sent_again(console: Console) -> None:
    tag = ask(console, "/api/stats").headers["etag"]
    again = ask(console, "/api/stats", if_none_match=tag)
    assert (again.status_code, again.content) == (304, b"")


def test_r096_r097_r140_r150_r171_health_and_metrics_answer_on_both_ports(console: Console) -> None:
    for port in ("pages", "metrics"):
        health = ask(console, "/health", port=port)
        assert health.json() == {"status": "healthy", "checks": {"store": "ok", "ingest": "ok"}}
        text = ask(console, "/metrics", port=port).text
        for name in ("scheduler_latency_seconds", "scheduler_requests_total", "scheduler_visualizer_decisions_total"):
            assert f"# TYPE {name.removesuffix('_total')}" in text
    assert ask(console, "/api/stats", port="metrics").status_code == 404


def test_an_unwell_part_makes_health_503(store: Store) -> None:
    unwell = a_console(store, checks=lambda: {"store": "ok", "ingest": "no space left"})
    answer = ask(unwell, "/health")
    assert answer.status_code == 503
    assert answer.json()["checks"]["ingest"] == "no space left"


def test_requests_are_counted_under_their_route_and_never_under_a_name(console: Console) -> None:
    ask(console, "/api/v1/decisions/some-very-own-id")
    ask(console, "/some/very/own/path")
    text = ask(console, "/metrics").text
    assert 'scheduler_requests_total{code="404",path="/api/v1/decisions/{id}",tool="scheduler-visualizer"}' in text
    assert "very" not in text


class _Broken(Store):
    def __init__(self) -> None:
        """Has nothing to ask."""

    def query(self, *_: object) -> list[tuple[Any, ...]]:
        raise StoreError("the disk is gone")


def test_a_store_that_does_not_answer_is_503_with_the_reason() -> None:
    answer = ask(a_console(_Broken()), "/api/stats")
    assert answer.status_code == 503
    assert "the disk is gone" in answer.json()["message"]


def test_a_fault_of_ours_is_500_in_the_same_shape(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.store.decisions.Decisions.stats", lambda *_, **__: 1 / 0)
    answer = ask(a_console(store), "/api/stats")
    assert answer.status_code == 500
    assert answer.json()["reason"] == "InternalServerError"
    assert "division" not in answer.text


def test_asking_only_for_the_head_of_the_stream_ends(console: Console) -> None:
    async def asked() -> httpx.Response:
        async with a_client(console) as client:
            return await asyncio.wait_for(client.head("/api/v1/events"), 20)

    answer = asyncio.run(asked())
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert console.broadcaster.clients == 0


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_000_000))
def test_a_time_that_an_answer_gave_is_taken_back_to_the_microsecond(at_us: int) -> None:
    text = rfc3339(at_us)
    request = Request({"type": "http", "query_string": f"since={text}".encode(), "headers": []})
    given, problems = read_parameters(request, (Parameter("since", "", Kind.TIME),), 0.0)
    assert (given["since"], problems) == (at_us, [])


def test_many_pages_at_once_ask_the_extender_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    async def ask(_probe: ExtenderProbe) -> dict[str, Any]:
        asked.append(1)
        await asyncio.sleep(0.01)
        return {"reachable": True}

    async def many() -> None:
        monkeypatch.setattr(ExtenderProbe, "_ask", ask)
        probe = ExtenderProbe("http://127.0.0.1:1")
        await asyncio.gather(*(probe.policy() for _ in range(20)))
        await probe.close()

    asyncio.run(many())
    assert len(asked) == 1


def test_the_absence_of_the_extender_is_an_answer(console: Console) -> None:
    assert data(console, "/api/v1/extender")["reachable"] is False


def told_by(configz: Any) -> dict[str, Any]:
    """What the probe makes of an extender's /configz."""

    async def ask() -> dict[str, Any]:
        probe = ExtenderProbe("http://127.0.0.1:1")
        await probe.close()
        transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=configz))
        probe._client = httpx.AsyncClient(transport=transport)
        try:
            return await probe.policy()
        finally:
            await probe.close()

    return asyncio.run(ask())


def test_r032_breakers_that_are_not_closed_are_told() -> None:
    row = {"plugin": "Peaks", "since": 1.0, "failures": 3, "lastError": "KeyError: 'n'"}
    found = told_by(
        {
            "breakers": [
                row | {"state": "open", "retryAt": 1_767_323_045.5},
                row | {"plugin": "QOSSort", "state": "half-open", "retryAt": None},
                row | {"plugin": "PodState", "state": "closed"},
            ]
        }
    )
    assert found["breakers"] == [
        {
            "plugin": "Peaks",
            "state": "open",
            "failures": 3,
            "retry_at": "2026-01-02T03:04:05.500000Z",
            "last_error": "KeyError: 'n'",
        },
        {"plugin": "QOSSort", "state": "half-open", "failures": 3, "retry_at": "", "last_error": "KeyError: 'n'"},
    ]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_an_odd_list_of_breakers_is_none(odd: Any) -> None:
    assert told_by({"breakers": odd})["breakers"] == []


def test_the_shadow_report_is_told_in_numbers_and_in_words() -> None:
    def tally(namespace: str, **more: Any) -> ShadowTally:
        at: dict[str, Any] = {"at_us": T0_US, "from_us": T0_US - 1, "profile": "*", "plugin": "Size"}
        return ShadowTally(**at, namespace=namespace, seen=100, placed=100, **more)

    tallies = [tally("team-a", would_reject=12, would_reject_all=12, moved=31), tally("team-b")]
    report = a_console(a_store(tallies))
    (found,) = data(report, "/api/v1/policy/shadow?plugin=Size&namespace=team-a")["plugins"]
    assert found["sentence"] == "would have rejected 12 % of pods of team-a, moved 31 % of placements"
    (found,) = data(report, "/api/v1/policy/shadow")["plugins"]
    assert found["namespaces"][1]["sentence"] == "would have changed nothing in 100 decisions of team-b"
    assert data(report, "/api/v1/policy/shadow?since=2027-01-02T03:04:05Z")["plugins"] == []
    assert ask(report, "/api/v1/policy/shadow?since=soon").status_code == 422


def test_openapi_describes_every_api_and_nothing_else(console: Console) -> None:
    document = ask(console, "/api/v1/openapi.json").json()
    declared = {endpoint.path for view in console.views for endpoint in view.endpoints}
    assert declared < set(document["paths"])
    shown = {path for path, methods in document["paths"].items() if "get" in methods}
    assert set(document["paths"]) - shown == {"/api/v1/audit/webhook"}
    for path in shown - {"/api/v1/events"}:
        declared_here = document["paths"][path]["get"].get("parameters", [])
        needed = [p["name"] for p in declared_here if p["required"] and p["in"] == "query"]
        asked = path.replace("{id}", "x").replace("{namespace}", "x").replace("{name}", "x")
        answer = ask(console, f"{asked}?{'&'.join(f'{name}=x' for name in needed)}" if needed else asked)
        assert answer.status_code in (200, 404)
        if answer.status_code == 404:
            schema = document["components"]["schemas"]["Error"]
            jsonschema.validate(answer.json(), schema)
            assert "{" in path or needed or "cluster is not known" in answer.json()["message"]


def test_without_built_pages_the_page_says_how_to_build_them(store: Store, tmp_path: Path) -> None:
    bare = a_console(store, assets=Assets(tmp_path / "none"))
    answer = ask(bare, "/")
    assert answer.status_code == 503
    assert "make ui" in answer.text
    assert data(bare, "/api/stats")["total"] == 4


def test_hashed_files_never_change_and_come_packed_where_welcome(store: Store, tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>page")
    (tmp_path / "assets" / "index-abc.js").write_text("// code\n" * 200)
    built = a_console(store, assets=Assets(tmp_path))
    assert ask(built, "/").text == ask(built, "/decisions/any/thing").text == "<!doctype html>page"
    packed = ask(built, "/assets/index-abc.js", accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert packed.text == ask(built, "/assets/index-abc.js", accept_encoding="identity").text
    assert ask(built, "/").headers["cache-control"] == "no-cache"
    again = ask(built, "/assets/index-abc.js", if_none_match=packed.headers["etag"])
    assert again.status_code == 304


def test_a_page_names_the_files_that_it_needs_besides_the_shell(store: Store, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html><head></head>page")
    (tmp_path / "pages.json").write_text('{"decisions": ["assets/page-a.js", "assets/page-a.css"]}')
    built = a_console(store, assets=Assets(tmp_path))
    needs = '<link rel="modulepreload" crossorigin href="/assets/page-a.js">'
    needs += '<link rel="stylesheet" crossorigin href="/assets/page-a.css">'
    assert ask(built, "/decisions/any/thing").text == f"<html><head>{needs}</head>page"
    assert ask(built, "/pending").text == "<html><head></head>page"
    assert ask(built, "/pages.json").status_code == 404


@pytest.mark.parametrize("is_open", [True, False])
def test_first_questions_are_hinted_only_where_nobody_says_who_asks(
    store: Store, tmp_path: Path, *, is_open: bool
) -> None:
    """A hint has no credentials: its answer would be that to a stranger."""
    (tmp_path / "index.html").write_text("<html><head></head>page")
    (tmp_path / "key").write_text("k" * 40)
    door = Door(Everybody() if is_open else ApiKey(tmp_path / "key"), FileAudit(tmp_path / "audit.jsonl"))
    built = replace(a_console(store, assets=Assets(tmp_path)), control=Control(door, ()))
    hint = '<link rel="preload" as="fetch" crossorigin href="/api/v1/policy">'
    assert (hint in ask(built, "/policy").text) is is_open


def test_answers_are_json_that_any_reader_takes(console: Console) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    for path in ("/api/decisions", "/api/stats", "/api/v1/decisions/values"):
        json.loads(ask(console, path).content, parse_constant=refuse)
