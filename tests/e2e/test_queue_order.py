"""QoS order under gates that our own webhook puts on and our own controller takes off, and waking of refused pods."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
import trustme

from extender.cli.extender import extender as extender_command
from extender.controllers.line import WINDOW
from extender.server.webhook import PATH
from tests.e2e.cluster import POOL, Bindings, Pool
from tests.e2e.controlplane import ControlPlane, Scheduler, pod_condition
from tests.e2e.kube import Kube, KubeRefused
from tests.e2e.policies import NOTHING, QUOTAS, queue_order
from tests.e2e.process import eventually
from tests.e2e.programs import DRAIN_S, NAMESPACE, REPOSITORY, Extender, PolicyConfigMap
from tests.e2e.registration import render
from tests.ports import free_port

GATE = "trimtab.dev/qos-order"
WAKE = "trimtab.dev/wake"
HOOKS = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
ROOM = {"cpu": "64", "memory": "256Gi", "pods": "110"}
LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
LIMIT_S = 60
_names = itertools.count()


@pytest.fixture(scope="module")
def hooked(plane: ControlPlane, extender: Extender) -> Iterator[Extender]:
    """The extender with its webhook, and a MutatingWebhookConfiguration that calls it."""
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    cert, key = plane.dir / "webhook.crt", plane.dir / "webhook.key"
    server.cert_chain_pems[0].write_to_path(str(cert))
    key.touch(mode=0o600)
    server.private_key_pem.write_to_path(str(key))
    port = free_port()
    _restart(extender, (f"--webhook=127.0.0.1:{port}", f"--webhook-cert={cert}", f"--webhook-key={key}"))
    plane.admin.post(HOOKS, _configuration(port, authority))
    yield extender
    plane.admin.delete(f"{HOOKS}/trimtab-e2e")
    _restart(extender, ())


@pytest.fixture
def named(plane: ControlPlane, hooked: Extender) -> str:
    """A scheduler name of its own; nobody schedules for it until the test starts one."""
    return f"queue-{next(_names)}"


def a_pod(pool: Pool, name: str, scheduler: str, qos: str = "Burstable", **spec: Any) -> dict[str, Any]:
    pod = pool.pod(name, schedulerName=scheduler, **spec)
    amounts = {"cpu": "100m", "memory": "64Mi"}
    blocks = {"Guaranteed": {"requests": amounts, "limits": amounts}, "Burstable": {"requests": amounts}}
    pod["spec"]["containers"][0]["resources"] = blocks.get(qos, {})
    return pod


def gates(pod: dict[str, Any]) -> list[str]:
    return [gate["name"] for gate in pod["spec"].get("schedulingGates", [])]


def gated(pool: Pool) -> set[str]:
    return {pod["metadata"]["name"] for pod in pool.pods() if gates(pod)}


def until_hooked(pool: Pool, scheduler: str, limit_s: float = LIMIT_S) -> None:
    """The API server takes a moment to call a new webhook."""

    def is_gated() -> bool:
        probe = a_pod(pool, "probe", scheduler)
        made = pool.kube.request("POST", f"/api/v1/namespaces/{pool.namespace}/pods?dryRun=All", probe)
        return gates(made) == [GATE]

    eventually("new pods are gated", is_gated, limit_s)


def fill_window(pool: Pool, scheduler: str) -> None:
    """As many pods as may be on their way at once; nobody schedules them yet."""
    pool.create(a_pod(pool, f"filler-{i:02d}", scheduler) for i in range(WINDOW))
    eventually("the window is full", lambda: not gated(pool), LIMIT_S, lambda: gated(pool))


class Released:
    """Pods of a namespace in the order in which they lost their last gate, as a watch tells."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self.seen: list[str] = []
        self._gated: set[str] = set()
        self._kube = kube
        self._path = f"/api/v1/namespaces/{namespace}/pods"
        version = kube.get(self._path, limit="1")["metadata"]["resourceVersion"]
        threading.Thread(target=self._follow, args=(version,), daemon=True).start()

    def _follow(self, version: str) -> None:
        try:
            while True:
                for _kind, pod in self._kube.watch(self._path, resourceVersion=version):
                    version = pod["metadata"]["resourceVersion"]
                    self._note(pod["metadata"]["name"], pod)
        except (OSError, HTTPException, KubeRefused):
            return  # the control plane is gone

    def _note(self, name: str, pod: dict[str, Any]) -> None:
        if gates(pod):
            self._gated.add(name)
        elif name in self._gated:
            self._gated.discard(name)
            self.seen.append(name)


def test_r069_pods_of_three_classes_are_let_go_and_bound_in_qos_order(
    plane: ControlPlane, hooked: Extender, pool: Pool, policy: PolicyConfigMap, named: str
) -> None:
    pool.add_nodes([ROOM] * 2)
    policy.apply(queue_order(named))
    until_hooked(pool, named)
    released, bindings = Released(pool.kube, pool.namespace), Bindings(pool.kube, pool.namespace)
    scheduler = _standing_by(plane, hooked, named)
    fill_window(pool, named)

    wrong_order = ["BestEffort", "Burstable", "Guaranteed"]
    for i, qos in itertools.product(range(2), wrong_order):
        made = pool.kube.post(
            f"/api/v1/namespaces/{pool.namespace}/pods", a_pod(pool, f"{qos.lower()}-{i}", named, qos)
        )
        assert gates(made) == [GATE]
        assert made["status"]["qosClass"] == qos
    waiting = {f"{qos.lower()}-{i}" for i, qos in itertools.product(range(2), wrong_order)}
    eventually("six are held", lambda: _held(hooked, named) == 6, 10, lambda: hooked.configz()["controllers"])
    assert gated(pool) == waiting
    pool.kube.delete(f"{LEASES}/{named}")
    pool.wait_bound(WINDOW + 6)
    scheduler.terminate(1)

    right_order = ["guaranteed-0", "guaranteed-1", "burstable-0", "burstable-1", "besteffort-0", "besteffort-1"]
    assert [name for name in released.seen if name in waiting] == right_order
    eventually("the watch told of all", lambda: len(bindings.seen) == WINDOW + 6, 10)
    place = {name: i for i, (name, _node) in enumerate(bindings.seen)}
    # Bindings run beside the scheduler's cycles, so neighbours of one class may overtake each other by a hair.
    classes = [name.split("-")[0] for name in sorted(waiting, key=place.__getitem__)]
    assert classes == ["guaranteed"] * 2 + ["burstable"] * 2 + ["besteffort"] * 2
    assert max(place[f"filler-{i:02d}"] for i in range(WINDOW)) < min(place[f"besteffort-{i}"] for i in range(2))
    assert hooked.metric("trimtab_gates_released_total", result="released") >= WINDOW + 6
    assert hooked.metric("trimtab_webhook_reviews_total", result="gated") >= WINDOW + 6


def test_r024_switching_the_order_off_lets_everybody_go(
    hooked: Extender, pool: Pool, policy: PolicyConfigMap, named: str
) -> None:
    policy.apply(queue_order(named))
    until_hooked(pool, named)
    fill_window(pool, named)
    pool.create(a_pod(pool, f"waiting-{i}", named) for i in range(5))
    eventually("five are held", lambda: _held(hooked, named) == 5, 10, lambda: hooked.configz()["controllers"])

    policy.apply(NOTHING)

    eventually("nobody is gated", lambda: not gated(pool), 15, lambda: gated(pool))
    late = pool.kube.post(f"/api/v1/namespaces/{pool.namespace}/pods", a_pod(pool, "late", named))
    assert gates(late) == []


def test_a_gate_put_on_by_hand_is_taken_off_and_those_of_others_stay(
    hooked: Extender, pool: Pool, policy: PolicyConfigMap, named: str
) -> None:
    policy.apply(NOTHING)
    others = {"name": "example.test/approval"}
    pool.create(
        [
            a_pod(pool, "mine", named, schedulingGates=[{"name": GATE}]),
            a_pod(pool, "shared", named, schedulingGates=[others, {"name": GATE}]),
        ]
    )

    def left() -> dict[str, list[str]]:
        return {pod["metadata"]["name"]: gates(pod) for pod in pool.pods()}

    wanted = {"mine": [], "shared": ["example.test/approval"]}
    eventually("only the other's gate is left", lambda: left() == wanted, 15, left)


def test_pods_of_other_schedulers_and_pods_with_a_node_are_never_gated(
    hooked: Extender, pool: Pool, policy: PolicyConfigMap, named: str
) -> None:
    (node,) = pool.add_nodes([ROOM])
    policy.apply(queue_order(named))
    until_hooked(pool, named)
    path = f"/api/v1/namespaces/{pool.namespace}/pods"
    assert gates(pool.kube.post(path, a_pod(pool, "other", "nobody-else"))) == []
    placed = pool.kube.post(path, a_pod(pool, "placed", named, nodeName=node))
    assert (gates(placed), placed["spec"]["nodeName"]) == ([], node)


def test_without_the_extender_pods_are_made_without_gates(
    hooked: Extender, pool: Pool, policy: PolicyConfigMap, named: str
) -> None:
    policy.apply(queue_order(named))
    until_hooked(pool, named)
    fill_window(pool, named)
    pool.create([a_pod(pool, "held", named)])
    eventually("one is held", lambda: _held(hooked, named) == 1, 10)

    hooked.kill()
    alone = pool.kube.post(f"/api/v1/namespaces/{pool.namespace}/pods", a_pod(pool, "alone", named))

    assert gates(alone) == []
    assert gated(pool) == {"held"}
    hooked.run()
    # Nobody schedules: after its time on the way a filler makes room, whoever has held the gate before.
    eventually("the gate comes off after the restart", lambda: not gated(pool), LIMIT_S, lambda: gated(pool))


def test_a_pod_refused_by_a_plugin_is_shown_again_once_the_plugin_is_off(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    pool.add_nodes([ROOM])
    policy.apply(QUOTAS)
    nothing = {"cpu": "0", "memory": "0"}
    pool.kube.post(
        f"/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{pool.namespace}/elasticquotas",
        {
            "apiVersion": "scheduling.x-k8s.io/v1alpha1",
            "kind": "ElasticQuota",
            "metadata": {"name": "quota"},
            "spec": {"min": nothing, "max": nothing},
        },
    )
    pool.create([pool.pod("refused")])
    eventually("it is refused", lambda: "Unschedulable" in str(pool.waiting()), LIMIT_S, pool.waiting)
    shown = extender.metric("trimtab_pokes_total", result="shown")

    policy.apply(NOTHING)

    pool.wait_bound(1, limit_s=30)
    assert extender.metric("trimtab_pokes_total", result="shown") > shown
    (pod,) = pool.pods()
    assert WAKE in pod["metadata"]["annotations"]
    assert pod_condition(pod, "PodScheduled")["status"] == "True"
    assert pod["spec"]["nodeSelector"] == {POOL: pool.name}


def test_the_component_is_accepted_by_the_api_server(plane: ControlPlane, tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "deploy", tmp_path / "deploy")
    overlay = tmp_path / "deploy" / "mine"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        "resources: [../base]\ncomponents: [../components/webhook]\n"
    )
    accepted = plane.kubectl("apply", "--dry-run=server", "-k", str(overlay), "-o", "json")
    made = {(item["kind"], item["metadata"]["name"]): item for item in json.loads(accepted)["items"]}

    (hook,) = made["MutatingWebhookConfiguration", "trimtab"]["webhooks"]
    assert (hook["failurePolicy"], hook["sideEffects"]) == ("Ignore", "None")
    assert hook["clientConfig"]["service"]["path"] == PATH
    (expression,) = hook["namespaceSelector"]["matchExpressions"]
    assert {"kube-system", NAMESPACE} <= set(expression["values"])
    pod = made["Deployment", "trimtab"]["spec"]["template"]["spec"]
    extender = pod["containers"][0]
    options = [option for option in extender["args"] if option.startswith("--webhook")]
    with extender_command.make_context("extender", options) as context:
        assert context.params["webhook"].port == 8443
        folder = context.params["webhook_cert"].parent
    (mount,) = (m for m in extender["volumeMounts"] if m["name"] == "webhook-tls")
    assert mount["mountPath"] == str(folder)
    service = made["Service", "trimtab-webhook"]["spec"]["ports"][0]
    assert service["targetPort"] in {port["name"] for port in extender["ports"]}


def _held(extender: Extender, scheduler: str) -> int:
    held: int = extender.configz()["controllers"]["releasing"]["held"].get(scheduler, 0)
    return held


def _standing_by(plane: ControlPlane, extender: Extender, name: str) -> Scheduler:
    """A scheduler that follows the cluster, queue and all, and schedules nothing while another holds its Lease."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    spec = {"holderIdentity": "another", "leaseDurationSeconds": 3600, "acquireTime": now, "renewTime": now}
    plane.admin.post(LEASES, {"metadata": {"name": name}, "spec": spec})
    # Only the Lease named kube-scheduler is the usual identity's.
    identity = plane.kubeconfig("scheduler-admin", plane.admin)
    config = render("enforcing.yaml", url=extender.url, kubeconfig=identity, scheduler_name=name)
    scheduler = Scheduler(plane, f"scheduler-{name}", config.replace("leaderElect: false", "leaderElect: true"))
    scheduler.run()
    return scheduler


def _restart(extender: Extender, options: tuple[str, ...]) -> None:
    extender.terminate(DRAIN_S)
    extender.options = options
    extender.run()


def _configuration(port: int, authority: trustme.CA) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": "trimtab-e2e"},
        "webhooks": [
            {
                "name": "gates.trimtab.dev",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "failurePolicy": "Ignore",
                "timeoutSeconds": 5,
                "rules": [
                    {
                        "apiGroups": [""],
                        "apiVersions": ["v1"],
                        "resources": ["pods"],
                        "operations": ["CREATE"],
                        "scope": "Namespaced",
                    }
                ],
                "clientConfig": {
                    "url": f"https://127.0.0.1:{port}/mutate",
                    "caBundle": base64.b64encode(authority.cert_pem.bytes()).decode(),
                },
            }
        ],
    }
