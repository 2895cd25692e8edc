"""Steering while pods flow, on the real control plane: many hands at once, outages, a policy that goes and comes back.

What a person must be able to rely on: no edit is lost, no decision is made under half of one, what cannot be had is
said, and the last good policy goes on deciding.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks.steering_checks import Seen, in_history, no_mix, none_lost
from benchmarks.steering_story import KEY, Version, judged, record_of
from benchmarks.steering_writers import (
    KUBECTL,
    SCORING,
    START,
    Again,
    ApiWriter,
    Caller,
    DeskWriter,
    KubectlWriter,
    Places,
    Turned,
    Writer,
    call,
    write_all,
)
from extender.control.revision import Record
from tests.e2e.cluster import Pool
from tests.e2e.controlplane import ControlPlane, Scheduler
from tests.e2e.kube import KubeRefused
from tests.e2e.policies import NOTHING, by_size
from tests.e2e.process import eventually
from tests.e2e.programs import (
    ACCOUNT,
    DRAIN_S,
    NAMESPACE,
    POLICY,
    POLICY_PATH,
    STATUS_ANNOTATION,
    Extender,
    PolicyConfigMap,
    Sidecar,
)
from tests.e2e.test_cli import Shell
from tests.e2e.test_toggles import ROOM, Records, flow

LIMIT_S = 30
AWAY_S = 60.0
EDITS, LINES = 10, 4
"""Of each writer, half of them wrong: console and desk; those who start a program for each."""
REVISIONS = f"/apis/apps/v1/namespaces/{NAMESPACE}/controllerrevisions"
ANY_HASH = "f" * 64
EVERYBODY = {**START, "profiles": [{**START["profiles"][0], "schedulerName": "*"}]}


@pytest.fixture
def console(plane: ControlPlane, extender: Extender, tmp_path: Path) -> Iterator[Sidecar]:
    """It serves whoever reaches it on this machine; what it may is what deploy/base grants."""
    identity = plane.kubeconfig("steering-console", plane.account_client(NAMESPACE, ACCOUNT))
    console = Sidecar(
        plane,
        extender,
        tmp_path / "store.duckdb",
        f"--policy-configmap={NAMESPACE}/{POLICY}",
        f"--kubeconfig={identity}",
        f"--audit-trail={tmp_path / 'console.jsonl'}",
        "--auth=none",
    )
    console.run()
    yield console
    console.terminate(DRAIN_S)


@pytest.fixture(autouse=True)
def _no_history(plane: ControlPlane) -> Iterator[None]:
    plane.admin.delete(REVISIONS)
    yield
    plane.admin.delete(REVISIONS)


class Story:
    """What the API server stored, as its watches tell."""

    def __init__(self, plane: ControlPlane) -> None:
        self.versions: list[Version] = []
        self.records: dict[int, Record] = {}
        self._kube = plane.client("admin")
        now = self._kube.get(POLICY_PATH)
        self._take(now)
        for item in self._kube.get(REVISIONS)["items"]:
            self._take_record(item)
        folder, _, name = POLICY_PATH.rpartition("/")
        for path, take, more in (
            (folder, self._take, {"fieldSelector": f"metadata.name={name}"}),
            (REVISIONS, self._take_record, {}),
        ):
            query = {"resourceVersion": now["metadata"]["resourceVersion"], **more}
            threading.Thread(target=self._follow, args=(path, take, query), daemon=True).start()

    def complete(self) -> None:
        def told() -> bool:
            newest = max((r.number for item in self._kube.get(REVISIONS)["items"] if (r := record_of(item))), default=0)
            version = int(self._kube.get(POLICY_PATH)["metadata"]["resourceVersion"])
            return self.versions[-1].revision >= version and max(self.records, default=0) >= newest

        eventually("the watches have told all", told, LIMIT_S)

    def _follow(self, path: str, take: Callable[[dict[str, Any]], None], query: dict[str, str]) -> None:
        try:
            for kind, item in self._kube.watch(path, **query):
                if kind in ("ADDED", "MODIFIED"):
                    take(item)
        except (OSError, http.client.HTTPException, KubeRefused):
            return  # the control plane is gone

    def _take(self, item: dict[str, Any]) -> None:
        text = item["data"][KEY]
        self.versions.append(Version(int(item["metadata"]["resourceVersion"]), text, judged(text)))

    def _take_record(self, item: dict[str, Any]) -> None:
        if (found := record_of(item)) is not None:
            self.records[found.number] = found


class Kubectl(KubectlWriter):
    """The program itself: get, edit the file, replace."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        super().__init__(0, plane.url, {}, seed=3)
        self._plane = plane
        self._file = folder / "edited.json"
        self._read: dict[str, Any] = {}

    def _base(self) -> tuple[str, str]:
        self._read = json.loads(self._plane.kubectl("-n", NAMESPACE, "get", "configmap", POLICY, "-o", "json"))
        text = self._read["data"][KEY]
        return self.sound.get(text, text), self._read["metadata"]["resourceVersion"]

    def _save(self, text: str, version: str) -> int:
        self._read["metadata"]["resourceVersion"] = version
        self._file.write_text(json.dumps(self._read | {"data": {KEY: text}}))
        try:
            told = self._plane.kubectl("replace", "-f", str(self._file), "-o", "json")
        except AssertionError as refused:
            if "the object has been modified" in str(refused):
                raise Again("conflict") from refused
            raise
        return int(json.loads(told)["metadata"]["resourceVersion"])


class Cli(Caller):
    """The trimtab command, a line for each edit. It asks for nobody's hash: what it switches, it switches again."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        super().__init__("cli", Places(KUBECTL[1].score, 1, "Rescheduler", "score"), seed=4)
        self._shell = shell
        self._file = folder / "mine.json"

    def _next(self) -> tuple[str, Places]:
        return "switch", replace(self.places, on=not self.places.on)

    def _read(self) -> tuple[str, str]:
        return self._done("trimtab policy get -o yaml"), ANY_HASH

    def _put(self, text: str, mark: str) -> dict[str, Any]:
        self._file.write_text(text)
        matching = "" if mark == ANY_HASH else f"--if-match {mark}"
        return self._line(f"trimtab policy apply -f {self._file} {matching} -o json")

    def _switch(self, plugin: str, phase: str, *, on: bool) -> dict[str, Any]:
        return self._line(f"trimtab plugin {'enable' if on else 'disable'} {plugin} {phase} -o json")

    def _configure(self, plugin: str, args: dict[str, Any]) -> dict[str, Any]:
        (key, value), *_ = args.items()
        return self._line(f"trimtab plugin config {plugin} {key}={json.dumps(value)} -o json")

    def _line(self, line: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._done(line))
        return told

    def _done(self, line: str) -> str:
        done = self._shell(line)
        if done.returncode:
            raise Turned(409 if "changed by somebody else" in done.stderr else 422, done.stderr)
        return done.stdout


def in_effect(extender: Extender, text: str) -> None:
    policy = judged(text)
    assert policy is not None
    eventually("in effect", lambda: extender.configz()["hash"] == policy.hash, LIMIT_S, extender.configz)


def test_kubectl_console_desk_and_command_line_at_once_lose_nothing_while_pods_flow(
    plane: ControlPlane,
    extender: Extender,
    scheduler: Scheduler,
    console: Sidecar,
    pool: Pool,
    policy: PolicyConfigMap,
    tmp_path: Path,
) -> None:
    pool.add_nodes([ROOM | {"cpu": str(16 + i)} for i in range(4)])
    story = Story(plane)
    policy.edit(json.dumps(EVERYBODY))
    in_effect(extender, policy.text())
    records = Records(extender.journal, pool.namespace)
    admin = plane.kubeconfig("admin", plane.admin)
    kubectl = Kubectl(plane, tmp_path)
    shell = Shell(plane, tmp_path, admin, TRIMTAB_EXTENDER=extender.admin)
    writers: dict[Writer, int] = {
        ApiWriter(console.url, seed=1): EDITS,
        DeskWriter(admin, extender.admin, tmp_path / "desk.jsonl", seed=2): EDITS,
        kubectl: LINES,
        Cli(shell, tmp_path): LINES,
    }
    with flow(pool) as placed:
        write_all(writers)
        last_good = policy.text()
        kubectl.break_something()
        since = placed()
        eventually("pods flow under the last good one", lambda: placed() >= since + 6, LIMIT_S, pool.waiting)
    story.complete()

    in_effect(extender, last_good)
    accepted = sorted((one for writer in writers for one in writer.told.accepted), key=lambda one: one.revision)
    assert len(accepted) == EDITS + LINES
    since_start = story.versions[[v.text for v in story.versions].index(json.dumps(EVERYBODY)) :]
    none_lost(since_start, accepted, list(writers))
    in_history(since_start, story.records, accepted)
    seen = [Seen(frame) for frame in records.all() if frame.verb in ("filter", "prioritize")]
    records.close()
    assert len({one.revision for one in seen}) > 1
    no_mix(since_start, {extender.url: seen}, SCORING[:1])
    assert shell("trimtab policy verify").returncode == 0


@contextmanager
def stopped(plane: ControlPlane) -> Iterator[None]:
    """The API server answers nobody; connections to it stay."""
    api_server = plane.pids()["kube-apiserver"]
    os.kill(api_server, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(api_server, signal.SIGCONT)


def replaced(console: Sidecar, document: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Whatever was there before."""
    return asked(console, "PUT", "/policy", document, {"If-Match": "*"})


def asked(
    console: Sidecar, method: str, path: str, body: object = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Status and answer of the console's API."""
    content = None if body is None else json.dumps(body).encode()
    told = {"Content-Type": "application/json", **(headers or {})}
    status, answer = call(f"{console.url}/api/v1{path}", method, content, told)
    return status, json.loads(answer)


def preferred(extender: Extender, nodes: list[str]) -> str:
    """The best of the nodes for a pod, as a scheduler is told in a filter and a prioritize call."""
    pod = {"metadata": {"name": "p", "namespace": "default", "uid": "u"}, "spec": {"containers": []}}
    connection = http.client.HTTPConnection(urlsplit(extender.url).netloc, timeout=10)
    for verb in ("filter", "prioritize"):
        body = json.dumps({"Pod": pod, "Nodes": None, "NodeNames": nodes})
        connection.request("POST", f"/{verb}", body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
        if verb == "filter":
            assert answer["NodeNames"] == nodes
    connection.close()
    best: str = max(answer, key=lambda one: one["Score"])["Host"]
    return best


def test_while_the_api_server_is_away_the_last_policy_decides_and_edits_are_refused_whole(
    plane: ControlPlane,
    extender: Extender,
    scheduler: Scheduler,
    console: Sidecar,
    pool: Pool,
    policy: PolicyConfigMap,
    tmp_path: Path,
) -> None:
    nodes = pool.add_nodes([ROOM | {"cpu": str(20 + 10 * i)} for i in range(3)])
    pool.wait_known(extender, scheduler)
    name = policy.apply(by_size("Least"))
    before, revision = plane.admin.get(POLICY_PATH)["data"], extender.configz()["revision"]
    shell = Shell(plane, tmp_path, plane.kubeconfig("admin", plane.admin), TRIMTAB_EXTENDER=extender.admin)

    with ThreadPoolExecutor(2) as threads, stopped(plane):
        until = time.monotonic() + AWAY_S
        by_console = threads.submit(replaced, console, by_size("Most"))
        by_command = threads.submit(shell, "trimtab plugin enable PodState score")
        while time.monotonic() < until:
            assert preferred(extender, nodes) == nodes[0]
            time.sleep(0.1)
        assert by_console.done(), "a refusal comes while it is away"
        assert by_command.done()
        assert (policy_name(extender), extender.configz()["revision"]) == (name, revision)

    status, refusal = by_console.result()
    assert status == 503, refusal
    assert refusal["reason"] == "ServiceUnavailable", refusal
    assert by_command.result().returncode == 3, by_command.result()
    assert "no answer" in by_command.result().stderr
    eventually("it is back", lambda: plane.admin.get("/readyz") == "ok", LIMIT_S)
    assert plane.admin.get(POLICY_PATH)["data"] == before
    kept = [record.kind for item in plane.admin.get(REVISIONS)["items"] if (record := record_of(item))]
    assert "auto" not in kept, "nothing was saved for edits that were not made"

    status, answer = replaced(console, by_size("Most"))
    assert status == 200, answer
    in_effect(extender, json.dumps(by_size("Most")))
    pool.create(pool.pod(f"after-{i}") for i in range(3))
    assert set(pool.wait_bound(3).values()) == {nodes[-1]}


def policy_name(extender: Extender) -> str:
    return str(extender.configz()["effective"]["metadata"]["name"])


def test_a_configmap_that_is_deleted_leaves_the_last_good_policy_and_a_new_one_takes_effect(
    plane: ControlPlane,
    extender: Extender,
    scheduler: Scheduler,
    console: Sidecar,
    pool: Pool,
    policy: PolicyConfigMap,
) -> None:
    pool.add_nodes([ROOM] * 3)
    name = policy.apply(by_size("Least"))
    folder = POLICY_PATH.rpartition("/")[0]
    with flow(pool) as placed:
        plane.admin.delete(POLICY_PATH)
        eventually(
            "it is told", lambda: "deleted" in json.dumps(extender.configz()["desired"]), LIMIT_S, extender.configz
        )
        assert extender.metric("trimtab_policy_last_reload_successful") == 0
        since = placed()
        eventually("pods flow without it", lambda: placed() >= since + 6, LIMIT_S, pool.waiting)
        assert policy_name(extender) == name
        status, answer = asked(console, "POST", "/plugins/PodState/enable", {"phases": ["score"]})
        assert status == 404, answer
        assert POLICY in answer["message"]

        again = by_size("Most") | {"metadata": {"name": "made-again"}}
        plane.admin.post(folder, {"metadata": {"name": POLICY}, "data": {KEY: json.dumps(again)}})
        eventually("the new one decides", lambda: policy_name(extender) == "made-again", LIMIT_S, extender.configz)
        assert extender.metric("trimtab_policy_last_reload_successful") == 1
        since = placed()
        eventually("pods flow under the new one", lambda: placed() >= since + 6, LIMIT_S, pool.waiting)
    status, answer = asked(console, "POST", "/plugins/PodState/enable", {"phases": ["score"]})
    assert (status, answer["data"]["warnings"]) == (200, []), answer


def test_a_rollback_while_pods_flow_decides_from_its_answer_on(
    plane: ControlPlane,
    extender: Extender,
    scheduler: Scheduler,
    console: Sidecar,
    pool: Pool,
    policy: PolicyConfigMap,
) -> None:
    pool.add_nodes([ROOM] * 3)
    records = Records(extender.journal, pool.namespace)
    policy.apply(by_size("Least"))
    good = policy.text()
    with flow(pool) as placed:
        eventually("pods flow", lambda: placed() >= 6, LIMIT_S, pool.waiting)
        status, changed = replaced(console, by_size("Most"))
        assert status == 200, changed
        since = placed()
        eventually("pods flow under the new one", lambda: placed() >= since + 6, LIMIT_S, pool.waiting)

        number = changed["data"]["backup_id"]
        status, back = asked(console, "POST", f"/policy/revisions/{number}/rollback")
        answered_us = time.time_ns() // 1000
        assert (status, back["data"]["warnings"]) == (200, []), back
        since = placed()
        eventually("pods flow after it", lambda: placed() >= since + 12, LIMIT_S, pool.waiting)

    assert policy.text() == good
    frames = [frame for frame in records.all() if frame.verb == "filter"]
    records.close()
    assert [f for f in frames if f.revision == changed["data"]["revision"]], "the bad one had decided"
    after = {frame.revision for frame in frames if frame.at_us - frame.duration_us > answered_us}
    assert after == {back["data"]["revision"]}


def test_two_replicas_have_every_edit_and_one_that_was_killed_in_the_middle_comes_back_to_it(
    plane: ControlPlane, extender: Extender, console: Sidecar, policy: PolicyConfigMap
) -> None:
    policy.apply(NOTHING)
    second = Extender(plane, plane.dir / "journal-second", recording=False, name="second")
    second.options = ("--replica=second",)
    second.run()

    def switch(number: int) -> list[str]:
        verb = "disable" if number % 2 else "enable"
        status, answer = asked(console, "POST", f"/plugins/PodState/{verb}", {"phases": ["score"]})
        assert status == 200, answer
        warnings: list[str] = answer["data"]["warnings"]
        return warnings

    def told(replica: Extender) -> tuple[str, str]:
        found = replica.configz()
        return found["revision"], found["hash"]

    try:
        for number in range(3):
            assert switch(number) == []
            assert told(second) == told(extender), "in effect everywhere when the answer comes"

        killer = threading.Timer(0.01, second.kill)
        killer.start()
        for number in range(3, 6):
            warnings = switch(number)
            killer.join()
        assert len(warnings) == 1
        assert "second" in warnings[0]
        left = told(extender)

        second.run()
        eventually("it comes back to the same", lambda: told(second) == left, LIMIT_S, second.log_tail)
        assert switch(6) == []
        assert told(second) == told(extender)
    finally:
        second.terminate(DRAIN_S)
        # A replica that never comes back would be missed by every later edit.
        plane.admin.patch(POLICY_PATH, {"metadata": {"annotations": {STATUS_ANNOTATION: None}}})
