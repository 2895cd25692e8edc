"""Why pods are pending, as the console says it of a real kube-scheduler's pods."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.e2e.cluster import ENFORCED, POOL, Pool
from tests.e2e.controlplane import ControlPlane, Scheduler
from tests.e2e.policies import NOTHING
from tests.e2e.policies import policy as policy_of
from tests.e2e.process import eventually
from tests.e2e.programs import ACCOUNT, DRAIN_S, NAMESPACE, Extender, PolicyConfigMap, Sidecar

MAINTAINED = policy_of({"schedulerName": ENFORCED, "plugins": {"filter": {"enabled": [{"name": "Rescheduler"}]}}})
MAINTENANCE = "scheduler.alpha.kubernetes.io/maintenance"


@pytest.fixture(scope="module")
def console(plane: ControlPlane, extender: Extender) -> Iterator[Sidecar]:
    account = plane.kubeconfig("console", plane.account_client(NAMESPACE, ACCOUNT))
    sidecar = Sidecar(plane, extender, plane.dir / "why.duckdb", f"--kubeconfig={account}", "--auth=none")
    sidecar.run()
    yield sidecar
    sidecar.terminate(DRAIN_S)


def why(console: Sidecar, pool: Pool, name: str) -> dict[str, Any]:
    try:
        told: dict[str, Any] = console.get(f"/api/v1/pods/{pool.namespace}/{name}/why")["data"]
    except HTTPError:
        return {"cause": "nothing"}
    return told


def until(console: Sidecar, pool: Pool, name: str, cause: str) -> dict[str, Any]:
    """The answer, as soon as it is of this cause."""
    eventually(cause, lambda: why(console, pool, name)["cause"] == cause, 30, lambda: str(why(console, pool, name)))
    return why(console, pool, name)


def test_never_fits_waits_for_room_and_no_label_are_told_apart(
    console: Sidecar, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    policy.apply(NOTHING)
    pool.add_nodes([{"cpu": "2", "memory": "8Gi", "pods": "110"}] * 2)
    pool.create([pool.pod("big-0", cpu="1500m"), pool.pod("big-1", cpu="1500m")])
    pool.wait_bound(2)

    # The pool's label keeps other tests' nodes out: a pod may be too large for its own nodes alone.
    pool.create(
        [
            pool.pod("roomy", cpu="1"),
            pool.pod("huge", cpu="640"),
            pool.pod("ssd", nodeSelector={POOL: pool.name, "disk": "ssd"}),
            pool.pod("gated", schedulingGates=[{"name": "example.com/approved"}]),
            pool.pod("claim", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "nobody"}}]),
        ]
    )
    roomy = until(console, pool, "roomy", "room.cpu")
    assert roomy["lasting"] == "waits"
    assert "500m is missing" in roomy["sentence"]
    assert any(line["basis"] == "observed" and "2 Insufficient cpu" in line["text"] for line in roomy["lines"])
    short = next(group for group in roomy["groups"] if group["reason"] == "has too little cpu free")
    assert short["count"] == 2

    assert until(console, pool, "huge", "size.cpu")["lasting"] == "never"
    ssd = until(console, pool, "ssd", "label.selector")
    assert (ssd["lasting"], "disk=ssd" in ssd["sentence"]) == ("never", True)
    assert until(console, pool, "gated", "gate.other")["lasting"] == "waits"
    assert "nobody" in until(console, pool, "claim", "claim.missing")["sentence"]

    _refuse_to_scale(pool, "huge")
    eventually("the autoscaler is heard", lambda: _hears(console, pool, "huge"), 30)

    listed = console.get(f"/api/v1/pods/pending?namespace={pool.namespace}")["data"]
    assert {pod["name"]: pod["cause"] for pod in listed["pods"]} == {
        "roomy": "room.cpu",
        "huge": "size.cpu",
        "ssd": "label.selector",
        "gated": "gate.other",
        "claim": "claim.missing",
    }

    pool.delete("big-0")
    pool.wait_bound(2)
    assert until(console, pool, "roomy", "start.kubelet")["lasting"] == "moving", "no kubelet runs here"
    assert scheduler.alive


def test_own_judgement_and_kube_schedulers_agree_on_taints_ports_and_rules_about_other_pods(
    console: Sidecar, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    policy.apply(NOTHING)
    first, second, third = pool.add_nodes([{"cpu": "2", "memory": "8Gi", "pods": "110"}] * 3)
    for at, name in enumerate((first, second, third)):
        labels = {"tier": "gpu" if name == third else "plain", "spot": f"s{at}"}
        pool.kube.patch(f"/api/v1/nodes/{name}", {"metadata": {"labels": labels}})
    taint = [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}]
    pool.kube.patch(f"/api/v1/nodes/{third}", {"spec": {"taints": taint}})
    ports = {"name": "main", "image": "example.test/app:1", "ports": [{"containerPort": 80, "hostPort": 8443}]}
    near = [{"labelSelector": {"matchLabels": {"app": "nobody"}}, "topologyKey": "spot"}]
    apart = [{"labelSelector": {"matchLabels": {"app": "e2e"}}, "topologyKey": "spot"}]
    required = "requiredDuringSchedulingIgnoredDuringExecution"

    pool.create([pool.pod("port-0", containers=[ports]), pool.pod("port-1", containers=[ports])])
    pool.wait_bound(2)
    pool.create(
        [
            pool.pod("port-2", containers=[ports]),
            pool.pod("tainted", nodeSelector={POOL: pool.name, "tier": "gpu"}),
            pool.pod("near", affinity={"podAffinity": {required: near}}),
            pool.pod("apart", affinity={"podAntiAffinity": {required: apart}}),
            pool.pod("device", containers=[_asking(ports, "example.com/device", "1")]),
        ]
    )
    for name, cause, lasting, plugin in (
        ("port-2", "port.taken", "waits", "free ports"),
        ("tainted", "taint.right", "never", "untolerated taint"),
        ("near", "near.none", "waits", "pod affinity rules"),
        ("apart", "apart.all", "waits", "anti-affinity rules"),
        ("device", "size.absent", "never", "Insufficient example.com/device"),
    ):
        told = until(console, pool, name, cause)
        assert told["lasting"] == lasting
        said = [line["text"] for line in told["lines"] if line["source"] == "condition PodScheduled"]
        assert plugin in said[0], (name, said)
    assert scheduler.alive


def _asking(container: dict[str, Any], resource: str, amount: str) -> dict[str, Any]:
    asked = {resource: amount}
    return {"name": "main", "image": container["image"], "resources": {"requests": asked, "limits": asked}}


def _refuse_to_scale(pool: Pool, name: str) -> None:
    """As cluster-autoscaler says that no node group would help."""
    path = f"/api/v1/namespaces/{pool.namespace}"
    uid = pool.kube.get(f"{path}/pods/{name}")["metadata"]["uid"]
    pool.kube.post(
        f"{path}/events",
        {
            "metadata": {"name": f"{name}.1", "namespace": pool.namespace},
            "involvedObject": {"kind": "Pod", "namespace": pool.namespace, "name": name, "uid": uid},
            "reason": "NotTriggerScaleUp",
            "message": "1 max node group size reached",
            "type": "Normal",
            "lastTimestamp": "2026-01-02T03:04:05Z",
        },
    )


def _hears(console: Sidecar, pool: Pool, name: str) -> bool:
    return any("max node group size reached" in line["text"] for line in why(console, pool, name)["lines"])


def test_what_a_plugin_rejects_is_that_plugins_and_only_while_it_does(
    console: Sidecar, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    kept, full = pool.add_nodes([{"cpu": "2", "memory": "8Gi", "pods": "110"}] * 2)
    policy.apply(NOTHING)
    pool.create([pool.pod("first", cpu="1500m"), pool.pod("second", cpu="1500m")])
    pool.wait_bound(2)
    on_kept = next(name for name, node in pool.bound().items() if node == kept)
    pool.delete(on_kept)
    pool.kube.patch(f"/api/v1/nodes/{kept}", {"metadata": {"labels": {MAINTENANCE: "true"}}})
    policy.apply(MAINTAINED)
    pool.create([pool.pod("held", cpu="1")])
    told = until(console, pool, "held", "load.maintenance")
    assert told["lasting"] == "waits"
    by_plugin = {group["plugin"]: group for group in told["groups"] if kept in group["nodes"] or full in group["nodes"]}
    assert by_plugin["Rescheduler"]["basis"] == "observed"
    assert by_plugin["NodeResourcesFit"]["basis"] == "inferred"

    pool.kube.patch(f"/api/v1/nodes/{kept}", {"spec": {"unschedulable": True}})
    pool.kube.patch(f"/api/v1/nodes/{kept}", {"metadata": {"labels": {MAINTENANCE: None}}})
    until(console, pool, "held", "room.cpu")
    assert scheduler.alive
