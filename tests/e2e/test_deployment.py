"""deploy/ and scheduler-config/: what they render to, and what the rights of deploy/base allow."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from analytics.__main__ import main as analytics_command
from extender.cli.extender import extender as extender_command
from extender.cluster.load_fetch import Unavailable
from extender.cluster.secrets import Secrets
from extender.election.badge import LABEL
from extender.kube import KubeApi
from extender.model.secret import SecretKey
from extender.plugins import PLUGINS
from tests.e2e.cluster import Pool
from tests.e2e.controlplane import ControlPlane, Scheduler
from tests.e2e.kube import Kube, KubeRefused
from tests.e2e.process import read_url
from tests.e2e.programs import ACCOUNT, NAMESPACE, POLICY_PATH, REPOSITORY
from tests.e2e.registration import places, render

CORE = "/api/v1"
FORBIDDEN = 403


@pytest.fixture
def account(plane: ControlPlane) -> Kube:
    return plane.account_client(NAMESPACE, ACCOUNT)


@pytest.mark.parametrize(
    "path",
    [
        f"{CORE}/secrets",
        f"{CORE}/namespaces/{NAMESPACE}/secrets",
        f"{CORE}/namespaces/kube-system/configmaps",
        f"{CORE}/namespaces/{NAMESPACE}/configmaps",
        f"{CORE}/serviceaccounts",
        "/apis/apps/v1/deployments",
        "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    ],
)
def test_the_extender_may_not_read(account: Kube, path: str) -> None:
    with pytest.raises(KubeRefused) as refused:
        account.get(path)
    assert refused.value.status == FORBIDDEN


def test_the_extender_may_not_make_pods_or_change_nodes_or_other_configmaps(account: Kube, pool: Pool) -> None:
    node = pool.add_nodes([{"cpu": "1", "memory": "1Gi", "pods": "1"}])[0]
    pods = f"{CORE}/namespaces/{pool.namespace}/pods"
    pool.kube.post(f"{CORE}/namespaces/{NAMESPACE}/configmaps", {"metadata": {"name": "other"}})
    attempts: list[tuple[str, str, Any]] = [
        ("POST", pods, pool.pod("mine")),
        ("PATCH", f"{CORE}/nodes/{node}", {"spec": {"unschedulable": True}}),
        ("PATCH", f"{CORE}/namespaces/{NAMESPACE}/configmaps/other", {"data": {"a": "b"}}),
        ("DELETE", POLICY_PATH, None),
        ("POST", f"{CORE}/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token", {}),
    ]
    for method, path, body in attempts:
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        with pytest.raises(KubeRefused) as refused:
            account.request(method, path, body, kind)
        assert refused.value.status == FORBIDDEN, f"{method} {path}"


def test_the_extender_may_read_what_it_watches(account: Kube) -> None:
    for path in (f"{CORE}/pods", f"{CORE}/nodes", "/apis/scheduling.x-k8s.io/v1alpha1/elasticquotas", POLICY_PATH):
        account.get(path)


READ = ("get", "list", "watch")
RIGHTS = {
    ("", "pods"): (*READ, "patch", "delete"),
    ("", "pods/binding"): ("create",),
    ("", "pods/status"): ("patch",),
    ("", "pods/eviction"): ("create",),
    ("", "nodes"): READ,
    ("policy", "poddisruptionbudgets"): READ,
    ("scheduling.k8s.io", "priorityclasses"): READ,
    ("scheduling.x-k8s.io", "podgroups"): READ,
    ("scheduling.x-k8s.io", "podgroups/status"): ("patch",),
    ("scheduling.x-k8s.io", "elasticquotas"): READ,
    ("scheduling.x-k8s.io", "elasticquotas/status"): ("get", "patch"),
    ("topology.node.k8s.io", "noderesourcetopologies"): READ,
    ("security-profiles-operator.x-k8s.io", "seccompprofiles"): READ,
    ("appgroup.diktyo.x-k8s.io", "appgroups"): READ,
    ("networktopology.diktyo.x-k8s.io", "networktopologies"): READ,
    ("tenancy.trimtab.dev", "tenants"): (*READ, "create", "update", "patch", "delete"),
    ("", "resourcequotas"): READ,
    ("", "persistentvolumeclaims"): READ,
    ("", "events"): READ,
    ("kueue.x-k8s.io", "clusterqueues"): READ,
    ("kueue.x-k8s.io", "localqueues"): READ,
    ("capsule.clastix.io", "tenants"): READ,
    ("metrics.k8s.io", "nodes"): ("list",),
    ("metrics.k8s.io", "pods"): ("list",),
    ("events.k8s.io", "events"): ("create",),
    ("authentication.k8s.io", "tokenreviews"): ("create",),
    ("authorization.k8s.io", "subjectaccessreviews"): ("create",),
    ("apps", "deployments"): (),
    ("apps", "controllerrevisions"): (),
}
"""What plugins, controllers and the console need in every namespace, and no more of it."""
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


@pytest.mark.parametrize(("group", "resource"), sorted(RIGHTS))
def test_the_extender_has_exactly_the_rights_that_it_uses(account: Kube, group: str, resource: str) -> None:
    name, _, subresource = resource.partition("/")
    place = {"group": group, "resource": name, "subresource": subresource, "namespace": "any-namespace"}
    allowed = {verb for verb in VERBS if _may(account, {**place, "verb": verb})}
    assert allowed == set(RIGHTS[group, resource])


def test_the_console_keeps_the_history_in_its_own_namespace_only(account: Kube) -> None:
    place = {"group": "apps", "resource": "controllerrevisions", "namespace": NAMESPACE}
    assert {verb for verb in VERBS if _may(account, {**place, "verb": verb})} == {
        "get",
        "list",
        "create",
        "patch",
        "delete",
    }


R263 = {
    ("", "configmaps"): (*READ, "update", "patch"),
    ("", "pods"): READ,
    ("", "nodes"): READ,
    ("apps", "deployments"): (*READ, "update", "patch"),
    ("apps", "replicasets"): READ,
    ("", "events"): READ,
}


def test_r263_r264_the_policy_service_has_exactly_the_given_rights_under_the_given_names(plane: ControlPlane) -> None:
    plane.kubectl("apply", "-k", str(REPOSITORY / "deploy" / "components" / "plugin-manager"))
    role = plane.admin.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/plugin-manager-role")
    found = {(rule["apiGroups"][0], rule["resources"][0]): tuple(rule["verbs"]) for rule in role["rules"]}
    assert found == R263
    assert len(role["rules"]) == len(R263)
    binding = plane.admin.get("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/plugin-manager-binding")
    assert binding["roleRef"]["name"] == "plugin-manager-role"
    assert [(one["kind"], one["namespace"], one["name"]) for one in binding["subjects"]] == [
        ("ServiceAccount", "plugin-manager", "plugin-manager-sa")
    ]
    service = plane.account_client("plugin-manager", "plugin-manager-sa")
    for (group, resource), verbs in R263.items():
        place = {"group": group, "resource": resource, "namespace": "any-namespace"}
        assert {verb for verb in VERBS if _may(service, {**place, "verb": verb})} == set(verbs), resource
    assert not _may(service, {"group": "", "resource": "secrets", "namespace": "kube-system", "verb": "get"})


def test_every_declared_kind_of_every_plugin_may_be_watched() -> None:
    """A plugin that reads a new kind needs its right here, or it is neutral on every cluster."""
    watched = {(kind.group, kind.plural) for plugin in PLUGINS for kind in plugin.watches}
    assert {place for place in watched if not set(READ) <= set(RIGHTS.get(place, ()))} == set()


def test_the_extender_may_use_the_one_lease_that_it_is_elected_by(account: Kube) -> None:
    place = {"group": "coordination.k8s.io", "resource": "leases", "namespace": NAMESPACE}

    def allowed(name: str, namespace: str = NAMESPACE) -> set[str]:
        asked = {**place, "name": name, "namespace": namespace}
        return {verb for verb in VERBS if _may(account, {**asked, "verb": verb})}

    assert allowed("trimtab") == {*READ, "patch"}
    assert allowed("another") == set()
    assert allowed("trimtab", "kube-system") == set()


def test_r283_of_secrets_the_extender_reads_the_one_that_plugins_may_name(account: Kube, plane: ControlPlane) -> None:
    place = {"group": "", "resource": "secrets", "namespace": NAMESPACE}
    for name, verbs in {"trimtab-plugins": {"get"}, "another": set(), "": set()}.items():
        assert {verb for verb in VERBS if _may(account, {**place, "name": name, "verb": verb})} == verbs
    assert not _may(account, {**place, "namespace": "kube-system", "name": "trimtab-plugins", "verb": "get"})

    secrets = f"{CORE}/namespaces/{NAMESPACE}/secrets"
    token = base64.b64encode(b"s3cret").decode()
    plane.admin.post(secrets, {"metadata": {"name": "trimtab-plugins"}, "data": {"token": token}})
    kubeconfig = plane.kubeconfig("reader", account)

    async def read(key: str) -> str:
        api = await KubeApi.connect(str(kubeconfig))
        try:
            return await Secrets(api, NAMESPACE).value(SecretKey(name="trimtab-plugins", key=key))
        finally:
            await api.close()

    try:
        assert asyncio.run(read("token")) == "s3cret"
        with pytest.raises(Unavailable, match="no such key; it has token"):
            asyncio.run(read("other"))
    finally:
        plane.admin.delete(f"{secrets}/trimtab-plugins")


def test_services_choose_the_pod_that_leads_and_its_extender_knows_which_pod_it_is(plane: ControlPlane) -> None:
    for name in ("trimtab", "trimtab-console"):
        selector = plane.admin.get(f"{CORE}/namespaces/{NAMESPACE}/services/{name}")["spec"]["selector"]
        assert selector[LABEL] == "true"
    deployment = plane.admin.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/trimtab")
    extender = deployment["spec"]["template"]["spec"]["containers"][0]
    assert "--leader-elect" in extender["args"]
    told = {
        entry["name"]: entry["valueFrom"]["fieldRef"]["fieldPath"] for entry in extender["env"] if "valueFrom" in entry
    }
    assert told == {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}
    # A label in the template would choose every pod.
    assert LABEL not in deployment["spec"]["template"]["metadata"]["labels"]


def _may(account: Kube, attributes: dict[str, str]) -> bool:
    """What the API server itself says."""
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
    body = {**review, "spec": {"resourceAttributes": attributes}}
    answer = account.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    return bool(answer["status"]["allowed"])


def test_the_base_runs_both_programs_locked_down(plane: ControlPlane) -> None:
    deployment = plane.admin.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/trimtab")
    pod = deployment["spec"]["template"]["spec"]
    assert [container["name"] for container in pod["containers"]] == ["extender", "analytics"]
    assert pod["enableServiceLinks"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        writable = {mount["mountPath"] for mount in container["volumeMounts"]}
        assert any(_option(container, "--journal").startswith(path) for path in writable)


@pytest.mark.parametrize("name", ["trimtab", "trimtab-console"])
def test_r272_the_services_are_inside_the_cluster_only(plane: ControlPlane, name: str) -> None:
    service = plane.admin.get(f"{CORE}/namespaces/{NAMESPACE}/services/{name}")
    assert service["spec"]["type"] == "ClusterIP"


def test_a_pod_of_the_deployment_is_admitted_under_the_restricted_level(plane: ControlPlane) -> None:
    template = plane.admin.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/trimtab")["spec"]["template"]
    pod = {"metadata": {"name": "sample", "labels": template["metadata"]["labels"]}, "spec": template["spec"]}
    plane.admin.post(f"{CORE}/namespaces/{NAMESPACE}/pods?dryRun=All", pod)


def test_the_options_in_the_deployment_exist(plane: ControlPlane) -> None:
    """Each option is asked for in the program's own help."""
    deployment = plane.admin.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/trimtab")
    containers = deployment["spec"]["template"]["spec"]["containers"]
    for container, command in zip(containers, (extender_command, analytics_command), strict=True):
        text = CliRunner().invoke(command, ["--help"]).output
        for argument in container["args"]:
            assert argument.partition("=")[0] in text


def test_the_scheduler_took_the_whole_configuration(scheduler: Scheduler) -> None:
    """What kube-scheduler really runs with: both registrations, and in-tree weights ten times the default."""
    config = json.loads(read_url(scheduler.url("/configz")))["componentconfig"]
    asked, binder = config["extenders"]
    assert (asked["filterVerb"], asked["prioritizeVerb"], asked["preemptVerb"]) == ("filter", "prioritize", "preempt")
    assert "bindVerb" not in asked or not asked["bindVerb"]
    assert binder["bindVerb"] == "bind"
    assert not binder.get("filterVerb")
    defaults = {plugin["name"]: plugin.get("weight", 0) for plugin in _enabled(config, "multiPoint")}
    set_here = {plugin["name"]: plugin["weight"] for plugin in _enabled(config, "score")}
    scoring = {name: weight for name, weight in defaults.items() if weight and name != "DynamicResources"}
    assert set_here == {name: 10 * weight for name, weight in scoring.items()}


@pytest.mark.parametrize("template", ["advisory.yaml", "enforcing.yaml", "scoring.yaml"])
def test_every_field_of_a_registration_has_a_reason_and_every_place_is_filled(template: str) -> None:
    assert places(template) == {"TRIMTAB_URL", "KUBECONFIG", "SCHEDULER_NAME", "LEASE_NAME", "LEADER_ELECT"}
    text = render(template, url="http://127.0.0.1:8888", kubeconfig=Path("kubeconfig"), scheduler_name="name")
    config = yaml.safe_load(text)
    ignorable = {extender["ignorable"] for extender in config["extenders"]}
    assert ignorable == {template != "enforcing.yaml"}
    registrations = text[text.index("\nextenders:") :].splitlines()[2:]
    assert all("#" in line for line in registrations), "a field without a reason"


def _enabled(config: dict[str, Any], point: str) -> list[dict[str, Any]]:
    enabled: list[dict[str, Any]] = config["profiles"][0]["plugins"].get(point, {}).get("enabled", [])
    return enabled


def _option(container: dict[str, Any], name: str) -> str:
    for argument in container["args"]:
        if argument.startswith(f"{name}="):
            value: str = argument.partition("=")[2]
            return value
    raise AssertionError(f"{container['name']} has no {name}")
