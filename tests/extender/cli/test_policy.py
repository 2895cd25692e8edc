"""`trimtab policy` and the switches of `trimtab plugin`, on a policy in a file."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import aclosing
from pathlib import Path

import pytest
import yaml

from extender.cli.policy import get
from extender.control.admin import ExtenderAdmin
from extender.control.problems import Unreachable
from extender.control.store import Stored
from tests.extender.cli.conftest import EMPTY, Lines

COMMAND = [sys.executable, "-c", "from extender.cli import main; main()"]


def test_get_prints_the_text_as_it_is_and_as_json(lines: Lines) -> None:
    assert lines.trimtab("policy", "get", "-o", "yaml").stdout == EMPTY
    assert json.loads(lines.trimtab("policy", "get", "-o", "json").stdout) == yaml.safe_load(EMPTY)
    assert lines.trimtab("policy", "get", "-o", "name").stdout == f"{lines.path}\n"
    head, row = lines.trimtab("policy", "get").stdout.splitlines()
    assert head.split()[:4] == ["POLICY", "REVISION", "HASH", "EFFECTIVE"]
    assert row.split()[0] == str(lines.path)
    assert len(lines.trimtab("policy", "get", "--no-headers").stdout.splitlines()) == 1


def test_apply_stores_what_is_valid_and_only_that(lines: Lines, tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text(EMPTY + "  plugins: {score: {enabled: [{name: PodState}]}}\n")
    bad = "profiles: [{plugins: {filtr: {}}}]\n"

    assert lines.trimtab("policy", "apply", "-f", str(good), "--reason", "try").exit_code == 0
    assert lines.path.read_bytes() == good.read_bytes()
    refused = lines.trimtab("policy", "apply", "-f", "-", given=bad)
    assert refused.exit_code == 1
    assert "filtr" in refused.stderr
    assert lines.path.read_bytes() == good.read_bytes()
    lost = lines.trimtab("policy", "apply", "-f", str(good), "--if-match", "0000")
    assert lost.exit_code == 1
    assert "changed by somebody else" in lost.stderr
    assert lines.trimtab("policy", "apply", "-f", "/no/such/file").exit_code == 1


def test_a_dry_run_says_what_would_change_and_changes_nothing(lines: Lines) -> None:
    result = lines.trimtab("plugin", "enable", "PodState", "--dry-run")

    assert result.exit_code == 0
    assert "+      - name: PodState" in result.stdout
    assert result.stderr.startswith("dry run:")
    assert lines.path.read_text() == EMPTY
    assert lines.trimtab("policy", "history", "--no-headers").stdout == ""


def test_diff_answers_1_when_sides_differ_and_names_the_places(lines: Lines) -> None:
    lines.trimtab("plugin", "enable", "PodState")

    assert lines.trimtab("policy", "diff", "desired", "desired").exit_code == 0
    found = lines.trimtab("policy", "diff", "1", "desired")
    assert found.exit_code == 1
    assert "+      - name: PodState" in found.stdout
    (place,) = json.loads(lines.trimtab("policy", "diff", "1", "desired", "-o", "json").stdout)
    assert place["path"].startswith("profiles[default-scheduler].plugins")
    assert lines.trimtab("policy", "diff", "-f", "-", given=EMPTY).exit_code == 1
    assert lines.trimtab("policy", "diff", "newest", "desired").exit_code == 2
    assert lines.trimtab("policy", "diff").exit_code == 2
    assert lines.trimtab("policy", "diff", "effective", "desired").exit_code == 3, "nobody tells what is in effect"


def test_validate_names_everything_that_is_wrong(lines: Lines) -> None:
    assert lines.trimtab("policy", "validate", "-f", "-", given=EMPTY).exit_code == 0
    found = lines.trimtab("policy", "validate", "-f", "-", given=EMPTY + "  plugins: {filtr: {}, scor: {}}\n")
    assert found.exit_code == 1
    assert "filtr" in found.stderr
    assert "scor" in found.stderr
    told = lines.trimtab("policy", "validate", "-f", "-", "-o", "json", given=EMPTY)
    assert json.loads(told.stdout)["valid"] is True


def test_verify_finds_a_revision_that_was_changed(lines: Lines) -> None:
    lines.trimtab("plugin", "enable", "PodState")
    lines.trimtab("plugin", "disable", "PodState")
    assert lines.trimtab("policy", "verify").exit_code == 0
    record = Path(f"{lines.path}.history") / "1.json"
    record.write_text(record.read_text().replace("enable", "enlble").replace('"auto"', '"manual"'))

    found = lines.trimtab("policy", "verify")

    assert found.exit_code == 1
    assert "revision 1" in found.stdout


def test_config_takes_several_arguments_and_null_takes_one_away(lines: Lines) -> None:
    lines.trimtab("plugin", "config", "Rescheduler", "cpuThreshold=70", "memoryThreshold=75.5")
    assert lines.args("Rescheduler") == {"cpuThreshold": 70, "memoryThreshold": 75.5}
    lines.trimtab("plugin", "config", "Rescheduler", "cpuThreshold=null")
    assert lines.args("Rescheduler") == {"memoryThreshold": 75.5}
    assert lines.trimtab("plugin", "config", "Rescheduler", "cpuThreshold").exit_code == 2


def test_a_profile_is_chosen_by_its_scheduler_s_name(lines: Lines) -> None:
    lines.path.write_text(EMPTY + "- schedulerName: batch\n")

    lines.trimtab("plugin", "enable", "PodState", "score", "--profile", "batch")

    profiles = yaml.safe_load(lines.path.read_text())["profiles"]
    assert "plugins" not in profiles[0]
    assert profiles[1]["plugins"]["score"]["enabled"] == [{"name": "PodState"}]
    assert lines.trimtab("plugin", "enable", "PodState", "--profile", "nobody").exit_code == 1


def test_watch_adds_a_row_for_each_change_and_ends_cleanly(lines: Lines) -> None:
    watching = subprocess.Popen(
        [*COMMAND, "policy", "get", "-w"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert watching.stdout is not None
    rows = [watching.stdout.readline() for _ in range(2)]
    lines.trimtab("plugin", "enable", "PodState")
    rows.append(watching.stdout.readline())
    watching.send_signal(signal.SIGINT)
    out, err = watching.communicate(timeout=20)

    assert watching.returncode == 0, err
    assert (out, err) == ("", "")
    assert rows[0].startswith("POLICY")
    assert rows[1].split()[1] != rows[2].split()[1]


def test_a_watch_says_nothing_while_nothing_changes(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(["1", "1", "2", "2", "1"])
    monkeypatch.setattr(get, "POLL_S", 0.0)

    async def look(_opened: object) -> get.Seen:
        return get.Seen("it", Stored(b"", "", next(looks)), ())

    async def told() -> list[str]:
        monkeypatch.setattr(get, "look", look)
        async with aclosing(get.changes(object())) as found:  # type: ignore[arg-type]
            return [(await anext(found)).stored.revision for _ in range(3)]

    assert asyncio.run(told()) == ["1", "2", "1"]


def test_a_watch_waits_out_trouble_and_tells_it_once(lines: Lines) -> None:
    watching = subprocess.Popen(
        [*COMMAND, "policy", "get", "-w", "-o", "name"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert watching.stdout is not None
    assert watching.stderr is not None
    watching.stdout.readline()
    lines.path.unlink()
    told = watching.stderr.readline()
    lines.path.write_text(EMPTY)
    again = watching.stdout.readline()
    watching.send_signal(signal.SIGTERM)
    _out, rest = watching.communicate(timeout=20)

    assert "there is no file" in told
    assert "still watching" in told
    assert again.startswith(str(lines.path))
    assert rest == ""


def test_standard_output_holds_data_only(lines: Lines) -> None:
    for line in (("plugin", "enable", "PodState"), ("policy", "backup"), ("policy", "history"), ("policy", "get")):
        told = json.loads(lines.trimtab(*line, "-o", "json").stdout)
        assert told


# --- at a terminal


def at_terminal(answers: str, *line: str) -> tuple[int, str]:
    """Exit code and all that was shown."""
    pid, terminal = pty.fork()
    if pid == 0:
        env = {**os.environ, "NO_COLOR": "1", "TERM": "dumb"}
        os.execvpe(COMMAND[0], [*COMMAND, *line], env)  # noqa: S606 - our own command
    os.write(terminal, answers.encode())
    shown = b""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    _pid, status = os.waitpid(pid, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown.decode()


def test_r038_trimtab_alone_opens_the_menu_at_a_terminal_and_only_there(lines: Lines) -> None:
    code, shown = at_terminal("7\n")
    assert code == 0
    assert "1  Enable a plugin" in shown

    alone = lines.trimtab()
    assert alone.exit_code == 2
    assert "Usage" in alone.stderr


@pytest.mark.parametrize(("answer", "stays"), [("n\n", True), ("\n", True), ("y\n", False)])
def test_r048_at_a_terminal_disabling_asks_first(lines: Lines, answer: str, *, stays: bool) -> None:
    lines.trimtab("plugin", "enable", "PodState")

    code, shown = at_terminal(answer, "plugin", "disable", "PodState")

    assert "Disable PodState in every phase?" in shown
    assert (lines.on("score") == ["PodState"]) is stays
    assert code == (1 if stays else 0)
    assert "\x1b[" not in shown


# --- archives and keys


def test_an_archive_brings_policy_and_history_back_elsewhere(
    lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines.trimtab("plugin", "enable", "PodState", "--reason", "first")
    archive = tmp_path / "backup.tar.gz"
    assert lines.trimtab("policy", "backup", "-f", str(archive)).exit_code == 0
    assert archive.stat().st_mode & 0o077 == 0
    assert lines.trimtab("policy", "backup", "-f", str(archive)).exit_code == 1, "nothing is overwritten"
    elsewhere = tmp_path / "elsewhere.yaml"
    elsewhere.write_text(EMPTY)
    monkeypatch.setenv("TRIMTAB_POLICY_FILE", str(elsewhere))

    assert lines.trimtab("policy", "restore", "-f", str(archive)).exit_code == 1, "nobody confirms it"
    assert lines.trimtab("policy", "restore", "-f", str(archive), "--yes").exit_code == 0

    assert elsewhere.read_bytes() == lines.path.read_bytes()
    assert "first" in lines.trimtab("policy", "history").stdout
    broken = lines.trimtab("policy", "restore", "--yes", "-f", "-", given="no archive")
    assert broken.exit_code == 1


def test_a_signed_history_is_verified_with_its_key_and_a_sealed_one_hides_the_policy(
    lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("signing", "sealing", "other"):
        (tmp_path / name).write_text(f"{name} " * 8)
    monkeypatch.setenv("TRIMTAB_SIGNING_KEY_FILE", str(tmp_path / "signing"))
    monkeypatch.setenv("TRIMTAB_SEALING_KEY_FILE", str(tmp_path / "sealing"))

    lines.trimtab("plugin", "enable", "PodState")
    lines.trimtab("plugin", "disable", "PodState")

    assert lines.trimtab("policy", "verify").exit_code == 0
    assert lines.trimtab("policy", "verify", "--key", str(tmp_path / "other")).exit_code == 1
    records = [path.read_text() for path in Path(f"{lines.path}.history").glob("[0-9]*.json")]
    assert len(records) == 2
    assert not any("PodState" in record for record in records)
    assert lines.trimtab("policy", "rollback", "2", "--yes").exit_code == 0
    assert lines.on("score") == ["PodState"]
    monkeypatch.setenv("TRIMTAB_SEALING_KEY_FILE", "/no/such/key")
    assert lines.trimtab("policy", "history").exit_code == 2


# --- an extender that runs on the file


def test_the_usual_extender_is_asked_only_if_it_runs_on_this_file(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TRIMTAB_EXTENDER")
    source = [str(tmp_path / "another.yaml")]

    async def get_(_admin: object, path: str) -> dict[str, object]:
        if path == "/catalogue":
            raise Unreachable("no")
        return {"source": source[0], "revision": "7", "hash": "h", "desired": {"revision": "7"}, "effective": {}}

    monkeypatch.setattr(ExtenderAdmin, "get", get_)

    assert "unknown" in lines.trimtab("policy", "get").stdout
    source[0] = str(lines.path)
    assert "1/1" in lines.trimtab("policy", "get").stdout
