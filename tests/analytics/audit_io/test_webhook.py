"""The receiver of the API server's audit webhook: a token of its own, and 200 only when the events are stored."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from starlette.applications import Starlette

from analytics.control.access import ApiKey
from analytics.store import StoreError
from analytics.store.audit import Audits
from analytics.store.findings import Findings
from analytics.views.sources import ToolSettings
from analytics.web import receiver
from tests.analytics.audit_io.a_console import HOST, Bench
from tests.analytics.audit_io.events import bound, event

PATH = "/api/v1/audit/webhook"
TOKEN = "the-token-of-the-api-server"  # noqa: S105 - of the test


@pytest.fixture
def bench(store, tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    key = tmp_path / "key"
    key.write_text("the-key-of-people")
    settings = ToolSettings(audit_token=tmp_path / "token")
    return Bench(store, tmp_path, settings=settings, access=ApiKey(key))


def batch(*told):
    return {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": list(told)}


def send(bench, body, token=TOKEN, **more):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    return bench.ask("POST", PATH, content=content, headers=headers | more)


def test_a_batch_is_stored_when_200_comes(bench):
    answer = send(bench, batch(bound("web-0", "n"), bound("web-1", "n", user="mallory"), event("get", "nodes")))
    assert answer.status_code == 200
    assert answer.json() == {"status": "success", "data": {"events": 3, "known": 0, "stored": 2, "bad": 0}}
    assert Audits(bench.store).count() == 2
    assert Findings(bench.store).count() >= 1


def test_a_batch_that_is_sent_again_is_known(bench):
    told = batch(bound("web-0", "n"))
    send(bench, told)
    assert send(bench, told).json()["data"] == {"events": 0, "known": 1, "stored": 0, "bad": 0}
    assert Audits(bench.store).count() == 1


@pytest.mark.parametrize("token", ["", "wrong", "the-key-of-people", TOKEN + "x", "tök€n"])
def test_only_the_api_servers_token_opens_it(bench, token):
    headers = {"authorization": f"Bearer {token}".encode()} if token else {}
    answer = bench.ask("POST", PATH, content=b"{}", headers=headers)
    assert answer.status_code == 401
    assert Audits(bench.store).count() == 0


def test_a_token_without_its_scheme_is_none(bench):
    assert send(bench, batch(), token="", authorization=f"Basic {TOKEN}").status_code == 401


def test_an_empty_token_file_opens_it_to_nobody(bench, tmp_path):
    (tmp_path / "token").write_text("\n")
    assert send(bench, batch(), token="", authorization="Bearer ").status_code == 401


def test_a_token_that_was_rotated_counts_at_once(bench, tmp_path):
    (tmp_path / "token").write_text("another-token")
    assert send(bench, batch()).status_code == 401
    assert send(bench, batch(), token="another-token").status_code == 200  # noqa: S106 - of the test


def test_a_token_that_cannot_be_read_is_told_and_asked_for_later(bench, tmp_path):
    (tmp_path / "token").unlink()
    answer = send(bench, batch())
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


def test_without_a_token_file_it_is_closed(store, tmp_path):
    assert send(Bench(store, tmp_path), batch()).status_code == 404


def test_it_takes_nothing_but_post(bench):
    answer = bench.ask("GET", PATH)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("body", [b"", b"hello", b"{", b"[]", b'{"kind":"EventList"}', b"\xff\xfe", b"[" * 10_000])
def test_what_is_no_list_of_events_is_told(bench, body):
    answer = send(bench, body)
    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or body in (b"", b"[]")
    assert Audits(bench.store).count() == 0


def test_one_bad_event_does_not_take_the_others_with_it(bench):
    answer = send(bench, batch(bound("web-0", "n"), {"auditID": 7}, {"foo": "bar"}, bound("web-1", "n")))
    assert answer.status_code == 200
    assert answer.json()["data"]["stored"] == 2
    assert answer.json()["data"]["bad"] == 2


def test_a_body_that_is_too_long_is_refused(bench, monkeypatch):
    monkeypatch.setattr(receiver, "BODY_MAX", 1000)
    assert send(bench, batch(*(bound(f"p{at}", "n") for at in range(10)))).status_code == 413


def test_what_waits_has_a_bound_and_is_sent_later(bench, monkeypatch):
    monkeypatch.setattr(receiver, "WAITING_MAX", 100)
    answer = send(bench, batch(bound("web-0", "n")))
    assert answer.status_code == 429
    assert answer.headers["retry-after"]
    monkeypatch.undo()
    assert send(bench, batch(bound("web-0", "n"))).status_code == 200  # what was refused does not count for ever


def test_while_the_store_does_not_write_the_batch_is_refused_and_stored_once_later(bench, monkeypatch):
    send(bench, batch())
    told = batch(bound("web-0", "n"))

    def full(_rows):
        raise StoreError("the disk is full")

    monkeypatch.setattr(bench.store, "write", full)
    answer = send(bench, told)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    monkeypatch.undo()
    assert send(bench, told).status_code == 200
    assert Audits(bench.store).count() == 1


def test_batches_of_several_api_servers_at_once_are_all_stored(bench):
    async def all_at_once():
        transport = httpx.ASGITransport(bench.app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            sent = [
                client.post(
                    PATH,
                    json=batch(*(bound(f"p{server}-{at}", "n") for at in range(20))),
                    headers={"authorization": f"Bearer {TOKEN}"},
                )
                for server in range(6)
            ]
            return [answer.status_code for answer in await asyncio.gather(*sent)]

    assert asyncio.run(all_at_once()) == [200] * 6
    assert Audits(bench.store).count() == 120


def test_it_is_described(bench):
    document = bench.ask("GET", "/api/v1/openapi.json").json()
    assert set(document["paths"][PATH]) == {"post"}


def test_r246_a_tool_that_is_off_receives_nothing(bench):
    async def asked() -> httpx.Response:
        off = receiver.Receiver(bench.sources, lambda tool: tool != "scheduler-audit-analyzer")
        transport = httpx.ASGITransport(Starlette(routes=[off.route()]))
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            sent = json.dumps(batch(bound("web-0", "n")))
            return await client.post(PATH, content=sent, headers={"authorization": f"Bearer {TOKEN}"})

    answer = asyncio.run(asked())
    assert answer.status_code == 404
    assert "scheduler-audit-analyzer is switched off" in answer.json()["message"]
    assert Audits(bench.store).count() == 0
