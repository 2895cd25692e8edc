"""The extender's admin port as the pages see it: handed on when it answers, said clearly when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from analytics.control.admin import BODY_BYTES_MAX, Admin
from extender.control.problems import Conflict, Invalid, Unreachable
from extender.server.admin import admin_app
from tests.extender.server.test_admin import SOURCES

URL = "http://extender.test:8889/"


def ask(transport: httpx.AsyncBaseTransport, work: Callable[[Admin], Any]) -> Any:
    async def whole() -> Any:
        admin = Admin(URL, transport)
        try:
            return await work(admin)
        finally:
            await admin.close()

    return asyncio.run(whole())


def real() -> httpx.ASGITransport:
    return httpx.ASGITransport(admin_app(SOURCES))


def saying(answers: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    return httpx.MockTransport(answers)


def test_the_extenders_port_takes_what_is_asked() -> None:
    found = ask(real(), lambda admin: admin.preview("kind: SchedulingPolicy", 7))
    assert found["last"] == 7
    assert isinstance(ask(real(), lambda admin: admin.catalogue()), list)


def test_a_policy_that_it_refuses_is_told_with_places_in_the_policy() -> None:
    with pytest.raises(Invalid) as refused:
        ask(real(), lambda admin: admin.preview("bad", 7))
    assert refused.value.details[0].path == "profiles[0].name"


def test_a_preview_under_way_is_a_conflict() -> None:
    body = {"message": "another preview is being made"}
    with pytest.raises(Conflict, match="another preview"):
        ask(saying(lambda _: httpx.Response(409, json=body)), lambda admin: admin.preview("x", 1))


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (unreachable, "does not answer"),
        (lambda _: httpx.Response(500, json={}), "with 500"),
        (lambda _: httpx.Response(404), "with 404"),
        (lambda _: httpx.Response(200, content=b"<html>"), "no extender of ours"),
        (lambda _: httpx.Response(200, json=7), "no extender of ours"),
        (lambda _: httpx.Response(200, content=b"[" * 100_000), "no extender of ours"),
        (lambda _: httpx.Response(200, content=b" " * (BODY_BYTES_MAX + 1)), "bytes"),
    ],
)
def test_whatever_answers_there_is_no_fault_of_ours(
    answers: Callable[[httpx.Request], httpx.Response], told: str
) -> None:
    for work in (lambda admin: admin.preview("x", 1), lambda admin: admin.catalogue()):
        with pytest.raises(Unreachable, match=told):
            ask(saying(answers), work)


def test_many_pages_ask_and_the_extender_is_asked_once() -> None:
    asked: list[str] = []

    def answers(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json=[])

    async def many(admin: Admin) -> None:
        await asyncio.gather(*(admin.catalogue() for _ in range(20)))

    ask(saying(answers), many)
    assert asked == ["/catalogue"]
