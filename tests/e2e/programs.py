"""Trimtab's two programs as children of the test run, started as deploy/base starts them."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.e2e.controlplane import ControlPlane
from tests.e2e.process import Process, eventually, free_port, read_url

REPOSITORY = Path(__file__).parents[2]
NAMESPACE, ACCOUNT, POLICY = "trimtab-system", "trimtab", "trimtab-policy"
POLICY_PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{POLICY}"
STATUS_ANNOTATION = "policy.trimtab.dev/status"
DRAIN_S = 15
POLICY_LIMIT_S = 15


class Extender(Process):
    """The extender with the rights of deploy/base. Its ports stay the same over restarts."""

    def __init__(self, plane: ControlPlane, journal: Path) -> None:
        super().__init__("extender", plane.dir)
        self.journal = journal
        self.options: tuple[str, ...] = ()
        """More command line, from the next start on."""
        self._plane = plane
        self._scheduler_port, self._admin_port = free_port(), free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._scheduler_port}"

    @property
    def admin(self) -> str:
        return f"http://127.0.0.1:{self._admin_port}"

    def run(self) -> None:
        """Start, and wait until it is ready."""
        self.launch()
        self.wait_ready(f"{self.admin}/readyz")

    def launch(self) -> None:
        """Start, and do not wait."""
        identity = self._plane.account_client(NAMESPACE, ACCOUNT)
        self.start(
            [
                sys.executable,
                "-m",
                "extender",
                f"--listen=127.0.0.1:{self._scheduler_port}",
                f"--admin=127.0.0.1:{self._admin_port}",
                f"--policy-configmap={NAMESPACE}/{POLICY}",
                f"--kubeconfig={self._plane.kubeconfig('extender', identity)}",
                f"--journal={self.journal}",
                *self.options,
            ],
            env=_clean_environment(),
            cwd=REPOSITORY,
        )

    def configz(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(read_url(f"{self.admin}/configz"))
        return answer

    def metric(self, name: str, **labels: str) -> float:
        """Sum of all samples of a metric that carry these labels; 0 when there is none."""
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(
            float(line.rpartition(" ")[2])
            for line in read_url(f"{self.admin}/metrics").splitlines()
            if line.partition("{")[0].partition(" ")[0] == name and all(label in line for label in wanted)
        )


class Sidecar(Process):
    """The sidecar on the extender's journal. Its store stays the same over restarts."""

    def __init__(self, plane: ControlPlane, extender: Extender, store: Path) -> None:
        super().__init__("analytics", plane.dir)
        self.store = store
        self._extender = extender
        self._port, self._metrics_port = free_port(), free_port()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def run(self) -> None:
        self.start(
            [
                sys.executable,
                "-m",
                "analytics",
                f"--listen=127.0.0.1:{self._port}",
                f"--metrics=127.0.0.1:{self._metrics_port}",
                f"--journal={self._extender.journal}",
                f"--store={self.store}",
                f"--extender={self._extender.admin}",
            ],
            env=_clean_environment(),
            cwd=REPOSITORY,
        )
        self.wait_ready(f"{self.url}/health")

    def get(self, path: str) -> Any:
        return json.loads(read_url(f"{self.url}{path}", timeout_s=30))


class PolicyConfigMap:
    """The operator's side of the policy: edits of the ConfigMap, and what comes back."""

    def __init__(self, plane: ControlPlane, extender: Extender) -> None:
        self._kube = plane.admin
        self._extender = extender
        self._edits = 0

    def edit(self, text: str) -> str:
        """Write any text as `kubectl edit` would; the new resourceVersion."""
        answer = self._kube.patch(POLICY_PATH, {"data": {"policy.yaml": text}})
        version: str = answer["metadata"]["resourceVersion"]
        return version

    def apply(self, document: dict[str, Any]) -> str:
        """Write a policy and wait until it is in effect; its name, unique to this edit."""
        name = self.write(document)
        eventually(
            f"policy {name} in effect",
            lambda: self.effective_name() == name,
            POLICY_LIMIT_S,
            lambda: json.dumps(self._extender.configz(), indent=1) + self._extender.log_tail(),
        )
        return name

    def write(self, document: dict[str, Any]) -> str:
        """Write a policy and do not wait; its name, unique to this edit."""
        self._edits += 1
        name = f"edit-{self._edits}"
        self.edit(json.dumps(document | {"metadata": {"name": name}}))
        return name

    def effective_name(self) -> str:
        name: str = self._extender.configz()["effective"]["metadata"]["name"]
        return name

    def text(self) -> str:
        text: str = self._kube.get(POLICY_PATH)["data"]["policy.yaml"]
        return text

    def status(self) -> str:
        """What Trimtab wrote about the policy into the annotation."""
        text: str = self._kube.get(POLICY_PATH)["metadata"].get("annotations", {}).get(STATUS_ANNOTATION, "")
        return text

    def events(self) -> list[dict[str, Any]]:
        """Events about the ConfigMap."""
        items = self._kube.get(f"/api/v1/namespaces/{NAMESPACE}/events")["items"]
        return [event for event in items if event["involvedObject"]["name"] == POLICY]


def _clean_environment() -> dict[str, str]:
    """Ours without options that would get between: no TRIMTAB_..., no proxies, no in-cluster marks."""
    drop = ("TRIMTAB_", "KUBERNETES_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {key: value for key, value in os.environ.items() if not key.upper().startswith(drop)} | {
        "PYTHONUNBUFFERED": "1"
    }
