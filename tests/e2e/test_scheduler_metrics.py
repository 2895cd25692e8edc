"""R-152: the metrics of a real kube-scheduler, read under the rights that the documentation gives, and what is made of
them and of the decisions that it caused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import yaml

from analytics.store.tables import SampleRow
from analytics.views.performance.scrape import CannotLook, Taken, fetch, samples, taken
from analytics.views.sources import ToolSettings
from tests.e2e.cluster import ENFORCED, Pool
from tests.e2e.controlplane import SCHEDULER, ControlPlane, Scheduler
from tests.e2e.policies import NOTHING
from tests.e2e.process import eventually
from tests.e2e.programs import ACCOUNT, DRAIN_S, NAMESPACE, REPOSITORY, Extender, PolicyConfigMap, Sidecar
from tests.e2e.registration import render

PODS = 12
T0_US = 1_767_323_040_000_000
MINUTE_US = 60_000_000


def settings_of(plane: ControlPlane, scheduler: Scheduler, token: str = "") -> ToolSettings:
    """With the certificate that the scheduler has made itself."""
    return ToolSettings(
        scheduler_metrics=scheduler.url("/metrics"),
        scheduler_metrics_ca=plane.dir / f"{scheduler.name}-certs" / "kube-scheduler.crt",
        scheduler_metrics_token=plane.write("metrics-token", token) if token else None,
    )


def look(settings: ToolSettings, minute: int) -> Taken:
    return taken(fetch(settings), T0_US + minute * MINUTE_US)


def came(rows: list[SampleRow], name: str, part: str) -> float:
    return sum(row.value for row in rows if row.name == name and part in row.labels)


def test_what_a_real_scheduler_counts_between_two_looks_is_what_was_scheduled(
    plane: ControlPlane, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    policy.apply(NOTHING)
    pool.add_nodes([{"cpu": "8", "memory": "16Gi", "pods": "110"}] * 2)
    pool.wait_known(scheduler)
    settings = settings_of(plane, scheduler)
    before = look(settings, 0)
    pool.create([*(pool.pod(f"p-{n}") for n in range(PODS)), pool.pod("large", cpu="64")])
    pool.wait_bound(PODS)
    eventually("the large one was refused", lambda: "large" in pool.waiting() and "nodes" in str(pool.waiting()), 20)
    # Counters are raised behind the binding.
    eventually("all are counted", lambda: scheduled(settings, before) == PODS, 20, lambda: scheduled(settings, before))
    now = look(settings, 1)
    rows = list(samples(now, before))
    assert came(rows, "scheduler_schedule_attempts_total", '"result":"unschedulable"') >= 1
    for name, part in (
        ("scheduler_scheduling_attempt_duration_seconds_bucket", '"result":"scheduled"'),
        ("scheduler_pod_scheduling_sli_duration_seconds_bucket", ""),
    ):
        assert came(rows, name, part) == PODS, name
    points = ("PreFilter", "Filter", "Score")
    name = "scheduler_framework_extension_point_duration_seconds_bucket"
    assert all(came(rows, name, f'"extension_point":"{point}"') > 0 for point in points)
    assert all(ENFORCED in row.labels for row in rows if row.name == "scheduler_schedule_attempts_total")
    queues = {row.labels for row in rows if row.name == "scheduler_pending_pods"}
    assert {f'{{"queue":"{queue}"}}' for queue in ("active", "backoff", "unschedulable", "gated")} <= queues
    assert came(rows, "scheduler_pending_pods", "") >= 1, "the large one waits"


def scheduled(settings: ToolSettings, before: Taken) -> float:
    return came(list(samples(look(settings, 1), before)), "scheduler_schedule_attempts_total", '"result":"scheduled"')


@pytest.fixture
def guarded(plane: ControlPlane, extender: Extender) -> Iterator[Scheduler]:
    """A scheduler of its own that asks the API server who may read its metrics."""
    identity = plane.kubeconfig("scheduler", plane.client(SCHEDULER))
    config = render("enforcing.yaml", url=extender.url, kubeconfig=identity, scheduler_name="guarded-scheduler")
    scheduler = Scheduler(plane, "guarded", config)
    scheduler.open_paths = "/healthz,/livez,/readyz"
    scheduler.run()
    yield scheduler
    scheduler.terminate(1)


def documented_role() -> dict[str, Any]:
    text = (REPOSITORY / "docs" / "tools" / "performance.md").read_text()
    role: dict[str, Any] = yaml.safe_load(text.split("```yaml\n")[1].split("```")[0])
    return role


def test_the_documented_role_is_enough_and_without_it_the_refusal_says_what_is_missing(
    plane: ControlPlane, guarded: Scheduler
) -> None:
    token = plane.account_client(NAMESPACE, ACCOUNT).token
    with pytest.raises(CannotLook, match=r"HTTP 40[13]"):
        fetch(settings_of(plane, guarded))
    with pytest.raises(CannotLook, match="HTTP 403: its reader needs the right to get the URL /metrics"):
        fetch(settings_of(plane, guarded, token))
    role = documented_role()
    api = "/apis/rbac.authorization.k8s.io/v1"
    plane.admin.post(f"{api}/clusterroles", role)
    name = role["metadata"]["name"]
    plane.admin.post(
        f"{api}/clusterrolebindings",
        {
            "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}],
        },
    )
    settings = settings_of(plane, guarded, token)

    def allowed() -> bool:
        try:
            return "scheduler_pending_pods" in fetch(settings)
        except CannotLook:
            return False  # a refusal is remembered for some seconds

    eventually("the role is known", allowed, 30)


@pytest.fixture
def console(plane: ControlPlane, extender: Extender, scheduler: Scheduler, tmp_path: Path) -> Iterator[Sidecar]:
    account = plane.kubeconfig("console", plane.account_client(NAMESPACE, ACCOUNT))
    sidecar = Sidecar(
        plane, extender, tmp_path / "store.duckdb", f"--kubeconfig={account}", "--auth=none", "--metrics-interval=1s",
        f"--scheduler-metrics={scheduler.url('/metrics')}",
        f"--scheduler-metrics-ca-file={plane.dir / f'{scheduler.name}-certs' / 'kube-scheduler.crt'}",
    )  # fmt: skip
    sidecar.run()
    yield sidecar
    sidecar.terminate(DRAIN_S)


def test_r157_decisions_of_a_real_scheduler_and_its_own_figures_are_in_one_analysis(
    console: Sidecar, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    policy.apply(NOTHING)
    pool.add_nodes([{"cpu": "8", "memory": "16Gi", "pods": "110"}] * 2)
    pool.wait_known(scheduler)
    eventually("the journal is read to its end", console.has_read_all, 60)
    before = analysis(console)["pods_scheduled"]
    pool.create(pool.pod(f"p-{n}") for n in range(PODS))
    pool.wait_bound(PODS)
    eventually("all are in the analysis", lambda: analysis(console)["pods_scheduled"] - before == PODS, 30)
    told = analysis(console)
    assert 0 < told["latency_ms"]["p50"] <= told["latency_ms"]["p99"]
    assert {each["phase"] for each in told["by_verb"]} >= {"filter", "bind"}
    assert told["success_rate"] > 0
    eventually("the scheduler's own figures are there", lambda: analysis(console)["kube_scheduler"]["known"], 60)
    told = analysis(console)
    assert set(told["kube_scheduler"]["queues"]) >= {"active", "backoff", "unschedulable"}
    assert {each["name"]: each["ok"] for each in told["sources"]} == {
        "decisions": True, "kube-scheduler": True, "cluster": True,
    }  # fmt: skip


def analysis(console: Sidecar) -> dict[str, Any]:
    try:
        told: dict[str, Any] = console.get("/api/analysis?start=1h")["data"]
    except HTTPError as refused:
        raise AssertionError(refused.read().decode()) from refused
    return told
