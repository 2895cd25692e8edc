"""The extender as a process: what an operator sees when files change, disks fill and processes die."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.process.an_extender import NODES, Extender, a_cluster, a_pod, policy, running, start

SOON_S = 15.0


def wait_for(extender: Extender, mode: str) -> None:
    until = time.monotonic() + SOON_S
    best = "node-0" if mode == "Least" else "node-3"
    while extender.scores()[best] == 0:
        assert time.monotonic() < until, extender.configz()
        time.sleep(0.02)


def test_r014_an_edit_of_the_policy_file_turns_the_ranking_round_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(policy("Least"))
    with running(tmp_path, "--policy", str(file)) as extender:
        assert extender.scores() == {"node-0": 100, "node-1": 66, "node-2": 33, "node-3": 0}
        file.write_text(policy("Most", weight=3))
        wait_for(extender, "Most")
        assert extender.scores() == {"node-0": 0, "node-1": 99, "node-2": 198, "node-3": 300}


def test_r023_a_bad_edit_changes_nothing_and_is_said_everywhere(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(policy("Least"))
    with running(tmp_path, "--policy", str(file)) as extender:
        before, revision = extender.scores(), extender.configz()["revision"]
        file.write_text(policy("Least").replace("NodeResourcesAllocatable, weight", "NodeResourceAllocatable, weight"))
        until = time.monotonic() + SOON_S
        while "error" not in extender.configz()["desired"]:
            assert time.monotonic() < until
            time.sleep(0.02)
        error = extender.configz()["desired"]["error"]
        assert "profiles[0].plugins.score.enabled[0].name" in error
        assert "NodeResourcesAllocatable" in error, "the nearest known name is offered"
        assert extender.metric("trimtab_policy_last_reload_successful") == 0
        assert (extender.scores(), extender.configz()["revision"]) == (before, revision)


def test_the_last_good_policy_survives_a_kill_a_bad_edit_and_a_deletion(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(policy("Most"))
    with running(tmp_path, "--policy", str(file)) as extender:
        good = extender.scores()
        until = time.monotonic() + SOON_S
        while not file.with_name("policy.yaml.last-good").exists():
            assert time.monotonic() < until
            time.sleep(0.02)
        extender.kill()
    file.write_text("{{{ not yaml")
    with running(tmp_path, "--policy", str(file)) as extender:
        assert extender.scores() == good
        extender.kill()
    file.unlink()
    with running(tmp_path, "--policy", str(file)) as extender:
        assert extender.scores() == good


def test_without_any_policy_every_plugin_is_off_and_the_extender_is_ready(tmp_path: Path) -> None:
    with running(tmp_path) as extender:
        assert extender.filter(a_pod())["NodeNames"] == NODES
        assert extender.scores() == dict.fromkeys(NODES, 0)
        assert extender.configz()["source"] == "none"


def test_answers_do_not_depend_on_a_journal(tmp_path: Path) -> None:
    """Unset, usable, or on a disk that has no room: the same bytes."""
    file = tmp_path / "policy.yaml"
    file.write_text(policy())
    answers = []
    for journal in ((), ("--journal", str(tmp_path / "journal")), ("--journal", "/dev/full/journal")):
        with running(tmp_path, "--policy", str(file), *journal) as extender:
            answers.append((extender.filter(a_pod()), extender.scores()))
            assert extender.stop() == 0
    assert answers[0] == answers[1] == answers[2]


def test_what_is_wrong_with_the_journal_stands_beside_what_is_in_effect(tmp_path: Path) -> None:
    with running(tmp_path, "--journal", "/dev/full/journal") as extender:
        until = time.monotonic() + SOON_S
        while "Not a directory" not in extender.configz()["journal"]["trouble"]:
            assert time.monotonic() < until, extender.configz()["journal"]
            time.sleep(0.02)


@pytest.fixture
def tiny_disk(tmp_path: Path):
    """A file system of 64 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a full disk needs the right to mount one: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_up_is_told_records_wait_and_no_answer_changes(tmp_path: Path, tiny_disk: Path) -> None:
    with running(tmp_path, "--journal", str(tiny_disk / "journal")) as extender:
        before = extender.filter(a_pod()), extender.scores()
        for i in range(300):
            extender.filter(a_pod(f"p{i}"))
        journal = extender.configz()["journal"]
        assert journal["trouble"]
        assert journal["bufferedFrames"] > 0
        assert (extender.filter(a_pod()), extender.scores()) == before
        assert extender.stop() == 0


def test_sigterm_ends_it_with_success_and_idle_connections_do_not_hold_it(tmp_path: Path) -> None:
    with running(tmp_path) as extender:
        extender.filter(a_pod())
        assert extender.stop() == 0


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--cluster-file", "/does/not/exist"], 2, "cannot read the cluster file"),
        (["--kubeconfig", "/does/not/exist"], 3, "--kubeconfig"),
        (["--policy", "a", "--policy-configmap", "b/c"], 2, "exclude each other"),
        (["--policy-configmap", "no-slash"], 2, "NAMESPACE/NAME"),
        (["--tls-cert", "x"], 2, "belong together"),
        (["--max-body", "many"], 2, "not a quantity"),
        (["--bind-timeout", "0"], 2, "0.1<=x<=600"),
        (["--cluster-file", "x", "--load-watcher", "nowhere"], 2, "no address of a load-watcher"),
    ],
)
def test_what_cannot_work_is_refused_at_the_start_with_a_reason(
    tmp_path: Path, args: list[str], code: int, words: str
) -> None:
    process = start(tmp_path, *args)
    assert process.wait(timeout=60) == code
    assert words in (tmp_path / "log").read_text()


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with running(tmp_path) as extender:
        taken = extender.admin.removeprefix("http://")
        other = tmp_path / "other"
        other.mkdir()
        process = start(other, "--cluster-file", str(a_cluster(other / "c.json")), "--admin", taken)
        assert process.wait(timeout=60) == 2
        assert f"cannot listen on {taken}" in (other / "log").read_text()
