"""etcd and kube-apiserver as plain processes on loopback, and as many kube-schedulers as a test wants.

No kubelet, no controller manager: nodes are plain objects, bound pods stay Pending, and deleted ones are gone at
once when their grace period is 0. All state is in one folder of mode 0700, in memory where the machine has that.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from tests.e2e.kube import Kube, KubeRefused
from tests.e2e.process import Process, eventually, read_metric
from tests.ports import free_port

BINARIES = ("etcd", "kube-apiserver", "kube-scheduler", "kubectl")
AUDIT_POLICY = Path(__file__).parents[2] / "deploy" / "examples" / "audit-policy.yaml"
ADMIN, SCHEDULER = "admin", "system:kube-scheduler"
STOP_S = 1
"""The API server would wait for every open watch, and nothing here is worth saving."""


def find_binaries() -> Path | None:
    """Folder with all binaries: KUBEBUILDER_ASSETS, else where build.sh puts them; None when they are in neither."""
    folders = [Path(assets)] if (assets := os.environ.get("KUBEBUILDER_ASSETS")) else []
    folders.append(_cache_folder())
    for folder in folders:
        if all(os.access(folder / name, os.X_OK) for name in BINARIES):
            return folder
    return None


def _cache_folder() -> Path:
    module = Path(__file__).parent / "go"
    key = hashlib.sha256((module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()).hexdigest()[:16]
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "trimtab" / "control-plane" / f"{key}-{platform.system()}-{platform.machine()}"


def new_folder() -> Path:
    """An empty folder of mode 0700, in memory where the machine has that: etcd is much faster there than on a disk."""
    memory = Path("/dev/shm")
    return Path(tempfile.mkdtemp(prefix="trimtab-e2e-", dir=memory if os.access(memory, os.W_OK) else None))


class ControlPlane:
    """Starts etcd and the API server, waits until each is ready, stops them in reverse."""

    def __init__(self, binaries: Path, directory: Path) -> None:
        self.binaries = binaries
        self.dir = directory
        self.url = ""
        self.audit_log = directory / "audit" / "audit.log"
        """Of the API server, with the policy that we recommend; two files of 64 MB at most."""
        self.ca_file = str(directory / "certs" / "apiserver.crt")
        self._tokens = {user: secrets.token_hex(16) for user in (ADMIN, SCHEDULER)}
        self._processes: list[Process] = []
        self._clients: list[Kube] = []

    def start(self) -> None:
        etcd_url = self._start_etcd()
        self._start_apiserver(etcd_url)
        self.admin = self.client(ADMIN)
        self.create_default_account("default")

    def stop(self) -> None:
        for kube in self._clients:
            kube.close()
        for process in reversed(self._processes):
            process.terminate(STOP_S)

    def pids(self) -> dict[str, int]:
        """etcd and kube-apiserver -> process id."""
        return {process.name: process.pid for process in self._processes}

    def client(self, user: str) -> Kube:
        return self._speak_with(self._tokens[user])

    def account_client(self, namespace: str, name: str) -> Kube:
        """As a ServiceAccount, with a token of the TokenRequest API: what a pod would have mounted."""
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        answer = self.admin.post(f"{account}/token", {"spec": {"expirationSeconds": 7200}})
        return self._speak_with(answer["status"]["token"])

    def _speak_with(self, token: str) -> Kube:
        kube = Kube(self.url, token, self.ca_file)
        self._clients.append(kube)
        return kube

    def kubeconfig(self, name: str, kube: Kube) -> Path:
        """Write a kubeconfig that speaks as `kube` does."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "local", "cluster": {"server": self.url, "certificate-authority": self.ca_file}}],
            "users": [{"name": name, "user": {"token": kube.token}}],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": name}}],
            "current-context": "local",
        }
        return self.write(f"kubeconfig-{name}", json.dumps(config, indent=1))

    def write(self, name: str, text: str) -> Path:
        path = self.dir / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def kubectl(self, *args: str) -> str:
        """Run kubectl as the administrator; its output. Raises AssertionError with its messages."""
        config = self.kubeconfig("admin", self.admin)
        command = [str(self.binaries / "kubectl"), f"--kubeconfig={config}", *args]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, env={"HOME": str(self.dir), "PATH": ""}
        )
        assert done.returncode == 0, f"kubectl {' '.join(args)}: {done.stderr}"
        return done.stdout

    def create_namespace(self, name: str) -> None:
        self.admin.post("/api/v1/namespaces", {"metadata": {"name": name}})
        self.create_default_account(name)

    def create_default_account(self, namespace: str) -> None:
        """Without a controller manager nobody else does, and no pod is admitted before."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts"

        def created() -> bool:
            try:
                self.admin.post(path, {"metadata": {"name": "default"}})
            except KubeRefused as refused:
                return refused.status == 409  # it exists already
            return True

        eventually(f"a default account in {namespace}", created, 10)

    def _start_etcd(self) -> str:
        client, peer = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
        self._spawn(
            "etcd",
            f"{client}/health",
            "--name=local",
            f"--data-dir={self.dir / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=local={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )
        return client

    def _start_apiserver(self, etcd_url: str) -> None:
        port = free_port()
        self.url = f"https://127.0.0.1:{port}"
        tokens = "".join(
            f'{token},{user},{user},"system:masters"\n' if user == ADMIN else f"{token},{user},{user}\n"
            for user, token in self._tokens.items()
        )
        key = self._service_account_key()
        self._spawn(
            "kube-apiserver",
            f"{self.url}/readyz",
            f"--etcd-servers={etcd_url}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={self.dir / 'certs'}",
            f"--token-auth-file={self.write('tokens.csv', tokens)}",
            "--anonymous-auth=true",  # so that readiness can be asked without a token
            "--authorization-mode=RBAC",
            f"--service-account-issuer={self.url}",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            "--service-cluster-ip-range=10.0.0.0/24",
            # It taints every new node, and the controller that would take the taint off is not there.
            "--disable-admission-plugins=TaintNodesByCondition",
            "--endpoint-reconciler-type=none",
            "--profiling=false",
            f"--audit-policy-file={AUDIT_POLICY}",
            f"--audit-log-path={self.audit_log}",
            "--audit-log-maxsize=64",
            "--audit-log-maxbackup=1",
        )

    def _service_account_key(self) -> Path:
        path = self.dir / "service-account.key"
        command = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        return path

    def _spawn(self, binary: str, ready_url: str, *flags: str) -> None:
        process = Process(binary, self.dir)
        self._processes.append(process)
        process.start([str(self.binaries / binary), *flags])
        process.wait_ready(ready_url)


class Scheduler(Process):
    """A kube-scheduler with one configuration. It is read once: another configuration is another Scheduler."""

    def __init__(self, plane: ControlPlane, name: str, config: str) -> None:
        super().__init__(name, plane.dir)
        self._plane = plane
        self._config = config
        self._port = free_port()
        self.open_paths = "/healthz,/livez,/readyz,/metrics,/configz"
        """What everybody may read, from the next start on."""

    def run(self) -> None:
        """Start, and wait until it is ready."""
        self.launch()
        self.wait_ready(self.url("/readyz"))

    def launch(self) -> None:
        """Start, and do not wait."""
        identity = self._plane.kubeconfig("scheduler", self._plane.client(SCHEDULER))
        self.start(
            [
                str(self._plane.binaries / "kube-scheduler"),
                f"--config={self._plane.write(f'{self.name}.yaml', self._config)}",
                "--bind-address=127.0.0.1",
                f"--secure-port={self._port}",
                f"--cert-dir={self._plane.dir / f'{self.name}-certs'}",
                f"--authentication-kubeconfig={identity}",
                f"--authorization-kubeconfig={identity}",
                f"--authorization-always-allow-paths={self.open_paths}",
                "--v=2",
            ]
        )

    def url(self, path: str) -> str:
        return f"https://127.0.0.1:{self._port}{path}"

    def nodes_known(self) -> int:
        return int(read_metric(self.url("/metrics"), "scheduler_cache_size", type="nodes"))


def pod_condition(pod: dict[str, Any], kind: str) -> dict[str, Any]:
    """The condition of that type, or an empty one."""
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == kind:
            found: dict[str, Any] = condition
            return found
    return {}
