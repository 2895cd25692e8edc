"""The Python that `make setup` takes: the fastest on the PATH, of those that will do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "fastest-python"


def chosen(*folders: Path) -> str:
    path = ":".join(str(folder) for folder in folders)
    return subprocess.run([TOOL], env={"PATH": path}, capture_output=True, text=True, check=True).stdout.strip()


def a_folder(at: Path, **programs: str) -> Path:
    """With shell scripts of these names."""
    at.mkdir()
    for name, text in programs.items():
        (at / name).write_text(f"#!/bin/sh\n{text}\n")
        (at / name).chmod(0o755)
    return at


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        ("echo 900 /slow", "echo 100 /fast", "/fast"),
        ("echo 100 /fast", "echo 900 /slow", "/fast"),
        ("echo 100 /first", "echo 95 /second", "/first"),
        ("exit 1", "echo 100 /new-enough", "/new-enough"),
        ("echo 100 /of all things", "exit 127", "/of all things"),
    ],
)
def test_the_fastest_is_taken_and_the_first_of_equals(tmp_path: Path, first: str, second: str, taken: str) -> None:
    assert chosen(a_folder(tmp_path / "a", python3=first), a_folder(tmp_path / "b", python3=second)) == taken


def test_other_names_are_asked_only_where_no_python3_will_do(tmp_path: Path) -> None:
    other = {"python3.13": "echo 1 /quick"}
    assert chosen(a_folder(tmp_path / "a", python3="echo 100 /usual", **other)) == "/usual"
    assert chosen(a_folder(tmp_path / "b", python3="exit 1", **other)) == "/quick"


def test_nothing_is_printed_where_there_is_none(tmp_path: Path) -> None:
    assert chosen(a_folder(tmp_path / "a", python3="exit 1")) == ""


def test_a_real_one_is_measured(tmp_path: Path) -> None:
    found = chosen(a_folder(tmp_path / "a", python3=f'exec "{sys.base_prefix}/bin/python3" "$@"'))
    version = "import sys, ensurepip; print(sys.version_info >= (3, 11))"
    assert subprocess.run([found, "-c", version], capture_output=True, text=True, check=True).stdout == "True\n"
