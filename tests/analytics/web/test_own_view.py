"""R-077, R-078: a view of one's own is a declaration; its calls, checks, description and the page's address follow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from analytics.views import VIEWS
from analytics.views.declaration import Endpoint, Kind, NotHere, Parameter, View
from analytics.views.sources import Sources
from analytics.web.app import Console
from analytics.web.assets import Assets
from tests.analytics.web.a_console import a_client, a_console, a_store

PAGE = "<!doctype html>page"


def seats_of(_sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    if given["row"] > 3:
        raise NotHere(f"there is no row {given['row']}: the last one is 3")
    return {"row": given["row"], "seats": 12}


OWN = View(
    slug="seats",
    title="Seats",
    tool="scheduler-visualizer",
    endpoints=(
        Endpoint(
            "/api/v1/seats/{row}",
            "How many seats a row has.",
            seats_of,
            (Parameter("row", "The row.", Kind.INTEGER, minimum=1),),
        ),
    ),
)


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    (tmp_path / "index.html").write_text(PAGE)
    store = a_store()
    yield a_console(store, assets=Assets(tmp_path))
    store.close()


def ask(console: Console, path: str, method: str = "GET") -> httpx.Response:
    async def asked() -> httpx.Response:
        async with a_client(console) as client:
            return await client.request(method, path)

    return asyncio.run(asked())


def test_r077_a_call_of_ones_own_is_answered_checked_and_described(console: Console) -> None:
    assert ask(console, "/api/v1/seats/2").status_code == 404, "as long as nobody has added it"
    console = replace(console, views=(*VIEWS, OWN))
    assert ask(console, "/api/v1/seats/2").json() == {"status": "success", "data": {"row": 2, "seats": 12}}
    missing = ask(console, "/api/v1/seats/4")
    assert (missing.status_code, missing.json()["message"]) == (404, "there is no row 4: the last one is 3")
    wrong = ask(console, "/api/v1/seats/first")
    assert (wrong.status_code, wrong.json()["details"][0]["path"]) == (422, "row")
    assert ask(console, "/api/v1/seats/2?colour=red").status_code == 422
    assert ask(console, "/api/v1/seats/2", "POST").status_code == 405
    described = ask(console, "/api/v1/openapi.json").json()["paths"]["/api/v1/seats/{row}"]["get"]
    assert described["summary"] == "How many seats a row has."
    assert [one["name"] for one in described["parameters"]] == ["row"]


def test_r078_a_page_of_ones_own_has_its_address(console: Console) -> None:
    assert ask(console, "/seats").status_code == 404
    console = replace(console, views=(*VIEWS, OWN))
    assert ask(console, "/seats").text == ask(console, "/seats/row/2").text == PAGE
    assert ask(console, "/decisions").text == PAGE, "the others stay where they were"


def test_r078_a_page_can_be_replaced(console: Console) -> None:
    """The same address, with other calls behind it."""
    replaced = next(view for view in VIEWS if view.endpoints)
    slug = replaced.slug
    others = tuple(view for view in VIEWS if view.slug != slug)
    console = replace(console, views=(replace(OWN, slug=slug), *others))
    assert ask(console, f"/{slug}").text == PAGE
    assert ask(console, "/api/v1/seats/1").json()["data"]["seats"] == 12
    gone = replaced.endpoints[0].path
    assert ask(console, gone).status_code == 404
