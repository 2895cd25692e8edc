"""R-104 to R-117, R-189 to R-191: tenants, what they use, what they may, and what is wrong with them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.cluster import Cluster, ClusterView, Usage
from analytics.control.access import Everybody
from analytics.control.calls import tenants as calls
from analytics.control.tools import Tools
from analytics.store import Store
from analytics.store.tenants import TenantHistory
from analytics.tenants import Uses, register_of
from analytics.tenants.checks import findings
from analytics.tenants.fairness import dominant, jain
from analytics.views.sources import Sources, ToolSettings
from analytics.views.tenants import metrics
from analytics.views.tenants.answers import judged
from analytics.views.tenants.view import Watch
from analytics.web.calls import Control
from analytics.web.door import Door
from extender.control import FileAudit
from extender.plugins.tenant_quota.args import TenantQuotaArgs
from extender.plugins.tenant_quota.book import TenantBook
from extender.plugins.tenant_quota.plugin import within_limit
from extender.tenancy import NAMES, Amounts
from tests.analytics.cluster.clusters import AT_US, a_pod
from tests.analytics.tenants.a_tenancy import TEAM_A, FakeTenants, a_cluster, an_object, with_objects
from tests.analytics.web.a_console import a_client, a_console, a_store


def nine_cpus(namespace: str = "team-a-dev") -> list[Any]:
    return [a_pod(f"{namespace}/p{i}", "n1", {"cpu": "3", "memory": "1Gi"}) for i in range(3)]


class Scene:
    """A console of a cluster."""

    def __init__(self, view: ClusterView, folder: Path, settings: ToolSettings | None = None) -> None:
        self.kept = FakeTenants()
        self.trail = FileAudit(folder / "audit.jsonl")
        sources = Sources(a_store(), cluster=Cluster.of(view), settings=lambda: settings or ToolSettings())
        nothing: Any = None
        tools = Tools(nothing, self.trail, nothing, Everybody(), nothing, nothing, tenants=self.kept, sources=sources)
        console = a_console(sources)
        self.console = replace(console, control=Control(Door(Everybody(), self.trail), calls.calls(tools)))

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        async def asked() -> httpx.Response:
            async with a_client(self.console) as client:
                sent: dict[str, Any] = {"content": body, "headers": {"content-type": "application/json"}}
                more = sent if isinstance(body, bytes) else {"json": body} if body is not None else {}
                return await client.request(method, path, **more)

        return asyncio.run(asked())

    def data(self, path: str, body: Any = None, method: str = "") -> Any:
        answer = self.ask(method or ("GET" if body is None else "POST"), path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(a_cluster(TEAM_A, pods=nine_cpus()), tmp_path)


def test_r106_r114_all_tenants_as_they_are_configured(scene: Scene) -> None:
    assert scene.data("/api/tenants") == {"tenants": [TEAM_A], "total": 1}


def test_r110_r115_the_quota_and_the_limit_with_burst_applied(scene: Scene) -> None:
    assert scene.data("/api/tenants/team-a/quota") == {
        "tenant": "team-a",
        "quota": {"cpu": "10", "memory": "20Gi", "storage": "100Gi", "gpu": "2", "pods": 100},
        "limit": {"cpu": "15", "memory": "30Gi", "storage": "150Gi", "gpu": "3", "pods": 150},
        "priority": 100,
        "policies": TEAM_A["policies"],
    }
    missing = scene.ask("GET", "/api/tenants/team-x/quota")
    assert (missing.status_code, missing.json()["message"]) == (404, "No tenant team-x: known are team-a.")


def test_r117_use_by_resource_and_namespace(scene: Scene) -> None:
    nothing = {"cpu": "0", "memory": "0", "storage": "0", "gpu": "0", "pods": 0}
    used = {"cpu": "9", "memory": "3Gi", "storage": "0", "gpu": "0", "pods": 3}
    assert scene.data("/api/tenants/team-a/usage") == {
        "tenant": "team-a",
        "time": "2026-01-02T03:04:05.000000Z",
        "used": used,
        "usage_ratio": {"cpu": 0.9, "memory": 0.15, "storage": 0.0, "gpu": 0.0, "pods": 0.03},
        "namespaces": {"team-a-dev": used, "team-a-prod": nothing},
        "burst": {"active": False, "resources": []},
        "violations": [],
    }


def a_request(cpu: str = "7", namespace: str = "team-a-dev", **more: Any) -> dict[str, Any]:
    return {"namespace": namespace, "resources": {"requests": {"cpu": cpu, "memory": "1Gi", **more}}}


def test_r109_r116_a_request_is_checked_against_what_is_used_now(scene: Scene) -> None:
    assert scene.data("/api/tenants/team-a/validate", a_request()) == {
        "tenant": "team-a",
        "allowed": False,
        "reason": "cpu: 9 used + 7 requested is over the limit of 15",
        "burst": True,
        "violations": [{"resource": "cpu", "used": "9", "requested": "7", "quota": "10", "limit": "15"}],
    }
    fits = scene.data("/api/tenants/team-a/validate", a_request("6"))
    assert (fits["allowed"], fits["reason"], fits["burst"]) == (True, "", True)
    assert scene.data("/api/tenants/team-a/validate", a_request("1"))["burst"] is False
    stranger = scene.data("/api/tenants/team-a/validate", a_request("1", "elsewhere"))
    assert (stranger["allowed"], stranger["reason"]) == (False, "namespace elsewhere is not the tenant's")


def test_r116_without_a_body_present_use_is_checked(tmp_path: Path, scene: Scene) -> None:
    assert scene.data("/api/tenants/team-a/validate", method="POST")["allowed"] is True
    over = Scene(a_cluster(TEAM_A, pods=[*nine_cpus(), *nine_cpus("team-a-prod")]), tmp_path)
    found = over.data("/api/tenants/team-a/validate", method="POST")
    assert (found["allowed"], found["reason"]) == (False, "cpu: 18 used is over the limit of 15")
    assert found["violations"] == [{"resource": "cpu", "used": "18", "requested": "0", "quota": "10", "limit": "15"}]


@pytest.mark.parametrize(
    ("body", "code", "path"),
    [
        (b"{", 400, ""),
        (b"[]", 400, ""),
        (b'{"namespace": 7}', 400, ""),
        (b'{"namespace": "team-a-dev", "resources": {"requests": []}}', 400, ""),
        (b'{"namespace": "team-a-dev", "resources": {"requests": {"cpu": "2x"}}}', 422, "resources.requests.cpu"),
        (
            b'{"namespace": "team-a-dev", "resources": {"requests": {"memory": "-1Gi"}}}',
            422,
            "resources.requests.memory",
        ),
        (b'{"namespace": "team-a-dev", "resources": {"requests": {"cpu": true}}}', 422, "resources.requests.cpu"),
    ],
)
def test_r116_bad_bodies_and_quantities_are_refused_where_they_are(
    scene: Scene, body: bytes, code: int, path: str
) -> None:
    answer = scene.ask("POST", "/api/tenants/team-a/validate", body)
    assert answer.status_code == code, answer.text
    assert [detail["path"] for detail in answer.json()["details"]] == ([path] if path else [])
    assert scene.ask("POST", "/api/tenants/nobody/validate").status_code == 404


def test_r191_checked_requests_are_counted(scene: Scene) -> None:
    def counted(result: str) -> float:
        return float(metrics.REQUESTS.labels("team-a", result)._value.get())

    before = counted("allowed"), counted("denied")
    scene.data("/api/tenants/team-a/validate", a_request("1"))
    scene.data("/api/tenants/team-a/validate", a_request("100"))
    assert (counted("allowed"), counted("denied")) == (before[0] + 1, before[1] + 1)


def test_r105_tenants_are_registered_changed_and_removed_and_it_is_recorded(scene: Scene) -> None:
    new = {**TEAM_A, "name": "team-b", "namespaces": ["b"]}
    assert scene.data("/api/tenants", new) == new
    assert scene.ask("POST", "/api/tenants", new).status_code == 409
    assert scene.kept.kept["team-b"]["spec"]["quota"]["cpu"] == "10"
    changed = {**new, "quota": {"cpu": "4"}}
    assert scene.data("/api/tenants/team-b?reason=smaller", changed, "PUT") == changed
    assert scene.kept.kept["team-b"]["spec"]["quota"] == {"cpu": "4"}
    assert scene.ask("PUT", "/api/tenants/team-c", new).status_code == 422
    assert scene.data("/api/tenants/team-b?dryRun=All", None, "DELETE")["name"] == "team-b"
    assert "team-b" in scene.kept.kept
    scene.data("/api/tenants/team-b", None, "DELETE")
    assert scene.ask("DELETE", "/api/tenants/team-b").status_code == 404
    trail = [(entry.action, entry.target, entry.result) for entry in asyncio.run(scene.trail.newest(20))]
    assert ("register tenant", "tenant team-b", "refused") in trail
    assert ("change tenant", "tenant team-b", "done") in trail
    assert trail.count(("remove tenant", "tenant team-b", "done")) == 1


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"name": ""}, "name"),
        ({"namespaces": []}, "namespaces"),
        ({"namespaces": ["team-a-dev"]}, "namespaces"),
        ({"quota": {"cpu": "-1"}}, "quota.cpu"),
        ({"quota": {"disk": "1"}}, "quota"),
        ({"policies": {"maxBurstRatio": 0.5}}, "policies.maxBurstRatio"),
        ({"policies": {"preemptionPolicy": "Sometimes"}}, "policies.preemptionPolicy"),
        ({"colour": "red"}, ""),
    ],
)
def test_r107_r108_a_faulty_configuration_is_refused_where_it_is(
    scene: Scene, wrong: dict[str, Any], path: str
) -> None:
    answer = scene.ask("POST", "/api/tenants", {**TEAM_A, "name": "team-b", "namespaces": ["b"], **wrong})
    assert answer.status_code == 422, answer.text
    assert [detail["path"] for detail in answer.json()["details"]] == [path]
    assert scene.kept.kept == {}


def test_tenants_of_a_list_and_a_file_stand_beside_objects(tmp_path: Path) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text("- {name: filed, namespaces: [f]}\n- {name: team-a, namespaces: [g]}\n- {name: odd}\n")
    view = a_cluster(TEAM_A)
    listed = {"data": {"tenants.yaml": "- {name: listed, namespaces: [l, team-a-dev]}\n"}, "metadata": {"name": "t"}}
    view = with_objects(view, {**view.objects, "configmaps.tenants": {"ns/t": listed}})
    register = register_of(view, file)
    assert dict(register.sources) == {"team-a": "object", "listed": "configmap", "filed": "file"}
    assert dict(register.problems) == {
        "tenants.yaml[1]": "tenant team-a is registered already, by object",
        "tenants.yaml[2]": "Object missing required field `namespaces`",
        "tenant listed": "namespace team-a-dev belongs to tenant team-a",
    }
    assert list(register.namespaces(register.tenants["listed"])) == ["l"]


@pytest.mark.parametrize("text", ["{", "a: b", "- 7", "[" * 5000, "\x00", "- &a [*a]", "7"])
def test_a_list_that_is_none_is_told_and_the_rest_counts(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tenants.yaml"
    file.write_text(text)
    register = register_of(a_cluster(TEAM_A), file)
    assert list(register.tenants) == ["team-a"]
    assert len(register.problems) == 1
    assert register_of(a_cluster(TEAM_A), tmp_path / "absent.yaml").problems


quantities = st.integers(0, 12_000).map(lambda n: f"{n}m")
requests = st.fixed_dictionaries(
    {},
    optional={
        "cpu": quantities,
        "memory": st.integers(0, 40 << 30).map(str),
        "ephemeral-storage": st.integers(0, 200 << 30).map(str),
        "nvidia.com/gpu": st.integers(0, 4).map(str),
    },
)


@given(st.lists(requests, max_size=4), requests, st.sampled_from([1.0, 1.1, 1.5, 2.0]), st.booleans())
def test_r112_validate_says_what_tenant_quota_enforces(
    placed: list[dict[str, str]],
    asked: dict[str, str],
    burst_ratio: float,
    bursts: bool,  # noqa: FBT001 - drawn
) -> None:
    policies = {**TEAM_A["policies"], "maxBurstRatio": burst_ratio, "allowBurstable": bursts}  # type: ignore[dict-item]
    tenant = {**TEAM_A, "policies": policies}
    pods = [a_pod(f"team-a-dev/p{i}", "n1", one) for i, one in enumerate(placed)]
    uses = Uses(view := a_cluster(tenant, pods=pods), register_of(view))
    book = TenantBook()
    book.object_changed("Tenant", "team-a", None, an_object(tenant))
    for pod in pods:
        book.pod_changed(None, pod)

    class Asking:
        pod = a_pod("team-a-prod/new", "", asked)
        args = TenantQuotaArgs()

    Asking.book = book  # type: ignore[attr-defined]
    enforced = within_limit(Asking())  # type: ignore[arg-type]
    found = judged(uses, uses.register.tenants["team-a"], "team-a-prod", asked, pods=1)

    assert found["allowed"] == (enforced.code == "Success")
    if not found["allowed"]:
        assert enforced.reason == f"tenant team-a: {found['reason']}"
    else:
        assert found["burst"] == ("bursts" in enforced.reason)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_the_jain_index_lies_between_one_for_all_and_all_alike(shares: list[float]) -> None:
    found = jain(shares)
    if found is None:
        assert sum(share * share for share in shares) == 0
    else:
        assert 1 / len(shares) - 1e-9 <= found <= 1 + 1e-9
        assert jain([0.25] * len(shares)) == pytest.approx(1)


def test_the_dominant_share_is_the_largest_of_what_is_scarce() -> None:
    whole = Amounts(10_000, 100, 0, 4, 1000)
    assert dominant(Amounts(1000, 20, 50, 1, 900), whole) == ("gpu", 0.25)
    assert dominant(Amounts(), whole) == ("", 0.0)


def test_what_is_wrong_is_told_with_its_evidence() -> None:
    starving = {"name": "hungry", "namespaces": ["h"], "quota": {"cpu": "8"}}
    greedy = {"name": "greedy", "namespaces": ["g"], "quota": {"cpu": "60", "memory": "1Gi"}}
    pods = [
        a_pod("h/w", "", {"cpu": "1"}, metadata={"creationTimestamp": "2026-01-02T02:00:00Z"}),
        a_pod("g/a", "n1", {"cpu": "1", "memory": "2Gi"}),
        a_pod("g/b", "n1", {"cpu": "1"}),
    ]
    view = a_cluster(starving, greedy, pods=pods)
    found = {(one.rule, one.severity, one.tenant): one.message for one in findings(Uses(view, register_of(view)))}
    assert found == {
        ("over-limit", "critical", "greedy"): "memory: 2Gi used is over the limit of 1Gi",
        ("bursting", "info", "greedy"): "uses more than its quota of memory",
        ("no-requests", "info", "greedy"): "1 pods request no cpu or memory, and so use none of its quota",
        ("overcommitted", "warning", ""): "cpu: 68 is promised to all together, and nodes can allocate 64",
        ("starving", "warning", "hungry"): "1 pods wait for over 300 s below its quota: h/w",
    }


def test_r111_r190_a_violation_opens_and_closes_after_two_evaluations(store: Store) -> None:
    calm = a_cluster(TEAM_A, pods=nine_cpus())
    over = a_cluster(TEAM_A, pods=[*nine_cpus(), *nine_cpus("team-a-prod")])

    def counted() -> float:
        return float(metrics.VIOLATIONS.labels("team-a", "cpu")._value.get())

    def seen(watch: Watch, view: ClusterView, at_us: int) -> list[tuple[str, str]]:
        changes = watch.evaluate(Uses(view, register_of(view)), at_us)
        return [(row.resource, row.change) for row in changes]

    watch, before = Watch(TenantHistory(store)), counted()
    assert seen(watch, over, AT_US) == []
    assert seen(watch, calm, AT_US + 1) == [], "once is not twice"
    assert seen(watch, over, AT_US + 2) == []
    assert seen(watch, over, AT_US + 3) == [("cpu", "opened")]
    assert seen(watch, over, AT_US + 4) == []
    assert counted() == before + 1
    again = Watch(TenantHistory(store))
    assert seen(again, over, AT_US + 5) == [], "after a restart it is known to be open"
    assert seen(again, calm, AT_US + 6) == []
    assert seen(again, calm, AT_US + 7) == [("cpu", "closed")]
    kept = TenantHistory(store).violations("team-a")
    assert [(row.change, row.used, row.most) for row in kept] == [("closed", 9000, 15000), ("opened", 18000, 15000)]
    assert kept[1].newest_pod.startswith("team-a-")
    samples = TenantHistory(store).samples("team-a", 0, AT_US)
    assert {row.resource for row in samples} == set(NAMES)


def test_r189_use_is_shown_while_the_tenant_is_there(store: Store) -> None:
    def shown() -> dict[str, float]:
        return {
            sample.labels["resource"]: sample.value
            for family in metrics.USAGE.collect()
            for sample in family.samples
            if sample.labels["tenant"] == "team-a"
        }

    watch = Watch(TenantHistory(store))
    view = a_cluster(TEAM_A, pods=nine_cpus())
    watch.evaluate(Uses(view, register_of(view)), AT_US)
    assert shown() == {"cpu": 0.9, "memory": 0.15, "storage": 0.0, "gpu": 0.0, "pods": 0.03}
    nobody = a_cluster()
    watch.evaluate(Uses(nobody, register_of(nobody)), AT_US + 1)
    assert shown() == {}


@pytest.mark.parametrize("amount", ["9e400", "9223372036854775807", "99999999999999999Ei"])
def test_a_tenant_with_an_absurd_quota_is_sampled_beside_the_others(store: Store, amount: str) -> None:
    absurd = {**TEAM_A, "name": "vast", "namespaces": ["v"], "quota": {"cpu": amount, "memory": amount}}
    view = a_cluster(TEAM_A, absurd, pods=[a_pod("v/p", "n1", {"cpu": amount, "memory": amount})])
    watch, history = Watch(TenantHistory(store)), TenantHistory(store)
    for at in range(3):
        watch.evaluate(Uses(view, register_of(view)), AT_US + at)
    assert {row.resource for row in history.samples("vast", 0, AT_US)} == {"cpu", "memory"}
    assert len(history.samples("team-a", 0, AT_US)) == len(NAMES)


def test_a_clock_that_is_set_back_or_far_ahead_does_not_end_the_sampling(store: Store) -> None:
    history = TenantHistory(store)
    watch, view = Watch(history), a_cluster(TEAM_A, pods=nine_cpus())
    day_us = 24 * 3600 * 1_000_000
    for at_us in (AT_US, AT_US + day_us, AT_US - day_us, AT_US - day_us + 60_000_000):
        watch.evaluate(Uses(view, register_of(view)), at_us)
    times = sorted({row.at_us for row in history.samples("team-a", 0, AT_US + 2 * day_us)})
    assert len(times) == 4


def test_pods_that_the_future_created_wait_no_time(tmp_path: Path) -> None:
    """The API server's clock is ahead of ours, or the kubelet's of the API server's."""
    pod = a_pod(
        "team-a-dev/p", "n1", {"cpu": "1"}, metadata={"creationTimestamp": "2030-01-01T00:00:00Z"},
        status={"conditions": [
            {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2029-12-31T23:00:00Z"}
        ]},
    )  # fmt: skip
    waiting = a_pod("team-a-dev/w", "", {"cpu": "1"}, metadata={"creationTimestamp": "2030-01-01T00:00:00Z"})
    found = Scene(a_cluster(TEAM_A, pods=[pod, waiting]), tmp_path).data("/api/v1/tenants")
    assert found["tenants"][0]["wait_p95_s"] == 0.0
    assert "starving" not in {one["rule"] for one in found["findings"]}


def test_what_pods_really_use_is_told_beside_what_they_request(tmp_path: Path) -> None:
    view = a_cluster(TEAM_A, pods=nine_cpus())
    assert Scene(view, tmp_path).data("/api/v1/tenants")["tenants"][0]["measured"] is None
    used = {"team-a-dev": Usage(AT_US, 2250, 4 << 30), "elsewhere": Usage(AT_US, 9000, 1)}
    found = Scene(replace(view, namespace_usage=used), tmp_path).data("/api/v1/tenants")["tenants"][0]["measured"]
    assert found == {
        "cpu": {"used": "2250m", "requested": "9", "waste": "6750m", "efficiency": 0.25},
        "memory": {"used": "4Gi", "requested": "3Gi", "waste": "0", "efficiency": 1.3333},
    }


def test_tenants_that_claim_one_namespace_share_nothing_twice() -> None:
    older = an_object({"name": "older", "namespaces": ["both", "o"], "quota": {"cpu": "1"}}, "2025-01-01T00:00:00Z")
    newer = an_object({"name": "newer", "namespaces": ["n", "both"], "quota": {"cpu": "1"}}, "2026-01-01T00:00:00Z")
    view = a_cluster(pods=[a_pod("both/p", "n1", {"cpu": "3"})])
    view = with_objects(view, {"tenants.tenancy.trimtab.dev": {"newer": newer, "older": older}})
    uses = Uses(view, register_of(view))
    held = {name: uses.of(tenant).used.cpu for name, tenant in uses.register.tenants.items()}
    assert held == {"older": 3000, "newer": 0}
    assert [one.tenant for one in findings(uses) if one.rule == "configuration"] == ["newer"]


def test_r104_the_overview_tells_fairness_and_findings(scene: Scene) -> None:
    found = scene.data("/api/v1/tenants")
    (row,) = found["tenants"]
    assert row["resources"][0] == {
        "resource": "cpu", "used": "9", "pending": "0", "quota": "10", "limit": "15", "used_ratio": 0.9,
        "limit_ratio": 1.5, "borrowed": "0", "idle": "1", "lent": "0",
    }  # fmt: skip
    assert row["dominant"] == {"resource": "cpu", "share": round(9 / 64, 4)}
    assert found["fairness"]["jain_index"] == 1.0
    assert scene.data("/api/v1/tenants/team-a/history")["samples"] == []
    assert scene.data("/api/v1/tenants/violations") == {"violations": []}
