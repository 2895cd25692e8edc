"""R-220, R-221, R-224: lines of the log."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from analytics.config.logs import Lines, Logs, without_secrets
from analytics.config.values import Values


def record(name: str, message: str, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, __file__, 1, message, (), None)
    made.__dict__.update(extra)
    return made


def test_r099_r221_a_line_is_one_object_with_the_fields_of_the_paper() -> None:
    line = Lines("heatmap-generator").format(record("analytics.main", "two\nlines", decision_id="d1", node="n"))
    assert "\n" not in line
    told = json.loads(line)
    assert list(told) == ["time", "level", "logger", "tool", "message", "decision_id", "node"]
    assert told["time"].endswith("Z")
    assert (told["level"], told["logger"], told["tool"]) == ("warning", "analytics.main", "heatmap-generator")


@pytest.mark.parametrize(
    ("logger", "tool"),
    [
        ("analytics.main", "scheduler-tools"),
        ("analytics.views.analyzer.worker", "scheduler-analyzer"),
        ("analytics.control.health", "policy-api"),
        ("analytics.audit.engine", "scheduler-audit-analyzer"),
        ("analytics.viewsanalyzer", "scheduler-tools"),
    ],
)
def test_r100_in_the_combined_program_lines_name_the_tool_that_they_come_from(logger: str, tool: str) -> None:
    lines = Lines(views={"analytics.views.analyzer": "scheduler-analyzer"})
    assert json.loads(lines.format(record(logger, "x")))["tool"] == tool
    assert json.loads(lines.format(record(logger, "x", tool="mine")))["tool"] == "mine"
    assert json.loads(Lines("alone").format(record(logger, "x")))["tool"] == "alone"


def test_r220_text_is_one_line_for_people() -> None:
    text = Lines("scheduler-analyzer", as_json=False).format(record("analytics.main", "hello"))
    assert text.endswith("warning scheduler-analyzer analytics.main: hello")


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcDEF123456.xyz", "abcDEF123456.xyz"),
        ("got basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
        ("cannot reach postgresql://me:hunter2@db/x", "hunter2"),
        ("http://u:p%40ss@host refused", "p%40ss"),
        ("password=hunter2&x=1", "hunter2"),
        ('{"token": "s3cr3t value", "a": 1}', "s3cr3t"),
        ("api_key: hunter2", "hunter2"),
        ("client-secret='very hidden'", "very hidden"),
        ("jwt eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJrIn0.c2lnbmF0dXJl seen", "eyJpc3MiOiJrIn0"),
    ],
)
def test_r224_credentials_never_come_into_a_line(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in without_secrets(text)
    for as_json in (True, False):
        assert secret not in Lines(as_json=as_json).format(record("analytics", text))
    try:
        int(text)
    except ValueError:
        failed = record("analytics", "it failed", exc_info=sys.exc_info())
    assert secret not in Lines().format(failed)
    assert "ValueError" in Lines().format(failed)


@pytest.mark.parametrize(
    "text",
    ["--api-key-file: no such file", "policy in configmap kube-system/x", "http://127.0.0.1:8889 does not answer",
     "the token of the caller is too old", "lost 12 frames (buffer)"],
)  # fmt: skip
def test_what_is_no_secret_stays_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


def test_r219_r223_level_format_and_output_change_while_the_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    root, ours = logging.getLogger(), logging.getLogger("analytics")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    try:
        logs = Logs("scheduler-analyzer")
        logs.apply(Values())
        ours.info("first")
        ours.debug("hidden")
        logs.apply(Values(level="debug", format="text", output="stderr"))
        ours.debug("second")
    finally:
        for handler in root.handlers[:]:
            root.removeHandler(handler)
        for handler in handlers:
            root.addHandler(handler)
        root.setLevel(levels[0])
        ours.setLevel(levels[1])
    out, err = capsys.readouterr()
    assert json.loads(out)["message"] == "first"
    assert err.endswith("debug   scheduler-analyzer analytics: second\n")
