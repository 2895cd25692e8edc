"""One console, asked over HTTP for what it knows."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click
import httpx

from extender.cli.failing import NO, UNREACHABLE, USAGE, fail

SERVER: Final = "http://127.0.0.1:8080"
TOKEN: Final = "TRIMTAB_TOKEN"  # noqa: S105 - the name of a variable
ANSWER_WITHIN_S: Final = 30.0
_OK, _DENIED, _NOT_FOUND, _INVALID = 200, (401, 403), 404, (400, 422)
Command = TypeVar("Command", bound=Callable[..., Any])


def server_options(command: Command) -> Command:
    """--server and --token-file, given to the command as `server` and `token_file`."""
    command = click.option(
        "--token-file",
        type=click.Path(path_type=Path),
        envvar="TRIMTAB_TOKEN_FILE",
        help=f"File with the token for the console; the token itself may stand in {TOKEN}.",
    )(command)
    return click.option(
        "--server", metavar="URL", envvar="TRIMTAB_SERVER", default=SERVER, show_default=True, help="The console."
    )(command)


def ask(server: str, path: str, query: Mapping[str, str], token_file: Path | None) -> dict[str, Any]:
    """`data` of the console's answer; ends the command where there is none."""
    headers = {"authorization": f"Bearer {token}"} if (token := _token(token_file)) else {}
    url = f"{server.rstrip('/')}{path}"
    try:
        with httpx.Client(timeout=ANSWER_WITHIN_S, trust_env=False, headers=headers) as client:
            answer = client.get(url, params=dict(query))
        told = answer.json()
    except httpx.InvalidURL as wrong:
        fail(f"--server {server}: {wrong}", USAGE)
    except httpx.HTTPError as trouble:
        fail(
            f"{server} does not answer: {trouble or type(trouble).__name__}\n  start the console (trimtab analytics), "
            "or name it with --server URL",
            UNREACHABLE,
        )
    except ValueError:
        fail(f"{url} answers {answer.status_code} and no JSON: is this the console?", UNREACHABLE)
    if answer.status_code != _OK or not isinstance(told, dict) or not isinstance(told.get("data"), dict):
        _refused(answer.status_code, told if isinstance(told, dict) else {})
    return dict(told["data"])


def _refused(status: int, told: Mapping[str, Any]) -> NoReturn:
    message = str(told.get("message") or f"the console answers {status}")
    if status in _INVALID:
        fail(_with_details(message, told), USAGE)
    if status in _DENIED:
        fail(f"{message}\n  give a token with --token-file or {TOKEN}")
    fail(message, NO if status == _NOT_FOUND else UNREACHABLE)


def _with_details(message: str, told: Mapping[str, Any]) -> str:
    details = [one for one in told.get("details") or () if isinstance(one, dict)]
    return "\n  ".join([message, *(f"{one.get('path')}: {one.get('message')}" for one in details)])


def _token(path: Path | None) -> str:
    if path is None:
        return os.environ.get(TOKEN, "").strip()
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as why:
        fail(f"--token-file {path}: {why}", USAGE)
