"""R-018, R-079 to R-083, R-274, R-280, R-282, R-283: the sidecar as a process that changes a policy."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from click.testing import CliRunner

from analytics.__main__ import _default_deployment, _default_policy, default_listen, main
from tests.analytics.control.a_desk import POLICY
from tests.analytics.test_main import LIMIT_S, ended, fetch, start
from tests.ports import free_port


class Running:
    def __init__(self, url: str, metrics: str, verify: ssl.SSLContext | None) -> None:
        self.metrics = metrics
        kept = httpx.Limits(keepalive_expiry=LIMIT_S)
        self.client = httpx.Client(base_url=url, verify=verify or True, timeout=30, trust_env=False, limits=kept)

    def ready(self) -> None:
        until = time.monotonic() + LIMIT_S
        while True:
            try:
                self.client.get("/health")
            except httpx.TransportError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
            else:
                return


@contextmanager
def running(folder: Path, *args: str, verify: ssl.SSLContext | None = None) -> Iterator[Running]:
    port, metrics = free_port(), free_port()
    process = start(
        folder,
        f"--listen=127.0.0.1:{port}",
        f"--metrics=127.0.0.1:{metrics}",
        f"--store={folder / 'store.duckdb'}",
        "--extender=http://127.0.0.1:1",
        *args,
    )
    scheme = "http" if verify is None else "https"
    found = Running(f"{scheme}://127.0.0.1:{port}", f"http://127.0.0.1:{metrics}", verify)
    try:
        found.ready()
        yield found
    finally:
        found.client.close()
        code, _, err = ended(process)
    assert (code, err) == (0, "")


def test_r018_r282_changes_of_a_policy_in_a_file_are_kept_beside_it(tmp_path: Path) -> None:
    """Which plugins there are is told by this installation, for no extender runs."""
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    with running(tmp_path, f"--policy-file={path}") as console:
        answer = console.client.post("/api/v1/plugins/PodState/enable", json={"phases": ["score"]})
        assert answer.status_code == 200, answer.text
        refused = console.client.put("/api/v1/plugins/Rescheduler/config", json={"cpuThreshold": -1})
        assert refused.status_code == 422
    assert "PodState" in path.read_text()
    entries = [json.loads(line) for line in (tmp_path / "policy.yaml.audit").read_text().splitlines()]
    found = [(entry["action"], entry["result"], entry["code"]) for entry in entries]
    first = ("edit", "observed", 200)  # what stood there before anybody came
    assert found == [first, ("enable", "done", 200), ("configure", "refused", 422)]
    assert list((tmp_path / "policy.yaml.history").iterdir())


def test_r283_saved_policies_and_archives_are_sealed_with_a_key(tmp_path: Path) -> None:
    path, key = tmp_path / "policy.yaml", tmp_path / "key"
    path.write_text(POLICY)
    key.write_text("a key of more than sixteen bytes\n")
    history = tmp_path / "history"
    with running(tmp_path, f"--policy-file={path}", f"--history={history}", f"--sealing-key-file={key}") as console:
        assert console.client.post("/api/v1/plugins/PodState/enable").status_code == 200
        archive = console.client.get("/api/v1/policy/archive").content
        shown = console.client.get("/api/v1/policy/revisions/1").json()["data"]["text"]
        restored = console.client.post(
            "/api/v1/policy/restore", content=archive, headers={"content-type": "application/octet-stream"}
        )
        assert restored.status_code == 200, restored.text
    assert shown == POLICY, "whoever has the key reads it"
    kept = [file.read_bytes() for file in history.rglob("*") if file.is_file()]
    assert kept
    assert all(b"Rescheduler" not in content for content in (archive, *kept))


def test_without_a_policy_everything_else_works_and_the_answer_says_what_to_do(tmp_path: Path) -> None:
    with running(tmp_path) as console:
        assert console.client.get("/api/decisions").status_code == 200
        answer = console.client.get("/api/v1/policy")
        assert answer.status_code == 404
        assert "--policy-file" in answer.json()["message"]
        assert console.client.get("/api/v1/health").status_code == 503


def test_r274_r280_https_and_a_new_certificate_without_a_new_start(tmp_path: Path) -> None:
    first, second = trustme.CA(), trustme.CA()
    cert, key = tmp_path / "tls.crt", tmp_path / "tls.key"

    def issue(authority: trustme.CA) -> None:
        made = authority.issue_cert("127.0.0.1")
        made.private_key_pem.write_to_path(key)
        cert.write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))

    def trust(authority: trustme.CA) -> ssl.SSLContext:
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context

    issue(first)
    with running(tmp_path, f"--tls-cert={cert}", f"--tls-key={key}", verify=trust(first)) as console:
        assert console.client.get("/health").status_code in (200, 503)
        key.write_text("broken")  # is told, and not used
        time.sleep(0.1)
        issue(second)
        until = time.monotonic() + LIMIT_S
        while True:
            try:
                httpx.get(f"{console.client.base_url}/health", verify=trust(second), trust_env=False)
                break
            except httpx.ConnectError:
                assert time.monotonic() < until, "the new certificate was never taken up"
                time.sleep(0.2)
        assert console.client.get("/health").status_code in (200, 503), "the old connection is not cut"


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["--listen=0.0.0.0:8080", "--auth=none"], "--auth none"),
        (["--listen=0.0.0.0:8080"], "--api-key-file"),
        (["--auth=token"], "--api-key-file"),
        (["--auth=everybody"], "--auth"),
        (["--policy-configmap=only-a-name"], "--policy-configmap"),
        (["--policy-configmap=a/b/c"], "--policy-configmap"),
        (["--policy-configmap=a/b", "--policy-file=x"], "one place"),
        (["--tls-cert=x"], "--tls-key"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(args: list[str], word: str) -> None:
    done = CliRunner().invoke(main, args, env={"KUBERNETES_SERVICE_HOST": None, "CONFIGMAP_NAME": None})
    assert done.exit_code == 2
    assert word in done.output


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["--auth=token", "--api-key-file=missing"], "--api-key-file"),
        (["--tls-cert=missing", "--tls-key=missing"], "--tls-cert"),
        (["--policy-configmap=a/b", "--kubeconfig=missing"], "--kubeconfig"),
        (["--policy-file=x", "--sealing-key-file=missing"], "--sealing-key-file"),
        (["--policy-file=x", "--signing-key-file=missing"], "--signing-key-file"),
    ],
)
def test_what_cannot_be_read_ends_the_start_with_what_to_do(tmp_path: Path, args: list[str], word: str) -> None:
    process = start(
        tmp_path, f"--listen=127.0.0.1:{free_port()}", f"--metrics=127.0.0.1:{free_port()}", "--store=:memory:", *args
    )
    _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 3
    assert word in err


def test_r079_r080_r081_the_named_variables_work(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBERNETES_NAMESPACE", "CONFIGMAP_NAME", "SCHEDULER_DEPLOYMENT"):
        monkeypatch.delenv(name, raising=False)
    assert (_default_policy(), _default_deployment()) == (
        ("trimtab-system", "trimtab-policy"),
        ("kube-system", "rescheduler-scheduler"),
    )
    monkeypatch.setenv("KUBERNETES_NAMESPACE", "team")
    monkeypatch.setenv("CONFIGMAP_NAME", "rescheduler-config")
    monkeypatch.setenv("SCHEDULER_DEPLOYMENT", "mine")
    assert (_default_policy(), _default_deployment()) == (("team", "rescheduler-config"), ("team", "mine"))


def test_r082_port_is_8080_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "HOST", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    assert default_listen().port == 8080
    monkeypatch.setenv("PORT", "9090")
    assert default_listen().port == 9090


def test_r083_host_is_every_address_in_a_cluster_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside of one it is loopback: there no right is asked for (R-037)."""
    for name in ("PORT", "HOST", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    assert default_listen().host == "127.0.0.1"
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert default_listen().host == "0.0.0.0"
    monkeypatch.setenv("HOST", "192.0.2.1")
    assert default_listen().host == "192.0.2.1"


def test_r082_r083_the_policy_api_answers_where_port_and_host_say(tmp_path: Path) -> None:
    port = free_port()
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    process = start(
        tmp_path,
        f"--metrics=127.0.0.1:{free_port()}",
        "--store=:memory:",
        f"--policy-file={path}",
        "--extender=http://127.0.0.1:1",
        PORT=str(port),
        HOST="127.0.0.1",
    )
    try:
        assert json.loads(fetch(port, "/api/v1/plugins"))["status"] == "success"
    finally:
        assert ended(process)[0] == 0


def test_secrets_are_no_options(tmp_path: Path) -> None:
    """R-279: keys come from files; nothing on the command line takes one."""
    shown: Any = CliRunner().invoke(main, ["--help"]).output
    assert "--api-key-file" in shown
    assert "--api-key " not in shown


def test_scheduled_backups_are_made_and_counted(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    backups = tmp_path / "backups"
    with running(tmp_path, f"--policy-file={policy}", f"--backups={backups}", "--backup-every=1h") as console:
        until = time.monotonic() + LIMIT_S
        while not (found := list(backups.glob("policy-*.tar.gz"))) and time.monotonic() < until:
            time.sleep(0.1)
        assert len(found) == 1
        counted = httpx.get(f"{console.metrics}/metrics", trust_env=False).text
        assert 'trimtab_backups_total{result="made"} 1.0' in counted
    with running(tmp_path, f"--policy-file={policy}", f"--backups={backups}", "--backup-every=1h") as console:
        console.client.get("/api/v1/policy").raise_for_status()
    assert list(backups.glob("policy-*.tar.gz")) == found
