"""`trimtab why` against whatever answers at --server: it ends with words and an exit code, never with a traceback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from extender.cli.root import cli

ANSWER: dict[str, Any] = {
    "cause": "room.cpu",
    "title": "Waits for CPU",
    "sentence": "a/web waits for room.",
    "lasting": "waits",
    "label": "Waits",
    "lines": [{"text": "It asks for cpu 1.", "basis": "observed", "source": "pod"}],
    "groups": [
        {
            "reason": "has too little cpu free",
            "plugin": "NodeResourcesFit",
            "nodes": ["n1", "n2", "n3", "n4"],
            "count": 9,
            "would_fit_if": "",
            "basis": "inferred",
        }
    ],
    "advice": [{"text": "Add a node.", "command": ""}],
}


class Console:
    """Answers every call with what a test last set, and keeps what was asked."""

    def __init__(self) -> None:
        self.status, self.body = 200, json.dumps({"status": "success", "data": ANSWER})
        self.asked: list[tuple[str, str]] = []
        console = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                console.asked.append((self.path, self.headers.get("authorization", "")))
                self.send_response(console.status)
                self.end_headers()
                self.wfile.write(console.body.encode())

            def log_message(self, *_args: object) -> None:
                """Silent."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def why(self, *args: str, **env: str) -> Result:
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        return CliRunner(env={"TRIMTAB_SERVER": url, "TRIMTAB_TOKEN": "", **env}).invoke(cli, ["why", *args])


@pytest.fixture
def console() -> Iterator[Console]:
    found = Console()
    yield found
    found.server.shutdown()
    found.server.server_close()


def refusal(code: int, message: str, **more: Any) -> str:
    return json.dumps({"status": "error", "code": code, "message": message, **more})


def test_nothing_is_cut_but_samples_say_that_there_are_more(console: Console) -> None:
    told = console.why("a/web")
    assert (told.exit_code, told.stderr) == (0, "")
    assert "n1, n2, n3, ..." in told.stdout
    assert "n1, n2, n3, n4, ..." in console.why("a/web", "-o", "wide").stdout
    assert "-> Add a node.\n" in told.stdout


def test_names_are_quoted_in_the_address_and_the_token_goes_with_it(console: Console, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    console.why("a/../web?x", "-n", "a")
    assert console.asked == [], "that is no name"
    console.why("web?x", "-n", "a b", "--token-file", str(token))
    assert console.asked == [("/api/v1/pods/a%20b/web%3Fx/why?lang=en", "Bearer secret")]
    console.why("web", TRIMTAB_TOKEN="other")  # noqa: S106 - of nobody
    assert console.asked[-1] == ("/api/v1/pods/default/web/why?lang=en", "Bearer other")


@pytest.mark.parametrize(
    ("status", "body", "code", "says"),
    [
        (404, refusal(404, "No decision about pod a/web"), 1, "No decision about pod a/web"),
        (401, refusal(401, "who are you?"), 1, "--token-file"),
        (403, refusal(403, "not for you"), 1, "not for you"),
        (422, refusal(422, "cannot be used", details=[{"path": "lang", "message": "en or zh"}]), 2, "lang: en or zh"),
        (503, refusal(503, "The store does not answer"), 3, "The store does not answer"),
        (200, "<html>", 3, "is this the console?"),
        (200, "[]", 3, "the console answers 200"),
        (200, '{"data": 5}', 3, "the console answers 200"),
    ],
)
def test_every_refusal_has_words_and_an_exit_code(
    console: Console, status: int, body: str, code: int, says: str
) -> None:
    console.status, console.body = status, body
    told = console.why("a/web")
    assert (told.exit_code, told.stdout) == (code, "")
    assert says in told.stderr
    assert told.exception is None or isinstance(told.exception, SystemExit)


@pytest.mark.parametrize("server", ["http://127.0.0.1:1", "http://[::1", "nowhere"])
def test_a_console_that_is_not_there_is_told_with_what_to_do(server: str) -> None:
    told = CliRunner(env={"TRIMTAB_SERVER": server}).invoke(cli, ["why", "a/web"])
    assert told.exit_code in (2, 3)
    assert "--server" in told.stderr
    assert isinstance(told.exception, SystemExit)
