"""The calls behind `trimtab why` and the pages, on both stores: what was recorded meets what the watch sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from analytics.cluster import Cluster, ClusterView
from analytics.ingest.batch import build
from analytics.ingest.known import KnownDecisions
from analytics.store import Store
from analytics.store.decisions import Decisions
from analytics.views.decisions.view import explain_pod
from analytics.views.declaration import NotHere
from analytics.views.pending.view import list_pending
from analytics.views.sources import Sources
from extender.model.pod import Pod
from extender.record.frames import Decision, Eviction, Frame, Outcome, PluginVerdict, PodRef
from tests.analytics.tenants.a_tenancy import TEAM_A, an_object
from tests.analytics.web.a_console import T0_US, found
from tests.analytics.why.cases import rule
from tests.analytics.why.scenes import TRIED, cluster, filled, nodes, pod

LATER_US = T0_US + 60_000_000


def ref(one: Pod) -> PodRef:
    return PodRef(namespace=one.namespace, name=one.name, uid=one.uid, scheduler="default-scheduler")


def attempt(
    one: Pod, *plugins: PluginVerdict, at_us: int = T0_US, out: int = 0, number: int = 1, nodes_in: int = 3
) -> list[Frame]:
    """A filter call, and its end where no node passed."""
    name = f"d-{one.name}-{number}"
    code = "Success" if out else "Unschedulable"
    call = Decision(
        at_us=at_us, decision=name, attempt=number, verb="filter", pod=ref(one), code=code, nodes_in=nodes_in,
        nodes_out=out, profile="default-scheduler", revision="7", plugins=list(plugins),
    )  # fmt: skip
    end = Outcome(at_us=at_us + 1000, decision=name, result="unschedulable", pod=ref(one))
    return [call] if out else [call, end]


def rejecting(plugin: str, reason: str, message: str = "", phase: str = "filter", count: int = 3) -> PluginVerdict:
    return PluginVerdict(
        plugin, phase, "Unschedulable", nodes_in=3, rejected=count, reasons={reason: count}, message=message
    )


def sources(store: Store, view: ClusterView, frames: Sequence[Frame] = ()) -> Sources:
    batch = build(found(frames), KnownDecisions([], lambda _: None), T0_US)
    if batch.rows:
        store.write(batch.rows)
    return Sources(store, Cluster.of(view))


def why(given: Sources, name: str = "web-0", lang: str = "en") -> dict[str, Any]:
    return explain_pod(given, {"namespace": "team-a", "name": name, "lang": lang})


def pending(given: Sources, **more: Any) -> dict[str, Any]:
    return list_pending(given, {"limit": 500, "namespace": None, "lang": "en", **more})


def test_a_pod_that_only_the_watch_knows_is_explained(store: Store) -> None:
    told = why(sources(store, cluster(pod(requests={"cpu": "64"}, tried=True), nodes())))
    assert (told["cause"], told["lasting"], told["decision"], told["evicted"]) == ("size.cpu", "never", None, [])
    assert told["summary"] == told["sentence"]


def test_the_newest_decision_counts_and_its_fields_stay(store: Store) -> None:
    one = pod(tried=True)
    over = rejecting("Rescheduler", "node overloaded: cpu usage over threshold")
    frames = [*attempt(one, over), *attempt(one, rejecting("MyFilter", "no licence"), at_us=LATER_US, number=2)]
    told = why(sources(store, cluster(one, nodes()), frames))
    assert told["cause"] == "plugin.other"
    assert told["decision"].attempt == 2
    assert "MyFilter rejected all 3 nodes" in told["summary"]
    assert [(one["plugin"], one["count"], one["basis"]) for one in told["groups"]] == [("MyFilter", 3, "observed")]
    assert any(one["source"] == "decision d-web-0-2" for one in told["lines"])


def test_a_decision_about_another_pod_of_the_same_name_says_nothing_about_this_one(store: Store) -> None:
    one, before = pod(tried=True), pod(metadata={"uid": "uid-old"})
    told = why(sources(store, cluster(one, nodes()), attempt(before, rejecting("MyFilter", "no licence"))))
    assert told["cause"] == "fits.now"


def test_a_decision_that_kube_schedulers_words_have_overtaken_is_history(store: Store) -> None:
    """All nodes fell to its own filters since: the extender was not asked."""
    one = pod(message=TRIED.format(3, "3 Insufficient cpu", 3))
    told = why(sources(store, cluster(one, nodes(), filled(3)), attempt(one, rejecting("MyFilter", "no licence"))))
    assert told["cause"] == "room.cpu"


def test_a_tenant_over_its_limit_is_told_with_its_numbers(store: Store) -> None:
    one = pod(requests={"cpu": "4"}, tried=True, metadata={"namespace": "team-a-dev"})
    used = [pod(f"b{at}", f"n{at}", requests={"cpu": "4"}, metadata={"namespace": "team-a-dev"}) for at in (1, 2, 3)]
    view = cluster(one, nodes(), used)
    kinds = {"tenants.tenancy.trimtab.dev": {"team-a": an_object(TEAM_A)}}
    view = replace(view, objects=kinds)
    refusal = rejecting("TenantQuota", "tenant over its limit of cpu", "tenant team-a: ...", "preFilter")
    given = sources(store, view, attempt(one, refusal))
    told = explain_pod(given, {"namespace": "team-a-dev", "name": "web-0", "lang": "en"})
    assert told["cause"] == "tenant.limit"
    assert "12 used and 4 asked for are over the limit of 15" in told["sentence"]


def test_an_evicted_pod_says_by_whom(store: Store) -> None:
    gone = pod("gone")
    eviction = Eviction(
        at_us=T0_US, plugin="Rescheduler", why="rescheduling", reason="node n2 is overloaded", pod=ref(gone), node="n2",
        result="evicted",
    )  # fmt: skip
    told = why(sources(store, cluster(None, nodes()), [eviction]), "gone")
    assert (told["cause"], told["lasting"]) == ("pod.evicted", "done")


def test_nobody_is_not_found_with_or_without_a_cluster(store: Store) -> None:
    with pytest.raises(NotHere, match="it is not in the cluster"):
        why(sources(store, cluster(None, nodes())), "nobody")
    with pytest.raises(NotHere, match="the cluster is not known"):
        explain_pod(Sources(store), {"namespace": "team-a", "name": "nobody", "lang": "en"})


def test_pending_pods_are_grouped_by_cause_what_can_never_be_first(store: Store) -> None:
    full = TRIED.format(3, "3 Insufficient cpu", 3)
    waiting = [pod(f"w{at}", message=full) for at in range(4)]
    never = [pod(f"x{at}", message=full, requests={"cpu": "64"}) for at in range(2)]
    told = pending(sources(store, cluster(None, nodes(), [*filled(3), *waiting, *never])))
    assert [(one["cause"], one["count"]) for one in told["causes"]] == [("size.cpu", 2), ("room.cpu", 4)]
    assert told["total"] == len(told["pods"]) == 6
    assert all(one["sentence"].startswith(f"team-a/{one['name']} ") for one in told["pods"])
    some = pending(sources(store, cluster(None, nodes(), waiting)), limit=2)
    assert (some["total"], len(some["pods"])) == (4, 2)
    assert pending(sources(store, cluster(None, nodes(), waiting)), namespace="team-b, team-c")["pods"] == []


def test_the_list_says_of_each_pod_what_its_own_call_says(store: Store) -> None:
    one, other = pod("one", tried=True), pod("other", tried=True, requests={"cpu": "64"})
    held = pod("held", spec={"schedulingGates": [{"name": "example.com/g"}]})
    twins = [pod(f"twin-{at}", message=TRIED.format(3, "3 Insufficient cpu", 3)) for at in (1, 2)]
    apart = [pod(f"apart-{at}", tried=True, spec=rule("podAntiAffinity", {"app": "web"})) for at in (1, 2)]
    frames = attempt(one, rejecting("Rescheduler", "node is in maintenance mode"))
    given = sources(store, cluster(None, nodes(), [one, other, held, *twins, *apart]), frames)
    rows = pending(given)["pods"]
    assert len(rows) == 7
    for row in rows:
        alone = why(given, row["name"])
        assert (row["cause"], row["sentence"], row["label"]) == (alone["cause"], alone["sentence"], alone["label"])


def test_without_a_cluster_there_is_no_list(store: Store) -> None:
    with pytest.raises(NotHere, match="The cluster is not known"):
        pending(Sources(store))


def test_the_newest_decisions_of_many_pods_are_those_of_each(store: Store) -> None:
    one, other = pod("one"), pod("other")
    frames = [
        *attempt(one, rejecting("A", "a")),
        *attempt(one, rejecting("B", "b"), at_us=LATER_US, number=2),
        *attempt(other, out=2),
    ]
    sources(store, cluster(None, []), frames)
    decisions = Decisions(store)
    newest = decisions.newest_of([one.uid, other.uid, "nobody"])
    assert {uid: whole["id"] for uid, whole in newest.items()} == {one.uid: "d-one-2", other.uid: "d-other-1"}
    assert newest[one.uid] == decisions.get("d-one-2")
    assert decisions.newest_of([]) == {}
    assert decisions.newest_of([other.uid], since_us=LATER_US + 600_000_000) == {}
