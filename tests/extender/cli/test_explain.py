"""What cannot be explained ends in one line that says why, never in a stack trace."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from extender.cli.explain import _show, explain


def told(*args: str) -> Result:
    return CliRunner().invoke(explain, args)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "cluster.json").write_text('{"kind": "List", "items": []}')
    (tmp_path / "pod.yaml").write_text("metadata: {name: p}")
    (tmp_path / "policy.yaml").write_text("kind: Nonsense")
    named = {"--cluster-file": "cluster.json", "--pod": "pod.yaml", "--policy": "policy.yaml"}
    return {option: str(tmp_path / name) for option, name in named.items()}


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--cluster-file", "/", "cannot read the cluster file"),
        ("--pod", "/", "cannot read /: Is a directory"),
        ("--policy", "/", "cannot read /: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(files: dict[str, str], option: str, value: str, words: str) -> None:
    result = told(*(part for pair in (files | {option: value}).items() for part in pair))
    assert (result.exit_code, isinstance(result.exception, SystemExit)) == (1, True), result.exception
    assert words in result.stderr


@pytest.fixture
def asked() -> Iterator[tuple[str, list[Any]]]:
    """(address of an extender that knows no pod, the bodies that it was sent)"""
    bodies: list[Any] = []

    class Unknowing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = b'{"message": "the cluster cache has no pod", "details": []}'
            self.send_response(404)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Unknowing)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", bodies
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_policy_is_sent_as_it_is_written(tmp_path: Path, asked: tuple[str, list[Any]]) -> None:
    """A date is no JSON, and a key written twice would be gone before the extender could refuse it."""
    address, bodies = asked
    text = "day: 2020-01-01\nkind: a\nkind: b\n"
    (tmp_path / "policy.yaml").write_text(text)
    result = told("p", "--admin-url", address, "--policy", str(tmp_path / "policy.yaml"))
    assert (result.exit_code, result.stderr) == (1, "trimtab explain: the cluster cache has no pod\n")
    assert bodies == [{"podRef": {"namespace": "default", "name": "p"}, "policy": text}]


def test_the_table_keeps_brackets_and_whole_names_and_says_what_the_reason_means(
    capsys: pytest.CaptureFixture[str],
) -> None:
    gap = {"code": "Unschedulable", "plugin": "Coscheduling", "reasons": ["resource gap: map[cpu:2000]"]}
    _show({"revision": "r", "filter": {"n1": gap, "n2": gap}, "plugins": {}, "total": {}}, "a/p", "table")
    printed = capsys.readouterr().out
    assert printed.count("resource gap: map[cpu:2000]") == 2
    assert "It waits for its gang: there is not enough room for all of it" in printed

    name = "general-purpose-pool-a-0123456789"
    scores = {f"Scorer{i}": {"weight": 1, "score": {name: 5}, "normalized": {name: 50}} for i in range(8)}
    told = {"revision": "r", "filter": {name: {"code": "Success"}}, "plugins": scores, "total": {name: 400}}
    _show(told, "a/p", "table")
    assert name in capsys.readouterr().out.splitlines()[-1]


def test_the_table_says_who_is_left_out_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    told: dict[str, Any] = {"revision": "r", "filter": {"n": {"code": "Success"}}, "plugins": {}, "total": {"n": 0}}
    told["skipped"] = [{"plugin": "Peaks", "phases": ["score"], "why": "breaker open"}]
    _show(told, "a/p", "table")
    assert "skipped: Peaks in score (breaker open)" in capsys.readouterr().out
