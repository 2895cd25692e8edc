"""What shells complete: commands, plugin names, and phases in a list."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from extender.cli import completion
from tests.extender.cli.conftest import Lines


@pytest.fixture(autouse=True)
def fresh() -> None:
    completion._plugins.cache_clear()


def completed(*words: str) -> list[str]:
    env = {**os.environ, "_TRIMTAB_COMPLETE": "bash_complete", "TRIMTAB_EXTENDER": "http://127.0.0.1:1"}
    env |= {"COMP_WORDS": " ".join(["trimtab", *words]), "COMP_CWORD": str(len(words))}
    done = subprocess.run(
        [sys.executable, "-c", "from extender.cli import main; main()"],
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_commands_plugins_and_phases_are_completed() -> None:
    assert completed("pol") == ["policy"]
    assert completed("policy", "ro") == ["rollback"]
    assert completed("plugin", "enable", "resc") == ["Rescheduler"]
    assert completed("plugin", "enable", "PodState", "s") == ["score"]
    assert completed("plugin", "enable", "Rescheduler", "filter,s") == ["filter,score"]
    assert completed("plugin", "enable", "Rescheduler", "score,s") == [], "it is named already"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(lines: Lines, shell: str) -> None:
    shown = lines.trimtab("completion", shell)
    assert shown.exit_code == 0
    assert "_TRIMTAB_COMPLETE" in shown.stdout
    if shell == "bash":
        # What click prints needs a bash that knows `complete -o nosort`; it must at least be bash.
        assert subprocess.run(["bash", "-n"], input=shown.stdout, text=True, check=False).returncode == 0


def test_kubectl_is_told_a_line_each_and_no_file_names(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["kubectl_complete-trimtab", "plugin", "enable", "PodS"])

    completion.kubectl()

    told = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in told] == ["PodState", ":4"]
