"""trimtab explain --batch: lines in, lines out, whatever they hold."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from extender.cli.batch import FINDINGS, FINE, UNREACHABLE, answer_lines, run_batch
from extender.engine.vectors import CaseError
from extender.native.folders import Folders


def echo(case: Mapping[str, Any]) -> dict[str, Any]:
    """An evaluation that shows what it was given, or does what a case asks for."""
    if case.get("raise") == "case":
        raise CaseError("nodes[3]", "is no node")
    if case.get("raise"):
        raise ZeroDivisionError("oops")
    return {key: value for key, value in case.items() if key != "case"}


def answered(text: bytes) -> tuple[int, list[dict[str, Any]]]:
    out = io.StringIO()
    code = answer_lines(io.BytesIO(text), echo, out)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def test_the_order_is_kept_and_blank_lines_are_no_cases() -> None:
    code, told = answered(b'{"case": 2, "a": 1}\n\n   \n{"case": 1}\r\n{"case": 3}')
    assert code == FINE
    assert told == [{"case": 2, "answer": {"a": 1}}, {"case": 1, "answer": {}}, {"case": 3, "answer": {}}]


def test_expect_never_reaches_the_evaluation() -> None:
    assert answered(b'{"case": 1, "expect": {"score": 3}}')[1] == [{"case": 1, "answer": {}}]


def test_a_line_that_cannot_be_evaluated_is_told_and_the_batch_goes_on() -> None:
    code, told = answered(
        b'{"case": "a"\n[1]\n\xff\xfe\n{"case": "b", "raise": "case"}\n{"case": "c", "raise": "other"}\n{"case": "d"}\n'
    )
    assert code == FINDINGS
    assert [line.get("error", {}).get("path") for line in told] == ["", "", "", "nodes[3]", "", None]
    assert "line 1" in told[0]["error"]["message"]
    assert told[1]["error"]["message"] == "line 2: want an object, got list"
    assert told[3] == {"case": "b", "error": {"path": "nodes[3]", "message": "is no node"}}
    assert told[4]["error"]["message"] == "ZeroDivisionError: oops"
    assert told[5] == {"case": "d", "answer": {}}


LINE = b'{"case": "x", "plugin": "PodState"}\n'
ANSWER = '{"case":"x","answer":{"defaulted":{}}}\n'


def test_plain_and_gzipped_files_and_stdin_are_read_alike(
    tmp_path: Path, kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, packed = tmp_path / "plain.gz", tmp_path / "packed"
    plain.write_bytes(LINE)
    packed.write_bytes(gzip.compress(LINE))
    for source in (plain, str(packed)):
        out = io.StringIO()
        assert run_batch(source, out, Folders(kernels)) == FINE
        assert out.getvalue() == ANSWER
    for given in (LINE, gzip.compress(LINE)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(given))))
        out = io.StringIO()
        assert run_batch("-", out, Folders(kernels)) == FINE
        assert out.getvalue() == ANSWER


def test_an_empty_file_has_no_answers(tmp_path: Path, kernels: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    out = io.StringIO()
    assert run_batch(tmp_path / "empty", out, Folders(kernels)) == FINE
    assert out.getvalue() == ""


def test_a_file_that_breaks_off_is_answered_as_far_as_it_goes(tmp_path: Path, kernels: Path) -> None:
    # Flushed, so that the first line can be unpacked before the stream breaks off.
    whole = io.BytesIO()
    with gzip.GzipFile(fileobj=whole, mode="wb") as packed:
        packed.write(LINE)
        packed.flush()
        packed.write(LINE * 1000)
    (tmp_path / "cut").write_bytes(whole.getvalue()[:-8])
    out = io.StringIO()
    assert run_batch(tmp_path / "cut", out, Folders(kernels)) == FINDINGS
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert told[0] == json.loads(ANSWER)
    assert "breaks off" in told[-1]["error"]["message"]


def test_an_unknown_plugin_is_an_error_of_its_line(tmp_path: Path, kernels: Path) -> None:
    (tmp_path / "f").write_bytes(b'{"case": 1, "plugin": "Nope", "pod": {}}\n' + LINE)
    out = io.StringIO()
    assert run_batch(tmp_path / "f", out, Folders(kernels)) == FINDINGS
    first, second = out.getvalue().splitlines()
    assert json.loads(first)["error"]["path"] == "plugin"
    assert second + "\n" == ANSWER


def test_a_policy_case_is_explained_and_a_bad_policy_is_told(tmp_path: Path, kernels: Path) -> None:
    policy = {
        "apiVersion": "policy.trimtab.dev/v1alpha1",
        "kind": "SchedulingPolicy",
        "profiles": [
            {
                "schedulerName": "default-scheduler",
                "plugins": {"score": {"enabled": [{"name": "PodState", "weight": 2}]}},
            }
        ],
    }
    cases = [
        {"case": 1, "policy": policy, "pod": {"metadata": {"name": "p"}}, "nodes": [{"metadata": {"name": "n"}}]},
        {"case": 2, "policy": {**policy, "kind": "Other"}, "pod": {"metadata": {"name": "p"}}},
    ]
    (tmp_path / "f").write_text("".join(json.dumps(case) + "\n" for case in cases))
    out = io.StringIO()
    assert run_batch(tmp_path / "f", out, Folders(kernels)) == FINDINGS
    good, bad = map(json.loads, out.getvalue().splitlines())
    assert good["answer"]["total"] == {"n": 0}
    assert bad["error"]["path"] == "policy"


def test_what_cannot_be_read_at_all_is_said_on_stderr(
    tmp_path: Path, kernels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_batch(tmp_path / "absent", io.StringIO(), Folders(kernels)) == UNREACHABLE
    assert "absent" in capsys.readouterr().err
