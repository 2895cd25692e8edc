"""The room extender/control against a real API server and a real extender: two desks, history, rights, conflicts."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from extender.control import (
    Actor,
    AllEffective,
    AnnotationEffective,
    ClusterTenants,
    ConfigMapStore,
    Conflict,
    ControllerRevisionHistory,
    Desk,
    ExtenderAdmin,
    ExtenderCatalogue,
    ExtenderEffective,
    FileAudit,
    Forbidden,
    Invalid,
    NotFound,
    Refused,
    Restarter,
    TooLarge,
    shelves,
)
from extender.control.history import ChainedHistory
from extender.kube import KubeApi
from tests.e2e.controlplane import ControlPlane
from tests.e2e.kube import Kube
from tests.e2e.policies import NOTHING, by_size
from tests.e2e.programs import NAMESPACE, POLICY, POLICY_PATH, Extender, PolicyConfigMap

ANNA, BEN = Actor("anna", via="web"), Actor("ben", via="cli")
REVISIONS = f"/apis/apps/v1/namespaces/{NAMESPACE}/controllerrevisions"
TENANTS = "/apis/tenancy.trimtab.dev/v1alpha1/tenants"
RBAC = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{NAMESPACE}"
KEY = b"0123456789abcdef-a-key"

Done = TypeVar("Done")
_names = itertools.count()


class Desks:
    """Makes desks, each with a connection and a person's rights of its own, and runs what they do on one loop."""

    def __init__(self, plane: ControlPlane, extender: Extender, folder: Path) -> None:
        self._plane = plane
        self._extender = extender
        self._folder = folder

    def run(self, act: Callable[..., Awaitable[Done]], *people: Kube, policy: str = POLICY, keep: int = 100) -> Done:
        """`act` with a desk for each of `people`; one for the administrator where nobody is named."""

        async def made() -> Done:
            apis = [await self._api(person) for person in people or (self._plane.admin,)]
            try:
                return await act(*(self._desk(api, policy, keep) for api in apis))
            finally:
                for api in apis:
                    await api.close()

        return asyncio.run(made())

    def api(self, act: Callable[[KubeApi], Awaitable[Done]], person: Kube | None = None) -> Done:
        async def made() -> Done:
            api = await self._api(person or self._plane.admin)
            try:
                return await act(api)
            finally:
                await api.close()

        return asyncio.run(made())

    async def _api(self, person: Kube) -> KubeApi:
        return await KubeApi.connect(str(self._plane.kubeconfig(f"desk-{next(_names)}", person)))

    def _desk(self, api: KubeApi, policy: str, keep: int) -> Desk:
        store = ConfigMapStore(api, NAMESPACE, policy)
        admin = ExtenderAdmin(self._extender.admin)
        return Desk(
            store,
            ControllerRevisionHistory(api, NAMESPACE, policy, keep=keep),
            ExtenderCatalogue(admin),
            FileAudit(self._folder / "audit.jsonl"),
            AllEffective(AnnotationEffective(store), ExtenderEffective(admin)),
            judge=admin,
            tenants=ClusterTenants(api),
        )


@pytest.fixture
def desks(plane: ControlPlane, extender: Extender, tmp_path: Path) -> Iterator[Desks]:
    """Without a history at first; what a test leaves of one is removed."""
    plane.admin.delete(REVISIONS)
    yield Desks(plane, extender, tmp_path)
    plane.admin.delete(REVISIONS)


@pytest.fixture
def other(plane: ControlPlane) -> Iterator[str]:
    """A policy that no extender follows."""
    name = f"other-{next(_names)}"
    folder = POLICY_PATH.rpartition("/")[0]
    plane.admin.post(folder, {"metadata": {"name": name}, "data": {"policy.yaml": json.dumps(NOTHING)}})
    yield name
    plane.admin.delete(f"{folder}/{name}")


def an_account(plane: ControlPlane, *rules: dict[str, Any]) -> Kube:
    """A new ServiceAccount with these rights, and a token of its own."""
    name = f"account-{next(_names)}"
    plane.admin.post(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": name}})
    plane.admin.post(f"{RBAC}/roles", {"metadata": {"name": name}, "rules": list(rules)})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}
    subject = {"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}
    binding = {"metadata": {"name": name}, "roleRef": role, "subjects": [subject]}
    plane.admin.post(f"{RBAC}/rolebindings", binding)
    return plane.account_client(NAMESPACE, name)


READS = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}
WRITES = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]}
KEEPS = {
    "apiGroups": ["apps"],
    "resources": ["controllerrevisions"],
    "verbs": ["get", "list", "create", "patch", "delete"],
}


def refusal(desks: Desks, act: Callable[..., Awaitable[Any]], *people: Kube) -> Refused:
    with pytest.raises(Refused) as caught:
        desks.run(act, *people)
    return caught.value


def test_r013_r027_a_switch_is_answered_when_it_is_in_effect(
    desks: Desks, extender: Extender, policy: PolicyConfigMap
) -> None:
    policy.apply(by_size("Least"))

    changed = desks.run(lambda desk: desk.enable("PodState", ["score"], actor=ANNA, reason="try"))

    assert changed.message == "PodState enabled in score"
    assert changed.effective, changed.warnings
    assert changed.warnings == []
    seats = {seat["name"]: seat["phases"] for seat in extender.configz()["plugins"]}
    assert seats["PodState"] == ["score"]
    assert "NodeResourcesAllocatable" in seats
    assert changed.revision == extender.configz()["revision"]


def test_r036_edits_of_two_desks_and_of_kubectl_at_once_all_survive(
    desks: Desks, plane: ControlPlane, policy: PolicyConfigMap
) -> None:
    policy.apply(NOTHING)
    mine, theirs = ["PodState", "SySched", "QoS"], ["Rescheduler", "TargetLoadPacking", "PreemptionToleration"]

    async def annotate() -> None:
        for number in range(10):
            await asyncio.to_thread(
                plane.admin.patch, POLICY_PATH, {"metadata": {"annotations": {"somebody": str(number)}}}
            )

    async def switch(desk: Desk, plugins: list[str]) -> list[str]:
        done = []
        for plugin in plugins:
            try:
                await desk.enable(plugin, ["permit"], actor=ANNA)
            except Conflict:
                continue
            done.append(plugin)
        return done

    async def at_once(first: Desk, second: Desk) -> tuple[list[str], list[str], list[str]]:
        done = await asyncio.gather(switch(first, mine), switch(second, theirs), annotate())
        assert await first.history.verify(None) == []
        return *done[:2], (await first.plugins())["data"]["enabled_plugins"]["permit"]

    one, two, found = desks.run(at_once, plane.admin, plane.admin)

    assert sorted(found) == sorted([*one, *two])
    assert len(found) >= len(mine), "one of the two gets through each time"


def test_r036_a_put_from_a_text_that_kubectl_has_replaced_is_a_conflict(desks: Desks, policy: PolicyConfigMap) -> None:
    policy.apply(by_size("Least"))
    stale = desks.run(lambda desk: desk.policy()).hash
    name = policy.apply(by_size("Most"))

    refused = refusal(desks, lambda desk: desk.put(json.dumps(NOTHING).encode(), if_match=stale, actor=ANNA))

    assert refused.code == 409
    assert name in policy.text()


def test_r018_r019_each_change_is_kept_and_can_be_taken_back(desks: Desks, policy: PolicyConfigMap) -> None:
    policy.apply(by_size("Least"))
    before = policy.text()

    async def change_and_back(desk: Desk) -> None:
        await desk.disable("NodeResourcesAllocatable", ["score"], actor=ANNA, reason="too slow")
        found, total = await desk.revisions()
        assert total == 1
        assert (found[0].actor, found[0].reason, found[0].text.decode()) == ("anna", "too slow", before)
        changed = await desk.rollback(1, actor=BEN)
        assert (changed.backup_id, changed.effective) == (2, True), changed.warnings
        assert await desk.history.verify(None) == []

    desks.run(change_and_back)
    assert policy.text() == before


def test_revisions_beyond_the_bound_are_pruned_and_the_chain_still_holds(
    desks: Desks, plane: ControlPlane, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelves, "_PAGE", 20)  # lists come in several pages

    async def many(desk: Desk) -> None:
        for number in range(60):
            await desk.backup(actor=ANNA, reason=str(number))
        found, total = await desk.revisions(100)
        assert ([revision.number for revision in found], total) == (list(range(60, 5, -1)), 55)
        assert await desk.history.verify(None) == []

    desks.run(many, policy=other, keep=55)
    names = {item["metadata"]["name"] for item in plane.admin.get(REVISIONS)["items"]}
    assert names == {f"{other}-{number}" for number in range(6, 61)} | {f"{other}-history-head"}


def test_a_revision_that_somebody_deletes_or_replaces_in_the_cluster_is_detected(
    desks: Desks, plane: ControlPlane, other: str
) -> None:
    async def five(desk: Desk) -> None:
        for number in range(5):
            await desk.backup(actor=ANNA, reason=str(number))

    desks.run(five, policy=other)
    path = f"{REVISIONS}/{other}-3"
    taken = plane.admin.get(path)
    plane.admin.delete(path)
    assert "revision 3 is missing" in desks.run(lambda desk: desk.history.verify(None), policy=other)
    taken["data"]["text"] = "mine"
    metadata = {"name": taken["metadata"]["name"], "labels": taken["metadata"]["labels"]}
    plane.admin.post(REVISIONS, {**taken, "metadata": metadata})
    problems = desks.run(lambda desk: desk.history.verify(None), policy=other)
    assert problems == ["revision 3 was changed after it was saved"]


def test_appending_at_once_from_several_places_makes_one_chain(desks: Desks, plane: ControlPlane, other: str) -> None:
    async def crowd(*desks: Desk) -> None:
        await asyncio.gather(*(desk.backup(actor=ANNA) for desk in desks for _ in range(5)))
        history = desks[0].history
        assert isinstance(history, ChainedHistory)
        assert (await history.list(100))[1] == 20
        assert await history.verify(None) == []

    desks.run(crowd, *[plane.admin] * 4, policy=other)


def test_a_policy_of_nearly_a_mebibyte_is_stored_and_kept_and_one_byte_too_many_is_refused(
    desks: Desks, other: str
) -> None:
    head = json.dumps(NOTHING).encode() + b"\n"

    async def put(desk: Desk) -> None:
        long = head + b" " * (2**20 - len(head))
        await desk.put(long, if_match=None, actor=ANNA)
        changed = await desk.enable("PodState", ["score"], actor=ANNA)
        assert (await desk.revision(changed.backup_id)).text == long
        with pytest.raises(TooLarge):
            await desk.put(long + b" ", if_match=None, actor=ANNA)

    desks.run(put, policy=other)


def test_what_the_extender_would_refuse_is_refused_before_it_is_stored(desks: Desks, policy: PolicyConfigMap) -> None:
    policy.apply(by_size("Least"))
    before = policy.text()
    refused = refusal(desks, lambda desk: desk.configure("Rescheduler", {"cpuThreshold": 101.0}, actor=ANNA))
    assert (type(refused), [detail.path for detail in refused.details]) == (Invalid, ["cpuThreshold"])
    assert policy.text() == before


def test_r023_a_bad_edit_by_kubectl_shows_what_is_in_effect_and_is_rolled_back(
    desks: Desks, policy: PolicyConfigMap
) -> None:
    policy.apply(by_size("Least"))

    async def save_break_and_mend(desk: Desk) -> dict[str, Any]:
        await desk.backup(actor=ANNA)
        await asyncio.to_thread(policy.edit, "profiles: [")
        found = await desk.plugins()
        await desk.rollback(1, actor=ANNA)
        return found

    found = desks.run(save_break_and_mend)
    assert "NodeResourcesAllocatable" in found["data"]["enabled_plugins"]["score"]
    assert "refused" in found["warnings"][0]


def test_r035_rights_that_are_missing_are_named_and_nothing_is_changed(
    desks: Desks, plane: ControlPlane, policy: PolicyConfigMap
) -> None:
    policy.apply(by_size("Least"))
    before = policy.text()

    def enable(desk: Desk) -> Awaitable[Any]:
        return desk.enable("PodState", ["score"], actor=BEN)

    nobody = refusal(desks, enable, an_account(plane))
    reader = refusal(desks, enable, an_account(plane, READS))
    keeper = refusal(desks, enable, an_account(plane, READS, KEEPS))

    assert [type(refused) for refused in (nobody, reader, keeper)] == [Forbidden] * 3
    assert f"grant get on configmaps in {NAMESPACE}" in nobody.message
    assert f"grant list on controllerrevisions.apps in {NAMESPACE}" in reader.message
    assert f"grant patch on configmaps in {NAMESPACE}" in keeper.message
    assert policy.text() == before
    assert desks.run(enable, an_account(plane, READS, WRITES, KEEPS)).effective
    audited = desks.run(lambda desk: desk.audit.newest(10))
    assert [(record.result, record.code) for record in audited] == [("done", 200), *[("refused", 403)] * 3]


def test_r035_a_forged_token_is_refused(desks: Desks, plane: ControlPlane) -> None:
    forged = Kube(plane.url, plane.admin.token[:-2] + "xx", plane.ca_file)
    assert isinstance(refusal(desks, lambda desk: desk.enable("PodState", None, actor=BEN), forged), Forbidden)


def test_r282_an_edit_by_kubectl_is_saved_with_its_author(
    desks: Desks, plane: ControlPlane, policy: PolicyConfigMap
) -> None:
    policy.apply(by_size("Least"))
    patch = json.dumps({"data": {"policy.yaml": json.dumps(by_size("Most"))}})
    plane.kubectl("-n", NAMESPACE, "patch", "configmap", POLICY, "--field-manager=kubectl-edit", "-p", patch)

    saved = desks.run(lambda desk: desk.observe())

    assert saved is not None
    assert (saved.kind, saved.actor, saved.via) == ("observed", "kubectl-edit", "direct")
    assert json.loads(saved.text) == by_size("Most")


def test_r022_the_three_flat_keys_stay_three_keys(desks: Desks, plane: ControlPlane, other: str) -> None:
    path = f"{POLICY_PATH.rpartition('/')[0]}/{other}"
    flat = {"enabled_plugins": "score: [PodState]\n", "plugin_configs": "", "policy.yaml": None}
    plane.admin.patch(path, {"data": flat})
    desks.run(lambda desk: desk.disable("PodState", ["score"], actor=ANNA), policy=other)
    data = plane.admin.get(path)["data"]
    assert data == {"enabled_plugins": "{}\n", "disabled_plugins": "score:\n- PodState\n", "plugin_configs": ""}


def test_a_deleted_configmap_is_told_and_a_rollback_makes_it_again(
    desks: Desks, plane: ControlPlane, policy: PolicyConfigMap
) -> None:
    policy.apply(by_size("Least"))
    before = policy.text()
    desks.run(lambda desk: desk.backup(actor=ANNA))
    plane.admin.delete(POLICY_PATH)

    assert isinstance(refusal(desks, lambda desk: desk.enable("PodState", None, actor=ANNA)), NotFound)
    desks.run(lambda desk: desk.rollback(1, actor=ANNA))

    assert policy.text() == before


def test_a_dry_run_is_judged_by_the_api_server_and_stores_nothing(
    desks: Desks, plane: ControlPlane, policy: PolicyConfigMap
) -> None:
    policy.apply(by_size("Least"))
    before = plane.admin.get(POLICY_PATH)
    changed = desks.run(lambda desk: desk.enable("PodState", ["score"], actor=ANNA, dry_run=True))
    assert "PodState" in changed.diff.unified
    now = plane.admin.get(POLICY_PATH)
    assert (now["data"], plane.admin.get(REVISIONS)["items"]) == (before["data"], [])
    assert isinstance(
        refusal(
            desks,
            lambda desk: desk.enable("PodState", ["score"], actor=ANNA, dry_run=True),
            an_account(plane, READS),
        ),
        Forbidden,
    )


def test_r296_policy_and_tenants_come_back_from_one_archive(
    desks: Desks, plane: ControlPlane, policy: PolicyConfigMap
) -> None:
    spec = {
        "namespaces": ["team-a"],
        "quota": {"cpu": "10", "memory": "10Gi"},
        "policies": {"preemptionPolicy": "Never", "schedulingPolicy": "BestEffort"},
    }
    tenant = {
        "apiVersion": "tenancy.trimtab.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": "team-a"},
        "spec": spec,
    }
    plane.admin.post(TENANTS, tenant)
    try:
        policy.apply(by_size("Least"))
        before = policy.text()
        archive = desks.run(lambda desk: desk.archive())
        policy.apply(NOTHING)
        plane.admin.delete(f"{TENANTS}/team-a")

        restored = desks.run(lambda desk: desk.restore(archive, actor=ANNA))

        assert restored.effective, restored.warnings
        assert policy.text() == before
        assert plane.admin.get(f"{TENANTS}/team-a")["spec"] == spec
    finally:
        plane.admin.delete(f"{TENANTS}/team-a")


def test_r031_a_restart_patches_the_deployment_and_a_static_pod_is_told(
    desks: Desks, plane: ControlPlane, tmp_path: Path
) -> None:
    folder = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
    labels = {"app": "scheduler"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "scheduler", "image": "none"}]}}
    deployment = {
        "metadata": {"name": "scheduler"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    plane.admin.post(folder, deployment)
    audit = FileAudit(tmp_path / "audit.jsonl")
    try:
        done = desks.api(lambda api: Restarter(api, NAMESPACE, "scheduler", audit).restart(actor=ANNA))
        annotations = plane.admin.get(f"{folder}/scheduler")["spec"]["template"]["metadata"]["annotations"]
        assert annotations["kubectl.kubernetes.io/restartedAt"] == done.restarted_at
        with pytest.raises(NotFound, match="static pod"):
            desks.api(lambda api: Restarter(api, NAMESPACE, "none", audit).restart(actor=ANNA))
        nobody = an_account(plane)
        with pytest.raises(Forbidden, match=r"grant patch on deployments\.apps"):
            desks.api(lambda api: Restarter(api, NAMESPACE, "scheduler", audit).restart(actor=ANNA), nobody)
    finally:
        plane.admin.delete(f"{folder}/scheduler")
