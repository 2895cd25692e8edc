"""plugin-manager.sh: R-038 to R-049, each by its number, on a policy in a file."""

from __future__ import annotations

import json
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.cli.menu import ENTRIES
from extender.cli.plugin.switch import value_of
from extender.control.edits import PLUGINS
from tests.extender.cli.conftest import Lines

REPOSITORY = Path(__file__).parents[3]


def test_r038_without_arguments_there_is_a_menu(lines: Lines) -> None:
    result = lines.manager(given="7\n")

    assert result.exit_code == 0
    assert "1  Enable a plugin" in result.stderr
    assert result.stdout == ""


def test_r038_the_script_is_installed_beside_trimtab_and_kubectl_trimtab() -> None:
    scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]

    for name in ("trimtab", "kubectl-trimtab", "plugin-manager.sh", "kubectl_complete-trimtab"):
        module, attribute = scripts[name].split(":")
        assert callable(getattr(import_module(module), attribute)), name


def test_r039_entries_1_to_7_keep_their_meaning_and_new_ones_follow() -> None:
    commands = {number: entry.command for number, entry in ENTRIES.items()}

    assert [commands[str(n)] for n in range(1, 8)] == [
        ("enable",),
        ("disable",),
        ("update",),
        ("list",),
        ("restart",),
        ("help",),
        (),
    ]
    assert list(ENTRIES) == [str(n) for n in range(1, len(ENTRIES) + 1)]


def test_r039_the_menu_asks_for_what_it_needs_and_comes_back_until_7(lines: Lines) -> None:
    answers = ["1", "Rescheduler", "filter,score", "3", "Rescheduler", "cpuThreshold", "85.5", "4", "2"]
    answers += ["Rescheduler", "filter", "11", "6", "7", "1", "PodState", ""]

    result = lines.manager(given="\n".join(answers) + "\n")

    assert result.exit_code == 0
    assert result.stderr.count("1  Enable a plugin") == 7
    assert (lines.on("score"), lines.on("filter"), lines.off("filter")) == (["Rescheduler"], [], ["Rescheduler"])
    assert lines.args("Rescheduler") == {"cpuThreshold": 85.5}
    assert "cpuThreshold=85.5" in result.stdout
    assert "'11' is not in the menu" in result.stderr


def test_r039_the_end_of_the_input_leaves_the_menu(lines: Lines) -> None:
    assert lines.manager(given="1\nRescheduler").exit_code == 0
    assert lines.manager(given="").exit_code == 0


def test_r039_what_is_refused_does_not_end_the_menu(lines: Lines) -> None:
    result = lines.manager(given="1\nNoSuch\n\n5\n8\n9\n7\n")

    assert result.exit_code == 0
    assert "unknown plugin: NoSuch" in result.stderr
    assert "(exit code 1)" in result.stderr
    assert "manual" in result.stdout, "the history has the backup"


def test_r040_enable_switches_on_in_those_phases(lines: Lines) -> None:
    result = lines.manager("enable", "Rescheduler", "filter,score")

    assert result.exit_code == 0
    assert lines.on("filter") == lines.on("score") == ["Rescheduler"]
    assert "Rescheduler enabled in filter, score" in result.stderr
    again = lines.manager("enable", "Rescheduler", "filter,score")
    assert again.exit_code == 0
    assert "it was so already" in again.stderr


def test_r040_without_phases_it_is_every_phase_in_which_the_plugin_works(lines: Lines) -> None:
    assert lines.manager("enable", "PodState").exit_code == 0
    assert lines.on("score") == ["PodState"]
    assert lines.on("filter") == []


def test_r041_disable_switches_off_and_says_so_in_the_policy(lines: Lines) -> None:
    lines.manager("enable", "Coscheduling", "filter")

    result = lines.manager("disable", "Coscheduling", "filter")

    assert result.exit_code == 0
    assert (lines.on("filter"), lines.off("filter")) == ([], ["Coscheduling"])


def test_r042_update_merges_one_argument(lines: Lines) -> None:
    assert lines.manager("update", "Rescheduler", "cpuThreshold", "80.0").exit_code == 0
    assert lines.manager("update", "Rescheduler", "memoryThreshold", "90").exit_code == 0
    assert lines.args("Rescheduler") == {"cpuThreshold": 80.0, "memoryThreshold": 90}


@pytest.mark.parametrize(
    ("key", "value"), [("cpuThreshold", "hot"), ("cpuThreshold", "NaN"), ("cpuThreshold", "[1]"), ("cpuTreshold", "1")]
)
def test_r042_a_wrong_key_or_value_is_refused_and_changes_nothing(lines: Lines, key: str, value: str) -> None:
    before = lines.path.read_bytes()

    result = lines.manager("update", "Rescheduler", key, value)

    assert result.exit_code == 1
    assert key in result.stderr
    assert lines.path.read_bytes() == before


@pytest.mark.parametrize(
    ("told", "value"),
    [("true", True), ("null", None), ('"1.5"', "1.5"), ("a: b", "a: b"), ("NaN", "NaN"), ("Infinity", "Infinity")],
)
def test_r042_what_looks_like_no_json_is_text(told: str, value: object) -> None:
    assert value_of(told) == value


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_r042_what_is_json_is_read_as_json(value: object) -> None:
    assert value_of(json.dumps(value)) == value


def test_r043_list_shows_every_plugin_with_state_per_phase_and_arguments(lines: Lines) -> None:
    lines.manager("enable", "Rescheduler", "filter,score")
    lines.manager("disable", "Coscheduling", "permit")
    lines.manager("update", "Rescheduler", "cpuThreshold", "80.0")

    shown = lines.manager("list")

    assert shown.exit_code == 0
    rows = {line.split()[0]: line.split()[1:] for line in shown.stdout.splitlines()[1:]}
    assert list(rows)[:12] == list(PLUGINS)
    assert rows["Rescheduler"] == ["filter,score", "-", "cpuThreshold=80.0"]
    assert rows["Coscheduling"] == ["-", "permit", "-"]
    told = json.loads(lines.manager("list", "-o", "json").stdout)
    assert told["data"]["plugin_configs"] == {"Rescheduler": {"cpuThreshold": 80.0}}
    assert lines.manager("list", "-o", "name").stdout.splitlines()[:12] == list(PLUGINS)
    assert len(lines.manager("list", "--no-headers").stdout.splitlines()) == len(rows)


def test_r045_the_variables_have_their_defaults_and_its_own_name_comes_first(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("TRIMTAB_POLICY_FILE")
    config: dict[str, object] = {"clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}], "users": []}
    config |= {"contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}], "current-context": "c"}
    path = tmp_path / "config"
    path.write_text(json.dumps(config))

    def asked(*line: str) -> str:
        return lines.manager(*line, f"--kubeconfig={path}").stderr

    assert "namespaces/kube-system/configmaps/rescheduler-config" in asked("list")
    assert "deployments/rescheduler-scheduler" in asked("restart", "--yes")
    monkeypatch.setenv("KUBERNETES_NAMESPACE", "theirs")
    assert "namespaces/theirs/configmaps/rescheduler-config" in asked("list")
    monkeypatch.setenv("NAMESPACE", "ours")
    monkeypatch.setenv("CONFIGMAP_NAME", "mine")
    monkeypatch.setenv("SCHEDULER_DEPLOYMENT", "second")
    assert "namespaces/ours/configmaps/mine" in asked("list")
    assert "namespaces/ours/deployments/second" in asked("restart", "--yes")
    assert "namespaces/flag/configmaps/mine" in asked("list", "-n", "flag")


def test_r046_a_change_from_here_is_backed_up_and_audited(lines: Lines) -> None:
    lines.manager("enable", "Rescheduler", "filter", "--reason", "why not")
    lines.manager("enable", "NoSuch", "filter")

    (row,) = lines.manager("history", "--no-headers").stdout.splitlines()
    assert row.split()[0] == "1"
    assert "cli" in row
    assert "why not" in row
    trail = [json.loads(line) for line in Path(f"{lines.path}.audit").read_text().splitlines()]
    assert [(entry["action"], entry["result"], entry["via"]) for entry in trail] == [
        ("enable", "done", "cli"),
        ("enable", "refused", "cli"),
    ]


def test_r047_help_backup_history_and_rollback(lines: Lines) -> None:
    assert "enable" in lines.manager("help").stdout
    before = lines.path.read_bytes()
    saved = json.loads(lines.manager("backup", "-o", "json").stdout)
    assert (saved["backup_id"], saved["reason"]) == (1, "manual")
    lines.manager("enable", "PodState")

    assert lines.manager("rollback", "1", "--yes").exit_code == 0

    assert lines.path.read_bytes() == before
    assert lines.manager("rollback", "99", "--yes").exit_code == 1
    numbers = [line.split()[0] for line in lines.manager("history", "--no-headers").stdout.splitlines()]
    assert numbers == ["3", "2", "1"]


def test_r048_without_a_terminal_restart_and_rollback_stop_and_the_others_run(lines: Lines) -> None:
    before = lines.path.read_bytes()
    lines.manager("enable", "PodState")
    after = lines.path.read_bytes()

    stopped = lines.manager("rollback", "1")
    assert stopped.exit_code == 1
    assert "--yes" in stopped.stderr
    assert lines.path.read_bytes() == after != before
    assert lines.manager("disable", "PodState").exit_code == 0
    assert lines.manager("update", "Rescheduler", "cpuThreshold", "70").exit_code == 0


def test_r049_exit_codes_and_where_things_are_written(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    done = lines.manager("enable", "PodState", "score")
    assert (done.exit_code, done.stdout.split()[:3]) == (0, ["REVISION", "BACKUP", "EFFECTIVE"])
    assert "PodState enabled" in done.stderr
    refused = lines.manager("enable", "PodState", "scores")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "did you mean score?" in refused.stderr
    for wrong in (("enable",), ("nonsense",), ("rollback", "first"), ("update", "PodState", "key")):
        usage = lines.manager(*wrong)
        assert (usage.exit_code, usage.stdout) == (2, "")
    monkeypatch.delenv("TRIMTAB_POLICY_FILE")
    away = lines.manager("list", "--kubeconfig", str(lines.path.with_name("none")))
    assert (away.exit_code, away.stdout) == (3, "")
    assert "--kubeconfig" in away.stderr
