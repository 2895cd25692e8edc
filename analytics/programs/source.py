"""Where an answer comes from: a running console, or a store that nobody else holds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click
import httpx

from analytics.__main__ import tool_settings
from analytics.programs.cluster import cluster_of
from analytics.programs.program import CannotAnswer, given_by_hand
from analytics.store import Store, StoreError
from analytics.views.sources import Sources

SERVER: Final = "http://127.0.0.1:8080"
WITHIN_S: Final = 60.0
CONNECT_WITHIN_S: Final = 3.0
TOKEN: Final = "TRIMTAB_TOKEN"  # noqa: S105 - the name of a variable
_UNPROCESSABLE: Final = 422
_NOT_FOUND: Final = 404
_OK: Final = 200


def source_flags() -> list[click.Option]:
    return [
        click.Option(
            ["--server"],
            envvar="TRIMTAB_SERVER",
            show_envvar=True,
            help=f"Console to ask; its token is {TOKEN} or --token-file. [default: {SERVER}, else the file of --store]",
        ),
        click.Option(
            ["--token-file"],
            type=click.Path(path_type=Path),
            envvar="TRIMTAB_TOKEN_FILE",
            show_envvar=True,
            help="File with the token for --server.",
        ),
    ]


class Missing(Exception):
    """What was asked about does not exist. The text says so."""


class Console:
    """One console, asked over HTTP."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **query: str | None) -> Any:
        """`data` of the answer. Raises CannotAnswer, Missing, UsageError (refused)."""
        return self._data("GET", path, params={name: value for name, value in query.items() if value})

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._data("POST", path, json=dict(body))

    def answers(self) -> bool:
        try:
            self._ask("GET", "/health")
        except httpx.HTTPError:
            return False
        return True

    def _data(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._ask(method, path, **more)
            body = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL) as why:
            raise CannotAnswer(
                f"the console at {self.url} does not answer ({why or type(why).__name__}): start it, or name another "
                "with --server, or give --store"
            ) from why
        except ValueError as why:
            raise CannotAnswer(f"{self.url}{path} does not answer with JSON: is it a console?") from why
        if answer.status_code == _UNPROCESSABLE:
            raise click.UsageError(_told(body))
        if answer.status_code == _NOT_FOUND and not _told(body).startswith("No such API"):
            raise Missing(_told(body))
        if answer.status_code != _OK:
            raise CannotAnswer(f"{self.url}{path}: HTTP {answer.status_code}: {_told(body)}")
        return body["data"]

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        timeout = httpx.Timeout(WITHIN_S, connect=CONNECT_WITHIN_S)
        with httpx.Client(timeout=timeout, trust_env=False, headers=self._headers) as client:
            return client.request(method, f"{self.url}{path}", **more)


@contextmanager
def source_of(ctx: click.Context, given: Mapping[str, Any]) -> Iterator[Console | Sources]:
    """The console or the store that the flags name; without either the usual console, else the usual store.
    Raises CannotAnswer."""
    if given["server"]:
        yield Console(given["server"], _token(given))
        return
    named = given_by_hand(ctx, "store")
    if not named:
        console = Console(SERVER, _token(given))
        if console.answers():
            yield console
            return
    with _opened(given["store"], named=named) as store:
        extender = given["extender"] if given_by_hand(ctx, "extender") else ""
        yield Sources(store, cluster_of(given), extender, settings=lambda: tool_settings(given))


@contextmanager
def _opened(target: str, *, named: bool) -> Iterator[Store]:
    """Never makes a store: an answer about nothing would look like one about something."""
    if "://" not in target and not Path(target).is_file():
        why = f"there is no store {target}" if named else f"no console answers at {SERVER}, and there is no {target}"
        raise CannotAnswer(f"{why}: name a running console with --server, or a store with --store")
    try:
        store = Store.open(target)
    except (StoreError, OSError) as why:
        raise CannotAnswer(f"--store: {why}; a console that holds it can be asked with --server") from why
    try:
        yield store
    except StoreError as why:
        raise CannotAnswer(f"--store: {why}") from why
    finally:
        store.close()


def _token(given: Mapping[str, Any]) -> str:
    """Raises CannotAnswer."""
    path = given["token_file"]
    if path is None:
        return os.environ.get(TOKEN, "")
    try:
        return str(path.read_text().strip())
    except (OSError, UnicodeDecodeError) as why:
        raise CannotAnswer(f"--token-file {path}: {why}") from why


def _told(body: Any) -> str:
    if not isinstance(body, Mapping):
        return "no reason given"
    details = "; ".join(f"{each.get('path')}: {each.get('message')}" for each in body.get("details") or ())
    return f"{body.get('message', 'no reason given')} {details}".strip()
