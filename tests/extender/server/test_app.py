"""The scheduler port: paths, methods, sizes, framing, draining, callers that go away."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from starlette.types import Message

from extender.engine.verdicts import BindVerdict, FilterVerdict
from extender.server.app import SchedulerApp, scheduler_app
from extender.server.verbs import VERBS, Verbs
from extender.telemetry.metrics import REGISTRY
from tests.contract.a_stand_in import StandInEngine, a_table
from tests.extender.server.a_caller import GONE, LEFT, Leaving, ask, asked
from tests.extender.server.test_verbs import BIND, BODIES, BY_NAME, NAMES


def an_app(engine: StandInEngine | None = None, max_body: int = 1 << 20) -> SchedulerApp:
    return scheduler_app(Verbs(engine or StandInEngine(), a_table(NAMES)), max_body)


@pytest.mark.parametrize("verb", VERBS)
def test_a_decision_is_200_json_with_its_exact_length(verb: str) -> None:
    answered = ask(an_app(), "POST", f"/{verb}", [BODIES[verb]])
    assert answered.status == 200
    assert answered.headers["content-type"] == "application/json"
    assert set(answered.headers) == {"content-type", "content-length"}
    json.loads(answered.body)


@pytest.mark.parametrize("path", ["/", "/filter/", "//filter", "/Filter", "/filter/x", "/livez", "/%66ilter", "/é"])
def test_an_unknown_path_is_404_without_a_body(path: str) -> None:
    for method in ("POST", "GET"):
        answered = ask(an_app(), method, path, headers={"host": "[::"})
        assert (answered.status, answered.body) == (404, b"")
        assert answered.headers["x-trimtab-reason"].startswith("no such path")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_wrong_method_is_405_without_a_body(verb: str, method: str) -> None:
    answered = ask(an_app(), method, f"/{verb}")
    assert (answered.status, answered.body) == (405, b"")
    assert answered.headers["allow"] == "POST"
    assert "POST" in answered.headers["x-trimtab-reason"]


@pytest.mark.parametrize(
    ("pieces", "headers"),
    [
        ([b"x" * 101], {}),
        ([b"x" * 60, b"x" * 60], {}),
        ([b"x" * 101], {"content-length": "5"}),
        ([b"x"], {"content-length": "101"}),
        ([b"x"], {"content-length": "9" * 5000}),
        ([b"x" * 60, b"x" * 60, GONE], {"transfer-encoding": "chunked"}),
    ],
    ids=["whole", "pieces", "lying", "announced", "absurd", "endless"],
)
@pytest.mark.parametrize("verb", VERBS)
def test_a_body_above_the_limit_is_413_whatever_was_announced(
    verb: str, pieces: list[bytes | Leaving], headers: dict[str, str]
) -> None:
    answered = ask(an_app(max_body=100), "POST", f"/{verb}", pieces, headers)
    assert (answered.status, answered.body) == (413, b"")
    assert "100 bytes" in answered.headers["x-trimtab-reason"]


def test_a_body_of_exactly_the_limit_is_read() -> None:
    for pieces in ([BY_NAME], [BY_NAME[:10], BY_NAME[10:]]):
        assert ask(an_app(max_body=len(BY_NAME)), "POST", "/filter", pieces).status == 200


def test_a_body_in_many_pieces_is_one_request() -> None:
    pieces = [bytes([byte]) for byte in BY_NAME]
    assert ask(an_app(), "POST", "/filter", pieces).body == ask(an_app(), "POST", "/filter", [BY_NAME]).body


@pytest.mark.parametrize("verb", VERBS)
def test_a_caller_gone_before_its_body_is_counted_and_nothing_is_decided(verb: str) -> None:
    labels = {"verb": verb}
    before = REGISTRY.get_sample_value("trimtab_client_disconnects_total", labels) or 0
    engine = StandInEngine()
    assert asyncio.run(asked(an_app(engine), "POST", f"/{verb}", [BODIES[verb][:5], GONE])) is None
    assert asyncio.run(asked(an_app(engine), "POST", f"/{verb}", [GONE])) is None
    assert REGISTRY.get_sample_value("trimtab_client_disconnects_total", labels) == before + 2
    assert not engine.pods
    assert not engine.bound


def test_a_caller_gone_during_a_bind_is_counted_and_the_bind_is_finished() -> None:
    before = REGISTRY.get_sample_value("trimtab_client_disconnects_total", {"verb": "bind"}) or 0

    class Slow(StandInEngine):
        async def bind(self, *args: object) -> BindVerdict:
            await asyncio.sleep(0.01)
            return await super().bind(*args)  # type: ignore[arg-type]

    engine = Slow()
    asyncio.run(asked(an_app(engine), "POST", "/bind", [BIND, LEFT]))
    assert REGISTRY.get_sample_value("trimtab_client_disconnects_total", {"verb": "bind"}) == before + 1
    assert engine.bound == [("ns", "p", "u", "a")]


def test_draining_asks_every_caller_to_leave() -> None:
    app = an_app()
    assert "connection" not in ask(app, "POST", "/filter", [BY_NAME]).headers
    app.drain()
    assert ask(app, "POST", "/filter", [BY_NAME]).headers["connection"] == "close"
    assert ask(app, "POST", "/bind", [BIND]).headers["connection"] == "close"
    assert ask(app, "POST", "/filter", [b"{"]).headers["connection"] == "close"
    assert ask(app, "GET", "/nothing").headers["connection"] == "close"


def test_refused_paths_and_methods_are_counted() -> None:
    def read() -> list[float]:
        return [
            REGISTRY.get_sample_value("trimtab_requests_refused_total", {"reason": reason}) or 0.0
            for reason in ("path", "method", "size", "malformed")
        ]

    before = read()
    app = an_app(max_body=10)
    ask(app, "POST", "/nothing")
    ask(app, "GET", "/filter")
    ask(app, "POST", "/filter", [b"x" * 11])
    ask(app, "POST", "/filter", [b"{}"])
    assert [after - was for after, was in zip(read(), before, strict=True)] == [1, 1, 1, 1]


def test_plugins_in_shadow_are_asked_once_the_answer_is_out() -> None:
    happened: list[str] = []

    class Watching(StandInEngine):
        def decide(self, *args: Any) -> FilterVerdict:
            return replace(super().decide(*args), behind=lambda: happened.append("asked"))

    async def receive() -> Message:
        return {"type": "http.request", "body": BODIES["filter"], "more_body": False}

    async def send(message: Message) -> None:
        happened.append(message["type"])

    async def call() -> None:
        await an_app(Watching())({"type": "http", "method": "POST", "path": "/filter", "headers": []}, receive, send)
        await asyncio.sleep(0.01)

    asyncio.run(call())
    assert happened == ["http.response.start", "http.response.body", "asked"]
