"""Trimtab's two programs as children of the test run, started as deploy/base starts them."""

from __future__ import annotations

import itertools
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.e2e.controlplane import ControlPlane
from tests.e2e.kube import KubeRefused
from tests.e2e.process import Process, eventually, read_metric, read_url
from tests.ports import free_port

REPOSITORY = Path(__file__).parents[2]
NAMESPACE, ACCOUNT, POLICY = "trimtab-system", "trimtab", "trimtab-policy"
POLICY_PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{POLICY}"
STATUS_ANNOTATION = "policy.trimtab.dev/status"
DRAIN_S = 15
POLICY_LIMIT_S = 15


QUOTAS_PATH = "/apis/scheduling.x-k8s.io/v1alpha1/elasticquotas"


_edits = itertools.count(1)


def install(plane: ControlPlane) -> None:
    """Apply deploy/ as its README tells operators to."""
    plane.kubectl("apply", "-k", str(REPOSITORY / "deploy" / "crds"))
    eventually("elasticquotas are served", lambda: _served(plane, QUOTAS_PATH), 30)
    plane.kubectl("apply", "-k", str(REPOSITORY / "deploy" / "base"))


def _served(plane: ControlPlane, path: str) -> bool:
    """A new kind answers 404 and then 429 for a moment."""
    try:
        plane.admin.get(path)
    except KubeRefused:
        return False
    return True


class Extender(Process):
    """The extender with the rights of deploy/base. Its ports stay the same over restarts."""

    def __init__(self, plane: ControlPlane, journal: Path, *, recording: bool = True, name: str = "extender") -> None:
        super().__init__(name, plane.dir)
        self.journal = journal
        self._recording = (f"--journal={journal}",) if recording else ()
        self.options: tuple[str, ...] = ()
        """More command line, from the next start on."""
        self.environment: dict[str, str] = {}
        """More environment, likewise."""
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
                *self._recording,
                *self.options,
            ],
            env=clean_environment() | self.environment,
            cwd=REPOSITORY,
        )

    def configz(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(read_url(f"{self.admin}/configz"))
        return answer

    def metric(self, name: str, **labels: str) -> float:
        return read_metric(f"{self.admin}/metrics", name, **labels)

    def nodes_known(self) -> int:
        return int(self.metric("trimtab_nodes"))


class Sidecar(Process):
    """The sidecar on the extender's journal. Its store stays the same over restarts."""

    def __init__(self, plane: ControlPlane, extender: Extender, store: Path, *options: str) -> None:
        """`options`: more command line."""
        super().__init__("analytics", plane.dir)
        self.store = store
        self._options = options
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
                *self._options,
            ],
            env=clean_environment(),
            cwd=REPOSITORY,
        )
        self.wait_ready(f"{self.url}/health")

    def get(self, path: str) -> Any:
        return json.loads(read_url(f"{self.url}{path}", timeout_s=30))

    def has_read_all(self) -> bool:
        """Nothing of the journal is waiting for it."""
        page = read_url(f"http://127.0.0.1:{self._metrics_port}/metrics")
        return "\ntrimtab_ingest_behind_bytes 0.0\n" in page


class PolicyConfigMap:
    """The operator's side of the policy: edits of the ConfigMap, and what comes back."""

    def __init__(self, plane: ControlPlane, extender: Extender) -> None:
        self._kube = plane.admin
        self._extender = extender

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
        name = f"edit-{next(_edits)}"
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


def clean_environment() -> dict[str, str]:
    """Ours without options that would get between: no TRIMTAB_..., no proxies, no in-cluster marks."""
    drop = ("TRIMTAB_", "KUBERNETES_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    return {key: value for key, value in os.environ.items() if not key.upper().startswith(drop)} | {
        "PYTHONUNBUFFERED": "1"
    }
