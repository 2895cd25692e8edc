"""One console, asked over HTTP. What goes wrong ends the command: words on standard error, and an exit code."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from extender.cli.failing import NO, UNREACHABLE, USAGE, fail

if TYPE_CHECKING:
    import httpx

SERVER = "http://127.0.0.1:8080"
WITHIN_S, CONNECT_WITHIN_S = 120.0, 5.0
_CODE_OF = {404: NO, 422: USAGE}


class Console:
    """GET alone: nothing is changed from here."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def data(self, path: str, **query: str | int | None) -> Any:
        """`data` of the answer."""
        with self._answer(path, query) as answer:
            try:
                return json.loads(answer.read())["data"]
            except (ValueError, KeyError, TypeError):
                fail(f"{self._url}{path} does not answer as a console does; name the console with --server", NO)

    def text(self, path: str, **query: str | int | None) -> str:
        with self._answer(path, query) as answer:
            return answer.read().decode(errors="replace")

    def parts(self, path: str, **query: str | int | None) -> Iterator[bytes]:
        with self._answer(path, query) as answer:
            yield from answer.iter_bytes(1 << 16)

    @contextmanager
    def _answer(self, path: str, query: Mapping[str, str | int | None]) -> Iterator[httpx.Response]:
        import httpx

        given = {name: str(value) for name, value in query.items() if value not in (None, "")}
        timeout = httpx.Timeout(WITHIN_S, connect=CONNECT_WITHIN_S)
        try:
            with (
                httpx.Client(timeout=timeout, trust_env=False, headers=self._headers) as client,
                client.stream("GET", f"{self._url}{path}", params=given) as answer,
            ):
                if not answer.is_success:
                    answer.read()
                    fail(_told(answer), _CODE_OF.get(answer.status_code, NO))
                yield answer
        except (httpx.HTTPError, httpx.InvalidURL) as why:
            fail(
                f"the console at {self._url} does not answer ({why or type(why).__name__}); start it with "
                "trimtab analytics, or name another with --server",
                UNREACHABLE,
            )


def _told(answer: httpx.Response) -> str:
    """What the console says is wrong, with the parameters that are."""
    try:
        body = answer.json()
        lines = [f"{detail['path']}: {detail['message']}" for detail in body.get("details") or ()]
        message = "\n  ".join([str(body["message"]), *lines])
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"the console answered {answer.status_code}"
    if answer.status_code in (401, 403):
        message += "; give a token with --token-file or TRIMTAB_TOKEN"
    return message


def console_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say whom to ask, given to the command as `console`."""

    @functools.wraps(command)
    def with_console(*args: Any, server: str, token_file: Path | None, token: str | None, **more: Any) -> Any:
        if token_file is not None:
            try:
                token = token_file.read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as wrong:
                fail(f"--token-file {token_file}: {wrong}", USAGE)
        return command(*args, console=Console(server, token or ""), **more)

    wrapped: Callable[..., Any] = with_console
    for option in (
        click.option("--token", envvar="TRIMTAB_TOKEN", hidden=True),
        click.option(
            "--token-file",
            type=click.Path(path_type=Path),
            envvar="TRIMTAB_TOKEN_FILE",
            help="File with the token for the console; or its text in TRIMTAB_TOKEN.",
        ),
        click.option(
            "--server",
            envvar="TRIMTAB_SERVER",
            metavar="URL",
            default=SERVER,
            show_default=True,
            help="Address of the console.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped
