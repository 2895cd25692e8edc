"""The command line on the real control plane: R-040 to R-044 as written, conflicts, refusals, and kubectl's plugin.

The lines run as installed programs do: scripts made from the entry points, found by PATH, with a kubeconfig.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.controlplane import ControlPlane
from tests.e2e.policies import NOTHING
from tests.e2e.process import eventually
from tests.e2e.programs import NAMESPACE, POLICY, POLICY_PATH, REPOSITORY, Extender, PolicyConfigMap, clean_environment

SCHEDULER = "rescheduler-scheduler"
LIMIT_S = 15
FLAT = ("enabled_plugins", "disabled_plugins", "plugin_configs")


class Shell:
    """A shell of an operator whose PATH has our programs and kubectl."""

    def __init__(self, plane: ControlPlane, folder: Path, kubeconfig: Path, **environment: str) -> None:
        self._bin = folder / "bin"
        self._bin.mkdir(exist_ok=True)
        scripts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["scripts"]
        for name, entry in scripts.items():
            module, _, attribute = entry.partition(":")
            script = self._bin / name
            script.write_text(
                f"#!{sys.executable}\nimport sys\nfrom {module} import {attribute}\nsys.exit({attribute}())\n"
            )
            script.chmod(0o755)
        kubectl = self._bin / "kubectl"
        if not kubectl.exists():
            kubectl.symlink_to(plane.binaries / "kubectl")
        self.environment = {
            **clean_environment(),
            "HOME": str(folder),
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "PYTHONPATH": str(REPOSITORY),
            "KUBECONFIG": str(kubeconfig),
            "NAMESPACE": NAMESPACE,
            "CONFIGMAP_NAME": POLICY,
            **environment,
        }

    def __call__(self, line: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """A line, as typed."""
        return subprocess.run(
            ["bash", "-c", line],
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=self.environment,
        )

    def done(self, line: str, given: str = "") -> str:
        """Its standard output. Raises AssertionError with its messages unless it succeeds."""
        found = self(line, given)
        assert found.returncode == 0, f"{line}: {found.returncode}\n{found.stdout}{found.stderr}"
        return found.stdout


@pytest.fixture
def shell(plane: ControlPlane, extender: Extender, policy: PolicyConfigMap, tmp_path: Path) -> Shell:
    document = {**NOTHING, "profiles": [{"schedulerName": "default-scheduler"}]}
    policy.apply(document)
    return Shell(plane, tmp_path, plane.kubeconfig("admin", plane.admin))


def effective(extender: Extender) -> dict[str, set[str]]:
    """Plugin -> phases that are on, as the extender tells it."""
    found: dict[str, set[str]] = {}
    for seat in extender.configz()["plugins"]:
        found.setdefault(seat["name"], set()).update(seat["phases"])
    return found


def arguments(extender: Extender, plugin: str) -> dict[str, Any]:
    profile = extender.configz()["effective"]["profiles"][0]
    configs: dict[str, dict[str, Any]] = {c["name"]: c["args"] for c in profile.get("pluginConfig") or ()}
    return configs.get(plugin, {})


def test_r040_r041_r042_the_lines_as_written_take_effect(shell: Shell, extender: Extender) -> None:
    shell.done("plugin-manager.sh enable Rescheduler filter,score")
    assert effective(extender) == {"Rescheduler": {"filter", "score"}}, "in effect when the line has ended"

    shell.done("plugin-manager.sh enable Coscheduling filter")
    assert "Coscheduling" in effective(extender)
    shell.done("plugin-manager.sh disable Coscheduling filter")
    assert "Coscheduling" not in effective(extender)

    out = shell.done("plugin-manager.sh update Rescheduler cpuThreshold 80.0")
    assert arguments(extender, "Rescheduler") == {"cpuThreshold": 80.0}
    assert out.splitlines()[1].split()[0] == extender.configz()["revision"]
    assert out.split()[-1] == "yes"


def test_r043_list_shows_state_per_phase_and_parameters(shell: Shell) -> None:
    shell.done("plugin-manager.sh enable Rescheduler filter,score")
    shell.done("plugin-manager.sh update Rescheduler cpuThreshold 80.0")
    shell.done("plugin-manager.sh disable Coscheduling filter")

    rows = {line.split()[0]: line.split()[1:] for line in shell.done("plugin-manager.sh list").splitlines()[1:]}

    assert rows["Rescheduler"] == ["filter,score", "-", "cpuThreshold=80.0"]
    assert rows["Coscheduling"] == ["-", "filter", "-"]


def test_r044_restart_patches_the_deployment_and_a_static_pod_is_told_apart(shell: Shell, plane: ControlPlane) -> None:
    missing = shell("plugin-manager.sh restart --yes")
    assert missing.returncode == 1
    assert "static pod" in missing.stderr

    labels = {"app": SCHEDULER}
    container = {"name": "scheduler", "image": "example.test/scheduler:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    spec = {"selector": {"matchLabels": labels}, "template": template}
    plane.admin.post(path, {"metadata": {"name": SCHEDULER}, "spec": spec})
    try:
        assert shell("plugin-manager.sh restart").returncode == 1, "nobody confirms it"
        shell.done("plugin-manager.sh restart --yes --reason 'new nodes'")
        annotations = plane.admin.get(f"{path}/{SCHEDULER}")["spec"]["template"]["metadata"]["annotations"]
        assert "kubectl.kubernetes.io/restartedAt" in annotations
        told = json.loads(shell.done("trimtab scheduler restart --yes -o json"))
        assert (told["namespace"], told["deployment"]) == (NAMESPACE, SCHEDULER)
    finally:
        plane.admin.delete(f"{path}/{SCHEDULER}")


def test_r047_backup_history_and_rollback_bring_the_policy_back(shell: Shell, extender: Extender) -> None:
    shell.done("plugin-manager.sh enable PodState score")
    number = json.loads(shell.done("plugin-manager.sh backup --reason before -o json"))["backup_id"]
    shell.done("plugin-manager.sh disable PodState score")
    assert effective(extender) == {}

    history = shell.done("plugin-manager.sh history")
    assert "before" in history
    shell.done(f"plugin-manager.sh rollback {number} --yes")

    assert effective(extender) == {"PodState": {"score"}}
    assert shell("trimtab policy verify").returncode == 0
    assert shell("trimtab policy diff effective desired").returncode == 0


def test_r045_the_flat_configmap_of_the_users_documents_is_edited_in_its_form(
    shell: Shell, plane: ControlPlane
) -> None:
    path = "/api/v1/namespaces/kube-system/configmaps"
    data = {"enabled_plugins": "filter: [Rescheduler]\n", "disabled_plugins": "{}", "plugin_configs": "{}"}
    plane.admin.post(path, {"metadata": {"name": "rescheduler-config"}, "data": data})
    try:
        del shell.environment["NAMESPACE"], shell.environment["CONFIGMAP_NAME"]
        shell.done("plugin-manager.sh update Rescheduler cpuThreshold 80.0")
        shell.done("plugin-manager.sh disable Rescheduler filter")

        after = plane.admin.get(f"{path}/rescheduler-config")["data"]
        assert set(after) == set(FLAT)
        assert yaml.safe_load(after["disabled_plugins"]) == {"filter": ["Rescheduler"]}
        assert yaml.safe_load(after["plugin_configs"]) == {"Rescheduler": {"cpuThreshold": 80.0}}
    finally:
        plane.admin.delete(f"{path}/rescheduler-config")


def test_r036_r046_many_at_once_lose_nothing(shell: Shell, extender: Extender) -> None:
    plugins = ["PodState", "NodeResourcesAllocatable", "Rescheduler", "QoS", "Coscheduling", "TenantQuota"]

    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda name: shell(f"plugin-manager.sh enable {name}"), plugins))

    won = {name for name, done in zip(plugins, found, strict=True) if done.returncode == 0}
    assert won
    assert all(done.returncode in (0, 1) for done in found)
    assert all("changed" in done.stderr for done in found if done.returncode == 1)
    eventually("all that was said to be done is in effect", lambda: won <= set(effective(extender)), LIMIT_S)


def test_a_lost_update_is_refused(shell: Shell, policy: PolicyConfigMap, tmp_path: Path) -> None:
    told = json.loads(shell.done("trimtab plugin enable PodState score -o json"))
    file = tmp_path / "mine.yaml"
    file.write_text(shell.done("trimtab policy get -o yaml"))
    policy.apply(NOTHING)

    lost = shell(f"trimtab policy apply -f {file} --if-match {told['hash']}")

    assert lost.returncode == 1
    assert "changed by somebody else" in lost.stderr
    assert "PodState" not in policy.text()


def test_without_the_right_a_change_is_refused_with_its_name_and_nothing_changes(
    shell: Shell, plane: ControlPlane, extender: Extender, tmp_path: Path
) -> None:
    roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/trimtab-system"
    rules = [{"apiGroups": ["", "apps"], "resources": ["configmaps", "controllerrevisions"], "verbs": ["get", "list"]}]
    plane.admin.post(f"{roles}/roles", {"metadata": {"name": "onlooker"}, "rules": rules})
    binding = {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "onlooker"}}
    subject = {"kind": "ServiceAccount", "name": "onlooker", "namespace": "default"}
    plane.admin.post("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "onlooker"}})
    plane.admin.post(f"{roles}/rolebindings", {"metadata": {"name": "onlooker"}, **binding, "subjects": [subject]})
    identity = plane.account_client("default", "onlooker")
    onlooker = Shell(plane, tmp_path, plane.kubeconfig("onlooker", identity))
    before = plane.admin.get(POLICY_PATH)["data"]

    eventually("it may look", lambda: onlooker("plugin-manager.sh list").returncode == 0, LIMIT_S)
    refused = onlooker("plugin-manager.sh enable PodState score")

    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "forbidden" in refused.stderr.lower()
    assert plane.admin.get(POLICY_PATH)["data"] == before
    trail = (tmp_path / ".local/state/trimtab/audit.jsonl").read_text().splitlines()
    assert json.loads(trail[-1])["actor"] == "system:serviceaccount:default:onlooker"
    assert json.loads(trail[-1])["result"] == "refused"

    blocked = shell("trimtab policy get --as system:serviceaccount:default:nobody")
    assert blocked.returncode == 1
    nowhere = onlooker("KUBECONFIG=/none plugin-manager.sh list")
    assert nowhere.returncode == 3


def test_kubectl_trimtab_is_the_same_program(shell: Shell, extender: Extender) -> None:
    shell.done("kubectl trimtab plugin enable PodState score --reason 'by kubectl'")

    assert effective(extender) == {"PodState": {"score"}}
    assert "Usage: kubectl trimtab" in shell.done("kubectl trimtab --help")
    row = shell.done("kubectl trimtab policy get --no-headers")
    assert "1/1" in row
    assert "by kubectl" in row
    completed = shell.done("kubectl __complete trimtab plugin enable PodSt")
    assert "PodState" in completed


def test_a_watch_tells_of_edits_by_others_and_when_they_are_in_effect(shell: Shell, policy: PolicyConfigMap) -> None:
    watching = subprocess.Popen(
        ["trimtab", "policy", "get", "-w", "-o", "name"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=shell.environment,
        executable=shutil.which("trimtab", path=shell.environment["PATH"]),
    )
    assert watching.stdout is not None
    first = watching.stdout.readline()
    policy.apply(NOTHING)
    second = watching.stdout.readline()
    watching.send_signal(signal.SIGINT)
    _out, err = watching.communicate(timeout=20)

    assert watching.returncode == 0, err
    assert first != second
    assert second.startswith(f"configmap/{NAMESPACE}/{POLICY}@")
