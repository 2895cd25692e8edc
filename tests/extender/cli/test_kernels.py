"""trimtab kernels build: what it makes is what the extender looks for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from extender.cli import installed
from extender.cli.kernels import kernels as command
from extender.cli.root import cli
from extender.native.folders import Folders
from tests.compiled_only import compiled_only

pytestmark = compiled_only


@pytest.mark.timeout(300)  # compiles every plugin, if no test before has
def test_what_is_built_is_what_the_installed_plugins_load(
    tmp_path: Path, kernels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "image"
    done = CliRunner().invoke(command, ["build", str(folder), f"--kernel-cache={kernels}"])
    assert done.exit_code == 0, done.output
    (library,) = folder.iterdir()
    assert str(library) in done.output
    # Nothing else could have been found, and nothing made.
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    found = installed.installed_plugins(Folders(tmp_path / "empty", folder))
    assert "PodState" in found
    assert not (tmp_path / "empty").exists()


@pytest.mark.timeout(300)
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, kernels: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = CliRunner().invoke(command, ["build", str(tmp_path / "taken"), f"--kernel-cache={kernels}"])
    assert done.exit_code != 0
    assert "taken" in done.output


@pytest.mark.timeout(300)
def test_a_missing_c_compiler_is_named(tmp_path: Path, kernels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/nonexistent/cc")
    done = CliRunner().invoke(command, ["build", str(tmp_path / "image"), f"--kernel-cache={kernels}"])
    assert done.exit_code == 1
    assert "/nonexistent/cc" in done.stderr
    assert not (tmp_path / "image").exists()


def test_the_command_is_listed() -> None:
    assert "kernels" in CliRunner().invoke(cli, ["--help"]).output
