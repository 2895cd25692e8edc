"""The console before a real API server: real tokens, RBAC that changes, a policy that a real extender takes up."""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.e2e.controlplane import ControlPlane
from tests.e2e.kube import Kube
from tests.e2e.policies import NOTHING, by_size
from tests.e2e.process import Process, eventually, read_metric
from tests.e2e.programs import ACCOUNT, NAMESPACE, POLICY, POLICY_PATH, REPOSITORY, Extender, PolicyConfigMap
from tests.ports import free_port

RBAC = "/apis/rbac.authorization.k8s.io/v1"
DEPLOYMENT = "rescheduler-scheduler"
DEPLOYMENTS = "/apis/apps/v1/namespaces/kube-system/deployments"
ENABLE = "/api/v1/plugins/PodState/enable"
PEOPLE = "console-people"
ONE_MINUTE = 60


class Console(Process):
    """The sidecar as deploy/base starts it, with the rights of deploy/base."""

    def __init__(self, plane: ControlPlane, extender: Extender, folder: Path) -> None:
        super().__init__("console", plane.dir)
        self._plane = plane
        self._extender = extender
        self._folder = folder
        self._port, self._metrics = free_port(), free_port()
        self.trail = folder / "audit.jsonl"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def run(self) -> None:
        identity = self._plane.account_client(NAMESPACE, ACCOUNT)
        self.start(
            [
                sys.executable,
                "-m",
                "analytics",
                f"--listen=127.0.0.1:{self._port}",
                f"--metrics=127.0.0.1:{self._metrics}",
                f"--store={self._folder / 'store.duckdb'}",
                f"--extender={self._extender.admin}",
                f"--policy-configmap={NAMESPACE}/{POLICY}",
                f"--kubeconfig={self._plane.kubeconfig('console', identity)}",
                f"--audit-trail={self.trail}",
                "--auth=kubernetes",
            ],
            env={"PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"},
            cwd=REPOSITORY,
        )
        self.wait_ready(f"{self.url}/health")

    def ask(self, method: str, path: str, token: str | None = None, body: Any = None, **headers: str) -> httpx.Response:
        sent = dict(headers)
        if token is not None:
            sent["authorization"] = f"Bearer {token}"
        return httpx.request(method, f"{self.url}{path}", json=body, headers=sent, timeout=30, trust_env=False)

    def metric(self, name: str, **labels: str) -> float:
        return read_metric(f"http://127.0.0.1:{self._metrics}/metrics", name, **labels)

    def recorded(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.trail.read_text().splitlines()]


@pytest.fixture(scope="module")
def console(plane: ControlPlane, extender: Extender, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    plane.kubectl("apply", "-k", str(REPOSITORY / "deploy" / "components" / "restart"))
    plane.create_namespace(PEOPLE)
    console = Console(plane, extender, tmp_path_factory.mktemp("console"))
    console.run()
    yield console
    console.terminate(15)


@pytest.fixture
def people(plane: ControlPlane, console: Console, policy: PolicyConfigMap) -> People:
    policy.apply(NOTHING)
    return People(plane)


class People:
    """ServiceAccounts of a namespace far away, bound to the Roles that deploy/ ships for people."""

    _made = 0

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane
        self.admin: Kube = plane.admin

    def new(self, *roles: tuple[str, str]) -> tuple[str, str]:
        """(name, token) of a fresh account with these (namespace, Role)s."""
        People._made += 1
        name = f"person-{People._made}"
        self.admin.post(f"/api/v1/namespaces/{PEOPLE}/serviceaccounts", {"metadata": {"name": name}})
        for namespace, role in roles:
            self.bind(name, namespace, role)
        return name, self.token(name)

    def bind(self, name: str, namespace: str, role: str) -> None:
        self.admin.post(
            f"{RBAC}/namespaces/{namespace}/rolebindings",
            {
                "metadata": {"name": f"{name}-{role}"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": PEOPLE}],
            },
        )

    def token(self, name: str, **spec: Any) -> str:
        path = f"/api/v1/namespaces/{PEOPLE}/serviceaccounts/{name}/token"
        token: str = self.admin.post(path, {"spec": {"expirationSeconds": 600, **spec}})["status"]["token"]
        return token

    def signed(self, like: str, ends_in_s: float, key: Any = None) -> str:
        """The same claims as a token of the API server, with another end, signed with its key (or another)."""
        head, body, _ = like.split(".")
        claims = json.loads(_unpacked(body))
        now = int(time.time())
        claims |= {"iat": now - 7200, "nbf": now - 7200, "exp": now + int(ends_in_s)}
        content = f"{head}.{_packed(json.dumps(claims).encode())}"
        private: Any = key or load_pem_private_key((self.plane.dir / "service-account.key").read_bytes(), None)
        r, s = decode_dss_signature(private.sign(content.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{content}.{_packed(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _packed(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _unpacked(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


OPERATOR = ((NAMESPACE, "trimtab-operator"),)


def _data(plane: ControlPlane) -> dict[str, str]:
    data: dict[str, str] = plane.admin.get(POLICY_PATH)["data"]
    return data


def test_r013_r021_an_operator_switches_a_plugin_and_it_is_in_effect_when_the_answer_comes(
    console: Console, people: People, extender: Extender
) -> None:
    name, token = people.new(*OPERATOR)
    toggles = {"action": "enable", "phase": "score", "plugin": "PodState"}
    before = console.metric("trimtab_plugin_toggles_total", **toggles)
    answer = console.ask("POST", ENABLE, token, **{"x-trimtab-reason": "calmer nodes"})
    assert answer.status_code == 200, answer.text
    found = answer.json()["data"]
    assert found["warnings"] == []
    seats = {(seat["name"], tuple(seat["phases"])) for seat in extender.configz()["plugins"]}
    assert ("PodState", ("score",)) in seats
    assert extender.configz()["revision"] == found["revision"]
    overview = console.ask("GET", "/api/v1/policy", token).json()["data"]
    assert {replica["hash"] for replica in overview["effective"]} >= {overview["desired"]["hash"]}
    user = f"system:serviceaccount:{PEOPLE}:{name}"
    newest = console.recorded()[-1]
    assert (newest["actor"], newest["reason"], newest["result"]) == (user, "calmer nodes", "done")
    change = json.loads(people.admin.get(POLICY_PATH)["metadata"]["annotations"]["policy.trimtab.dev/last-change"])
    assert (change["who"], change["reason"]) == (user, "calmer nodes")
    assert console.metric("trimtab_plugin_toggles_total", **toggles) == before + 1


def test_r014_a_setting_is_in_effect_when_the_answer_comes(
    console: Console, people: People, extender: Extender
) -> None:
    _, token = people.new(*OPERATOR)
    console.ask("POST", "/api/v1/plugins/Rescheduler/enable", token)
    answer = console.ask("PUT", "/api/v1/plugins/Rescheduler/config", token, body={"cpuThreshold": 71.0})
    assert answer.json()["data"]["warnings"] == [], answer.text
    profile = extender.configz()["effective"]["profiles"][0]
    args = {config["name"]: config["args"] for config in profile["pluginConfig"]}
    assert args["Rescheduler"]["cpuThreshold"] == 71.0


def test_rights_that_are_missing_are_named_and_nothing_changes(console: Console, people: People) -> None:
    _, nobody = people.new()
    _, viewer = people.new((NAMESPACE, "trimtab-viewer"))
    before = _data(people.plane)
    for token, method, path, permission in (
        (nobody, "GET", "/api/v1/plugins", "get configmaps/trimtab-policy"),
        (nobody, "GET", "/api/decisions", "get configmaps/trimtab-policy"),
        (viewer, "POST", ENABLE, "update configmaps/trimtab-policy"),
        (viewer, "POST", "/api/v1/config/backup", "update configmaps/trimtab-policy"),
        (viewer, "POST", "/api/v1/scheduler/restart", f"patch deployments.apps/{DEPLOYMENT}"),
    ):
        answer = console.ask(method, path, token)
        assert answer.status_code == 403, path
        assert permission in answer.json()["message"]
        assert console.recorded()[-1]["requestId"] == answer.json()["requestId"]
    assert console.ask("GET", "/api/v1/plugins", viewer).status_code == 200
    assert _data(people.plane) == before


def test_rights_that_are_given_and_taken_count_within_seconds(console: Console, people: People) -> None:
    name, token = people.new()
    assert console.ask("POST", ENABLE, token).status_code == 403
    people.bind(name, NAMESPACE, "trimtab-operator")
    eventually("the new right counts", lambda: console.ask("POST", ENABLE, token).status_code == 200, ONE_MINUTE)
    people.admin.delete(f"{RBAC}/namespaces/{NAMESPACE}/rolebindings/{name}-trimtab-operator")
    eventually("the lost right counts", lambda: console.ask("POST", ENABLE, token).status_code == 403, ONE_MINUTE)


def test_expired_forged_and_revoked_tokens_are_401(console: Console, people: People) -> None:
    name, token = people.new(*OPERATOR)
    assert console.ask("GET", "/api/v1/plugins", people.signed(token, 600)).status_code == 200, "only the end differs"
    bad = {
        "expired": people.signed(token, -60),
        "forged": people.signed(token, 600, ec.generate_private_key(ec.SECP256R1())),
        "changed": token[:-8] + "AAAAAAAA",
        "unsigned": ".".join([_packed(json.dumps({"alg": "none"}).encode()), token.split(".")[1], ""]),
        "for another audience": people.token(name, audiences=["elsewhere"]),
    }
    before = _data(people.plane)
    for kind, wrong in bad.items():
        answer = console.ask("POST", ENABLE, wrong)
        assert answer.status_code == 401, kind
        assert answer.headers["www-authenticate"] == "Bearer"
        assert console.recorded()[-1]["code"] == 401
        assert wrong not in console.trail.read_text()
    people.admin.delete(f"/api/v1/namespaces/{PEOPLE}/serviceaccounts/{name}")
    eventually(
        "a deleted account's token ends", lambda: console.ask("POST", ENABLE, token).status_code == 401, ONE_MINUTE
    )
    assert _data(people.plane) == before


def test_r031_r202_an_admin_restarts_the_deployment_and_a_missing_one_says_what_to_do(
    console: Console, people: People
) -> None:
    name, token = people.new(*OPERATOR)
    people.bind(name, "kube-system", "trimtab-restart")
    answer = console.ask("POST", "/api/v1/scheduler/restart", token)
    assert answer.status_code == 404, answer.text
    assert "static pod" in answer.json()["message"]
    labels = {"app": DEPLOYMENT}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "scheduler", "image": "example.test/s:1"}]}}
    spec = {"replicas": 1, "selector": {"matchLabels": labels}, "template": pod}
    people.admin.post(DEPLOYMENTS, {"metadata": {"name": DEPLOYMENT}, "spec": spec})
    try:
        restarts = console.metric("trimtab_scheduler_restarts_total")
        answer = console.ask("POST", "/api/v1/scheduler/restart", token)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert set(body) == {"status", "message", "data"}
        assert body["message"] == "restart started"
        assert set(body["data"]) == {"namespace", "deployment", "restarted_at"}
        template = people.admin.get(f"{DEPLOYMENTS}/{DEPLOYMENT}")["spec"]["template"]
        stamp = template["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"]
        assert stamp == body["data"]["restarted_at"]
        assert console.metric("trimtab_scheduler_restarts_total") == restarts + 1
        health = console.ask("GET", "/api/v1/health").json()
        assert set(health["checks"]) == {"kubernetes_api", "configmap", "scheduler_deployment"}
    finally:
        people.admin.delete(f"{DEPLOYMENTS}/{DEPLOYMENT}")


def test_r032_health_is_well_without_a_deployment_and_names_it(console: Console, people: People) -> None:
    answer = console.ask("GET", "/api/v1/health")
    eventually(
        "the deployment's absence is told",
        lambda: console.ask("GET", "/api/v1/health").json()["checks"]["scheduler_deployment"] != "ok",
        10,
    )
    assert answer.status_code == 200
    checks = console.ask("GET", "/api/v1/health").json()["checks"]
    assert (checks["kubernetes_api"], checks["configmap"]) == ("ok", "ok")


def test_history_lives_in_the_cluster_and_a_rollback_takes_effect(
    console: Console, people: People, extender: Extender
) -> None:
    _, token = people.new(*OPERATOR)
    before = _data(people.plane)
    changed = console.ask("POST", ENABLE, token).json()["data"]
    assert _data(people.plane) != before
    revisions = people.admin.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/controllerrevisions")["items"]
    assert revisions, "kept as ControllerRevisions"
    answer = console.ask("POST", f"/api/v1/policy/revisions/{changed['backup_id']}/rollback", token)
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["warnings"] == []
    assert _data(people.plane) == before
    assert extender.configz()["plugins"] == []


def test_an_edit_with_kubectl_comes_into_history_and_trail(
    console: Console, people: People, policy: PolicyConfigMap
) -> None:
    """R-282: the way is `direct`, and who it was comes from the object's managed fields."""
    _, token = people.new(*OPERATOR)
    policy.apply(NOTHING)

    def seen() -> bool:
        newest = console.recorded()[-1]
        return (newest["action"], newest["via"], newest["result"]) == ("edit", "direct", "observed")

    eventually("the edit is recorded", seen, 30)
    found = console.ask("GET", "/api/v1/policy/revisions?limit=1", token).json()["data"]["revisions"][0]
    assert found["reason"] == "observed"


def test_a_preview_comes_from_the_extender_and_writes_nothing(console: Console, people: People) -> None:
    _, viewer = people.new((NAMESPACE, "trimtab-viewer"))
    before = _data(people.plane)
    answer = console.ask("POST", "/api/v1/policy/preview?last=5", viewer, body=by_size("Least"))
    assert answer.status_code == 200, answer.text
    assert {"asked", "evaluated", "newlyRejected", "moved", "unchanged", "pods"} <= set(answer.json()["data"])
    bad = by_size("Least") | {"profiles": [{"schedulerName": ""}]}
    answer = console.ask("POST", "/api/v1/policy/preview", viewer, body=bad)
    assert answer.status_code == 422
    assert answer.json()["details"][0]["path"].startswith("profiles[0]")
    catalogue = console.ask("GET", "/api/v1/policy/catalogue", viewer).json()["data"]
    assert "PodState" in {plugin["name"] for plugin in catalogue}
    assert _data(people.plane) == before


def test_openapi_is_open_and_says_how_to_come_in(console: Console) -> None:
    document = console.ask("GET", "/api/v1/openapi.json").json()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
