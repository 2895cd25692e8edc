"""`trimtab doctor` on the real chain: sound says ok on every line, and each break is named with what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.e2e.controlplane import SCHEDULER, ControlPlane, Scheduler
from tests.e2e.policies import QUOTAS
from tests.e2e.process import eventually
from tests.e2e.programs import (
    DRAIN_S,
    NAMESPACE,
    REPOSITORY,
    Extender,
    PolicyConfigMap,
    Sidecar,
    clean_environment,
)
from tests.e2e.registration import render

CHECKS = ["api", "scheduler", "extender", "certificates", "policy", "crds", "rights", "clock", "journal", "sidecar"]


@pytest.fixture(scope="module")
def sidecar(plane: ControlPlane, extender: Extender) -> Iterator[Sidecar]:
    sidecar = Sidecar(plane, extender, plane.dir / "doctor.duckdb")
    sidecar.run()
    yield sidecar
    sidecar.terminate(DRAIN_S)


class Doctor:
    def __init__(self, plane: ControlPlane, extender: Extender, sidecar: Sidecar) -> None:
        self._plane = plane
        identity = plane.kubeconfig("scheduler", plane.client(SCHEDULER))
        self.configuration = render("enforcing.yaml", url=extender.url, kubeconfig=identity, scheduler_name="enforced")
        self._args = (
            f"--kubeconfig={plane.kubeconfig('admin', plane.admin)}",
            f"--extender={extender.admin}",
            f"--server={sidecar.url}",
        )

    def __call__(self, *more: str, configuration: str = "") -> tuple[int, list[dict[str, Any]]]:
        path = self._plane.write("doctored.yaml", configuration or self.configuration)
        command = [sys.executable, "-c", "from extender.cli import main; main()", "doctor", "-o", "json"]
        done = subprocess.run(
            [*command, f"--scheduler-config={path}", *self._args, *more],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=REPOSITORY,
            env=clean_environment(),
        )
        assert done.stdout, done.stderr
        return done.returncode, json.loads(done.stdout)

    def trouble(self, *more: str, configuration: str = "") -> list[str]:
        """What is not ok."""
        _code, found = self(*more, configuration=configuration)
        return [f"{line['level']} {line['check']}: {line['message']}" for line in found if line["level"] != "ok"]


@pytest.fixture
def doctor(plane: ControlPlane, extender: Extender, sidecar: Sidecar) -> Doctor:
    return Doctor(plane, extender, sidecar)


def broken(text: str, **fields: Any) -> str:
    configuration = yaml.safe_load(text)
    configuration["extenders"][0].update(fields)
    return str(yaml.safe_dump(configuration))


def test_on_a_sound_chain_every_line_is_ok(
    doctor: Doctor, scheduler: Scheduler, policy: PolicyConfigMap, sidecar: Sidecar
) -> None:
    policy.apply(QUOTAS)
    eventually("the sidecar has read all", sidecar.has_read_all, 30)

    eventually("every line is ok", lambda: not doctor.trouble(), 30, doctor.trouble)
    code, found = doctor()

    assert code == 0
    assert "the API server and the extender" in " ".join(line["message"] for line in found if line["check"] == "clock")
    assert [check for check in CHECKS if check not in {line["check"] for line in found}] == []


def test_each_break_is_named(doctor: Doctor, policy: PolicyConfigMap, plane: ControlPlane) -> None:
    policy.apply(QUOTAS)

    heavy = doctor.trouble("--only=scheduler", configuration=broken(doctor.configuration, weight=7))
    assert ["weight is 7" in line for line in heavy] == [True]

    whole = broken(doctor.configuration, nodeCacheCapable=False)
    assert doctor("--only=scheduler", configuration=whole)[0] == 1
    assert "nodeCacheCapable is not true" in doctor.trouble("--only=scheduler", configuration=whole)[0]

    assert doctor.trouble("--only=clock", "--only=certificates") == []


def test_an_edit_that_is_refused_and_a_missing_state_are_named(
    doctor: Doctor, policy: PolicyConfigMap, plane: ControlPlane
) -> None:
    policy.apply(QUOTAS)
    policy.edit("profiles: [{plugins: {filtr: {}}}]")
    eventually("it is refused", lambda: "False" in policy.status(), 15)

    told = " ".join(doctor.trouble("--only=policy", "-n", NAMESPACE))
    assert "the last edit was refused" in told
    assert "the extender refuses revision" in told
    assert doctor("--only=policy")[0] == 1

    assert "does not exist" in " ".join(doctor.trouble("--only=policy", "--configmap=no-such-policy"))


def test_a_kind_that_the_cluster_does_not_serve_is_named_with_the_plugin(
    doctor: Doctor, policy: PolicyConfigMap, plane: ControlPlane
) -> None:
    policy.apply(QUOTAS)
    assert doctor.trouble("--only=crds") == []
    name = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/elasticquotas.scheduling.x-k8s.io"
    plane.admin.delete(name)
    try:
        eventually("it is missed", lambda: bool(doctor.trouble("--only=crds")), 30)
        told = doctor.trouble("--only=crds")
        assert ["elasticquotas" in line and "CapacityScheduling" in line for line in told] == [True]
    finally:
        plane.kubectl("apply", "-k", str(REPOSITORY / "deploy" / "crds"))
        eventually("it is served again", lambda: not doctor.trouble("--only=crds"), 60)


def test_r270_a_right_that_was_taken_and_one_too_many_are_named(doctor: Doctor, plane: ControlPlane) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/trimtab"
    before = plane.admin.get(path)["rules"]
    fewer = [rule for rule in before if rule["resources"] != ["pods/binding"]]
    assert len(fewer) == len(before) - 1
    try:
        more = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}
        plane.admin.patch(path, {"rules": [*fewer, more]})
        eventually("both are seen", lambda: len(doctor.trouble("--only=rights")) == 2, 15)
        told = " ".join(doctor.trouble("--only=rights"))
        assert "may not: create pods/binding" in told
        assert "may more than it should: list secrets" in told
    finally:
        plane.admin.patch(path, {"rules": before})
        eventually("all is as before", lambda: not doctor.trouble("--only=rights"), 15)


def test_a_user_with_few_rights_is_told_what_cannot_be_seen(doctor: Doctor, plane: ControlPlane) -> None:
    identity = plane.account_client("default", "default")
    few = f"--kubeconfig={plane.kubeconfig('few', identity)}"

    told = doctor.trouble(few, "--only=rights", "--only=policy")

    assert any(line.startswith("fail policy") and "forbidden" in line for line in told)
    assert any("rights" in line for line in told)
