"""What other systems promise is read exactly, and what cannot hold beside a tenant's quota is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.cluster import ClusterView
from analytics.tenants import Uses, register_of
from analytics.tenants.adapters import SYSTEMS, Promise, promises_of
from analytics.tenants.checks import findings
from analytics.tenants.contradictions import ceilings, contradictions
from analytics.tenants.lending import shared
from extender.quantity import MAX_INT64
from tests.analytics.cluster.clusters import a_pod
from tests.analytics.tenants.a_tenancy import TEAM_A
from tests.analytics.tenants.promised import (
    a_capsule,
    a_local,
    a_queue,
    a_quota,
    an_elastic,
    promising,
)
from tests.analytics.tenants.test_tenants import Scene

GI = 1 << 30


def only(view: ClusterView) -> Promise:
    found = promises_of(view)
    assert not found.problems
    (promise,) = found.found
    return promise


def told(view: ClusterView) -> dict[tuple[str, str, str], str]:
    uses = Uses(view, register_of(view))
    return {(one.rule, one.severity, one.tenant): one.message for one in contradictions(uses, promises_of(view))}


def test_a_resource_quota_caps_what_pods_request_under_both_names() -> None:
    hard = {
        "requests.cpu": "4500m", "cpu": "5", "requests.memory": "8Gi", "limits.cpu": "1", "count/pods": "20",
        "requests.nvidia.com/gpu": "2", "requests.amd.com/gpu": 1, "requests.storage": "1Ti", "pods": 10,
    }  # fmt: skip
    promise = only(promising(quotas=[a_quota("a/q", hard)]))
    assert (promise.kind, promise.name, promise.namespaces) == ("ResourceQuota", "a/q", ("a",))
    assert promise.guaranteed == {}
    assert promise.limit == {"cpu": 4500, "memory": 8 * GI, "gpu": 3, "pods": 10}


@pytest.mark.parametrize(
    "spec",
    [
        {"scopes": ["BestEffort"]},
        {"scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass", "operator": "Exists"}]}},
    ],
)
def test_a_quota_of_some_pods_only_is_compared_with_nothing(spec: dict[str, Any]) -> None:
    view = promising({**TEAM_A, "namespaces": ["a"]}, quotas=[a_quota("a/q", {"cpu": "1"}, **spec)])
    assert only(view).only.startswith("counts pods of scope ")
    assert told(view) == {}


def test_an_elastic_quota_keeps_min_and_lets_have_max() -> None:
    promise = only(promising(elastic=[an_elastic("a/e", {"cpu": "100m", "nvidia.com/gpu": 1}, {"cpu": 2})]))
    assert (promise.guaranteed, promise.limit) == ({"cpu": 100, "gpu": 1}, {"cpu": 2000})


def test_a_cluster_queue_sums_its_flavors_and_borrows_only_in_a_cohort() -> None:
    flavors: list[dict[str, dict[str, Any]]] = [
        {"cpu": {"nominalQuota": "4", "borrowingLimit": "2", "lendingLimit": "1"}, "memory": {"nominalQuota": "8Gi"}},
        {"cpu": {"nominalQuota": "500m", "borrowingLimit": "0", "lendingLimit": "0"}, "memory": {"nominalQuota": 0}},
    ]
    local = [a_local("b/q", "batch"), a_local("a/q", "batch"), a_local("a/r", "batch"), a_local("c/q", "other")]
    alone = only(promising(queues=[a_queue("batch", flavors)], local=local))
    assert alone.namespaces == ("a", "b")
    assert alone.guaranteed == alone.limit == {"cpu": 4500, "memory": 8 * GI}
    assert alone.lends == {"cpu": 0, "memory": 0}
    sharing = only(promising(queues=[a_queue("batch", flavors, "all")], local=local))
    assert (sharing.cohort, sharing.guaranteed) == ("all", {"cpu": 4500, "memory": 8 * GI})
    assert sharing.limit == {"cpu": 6500}, "memory has no borrowingLimit: it is without limit"
    assert sharing.lends == {"cpu": 1000}


def test_capsule_caps_a_tenant_or_each_of_its_namespaces() -> None:
    hard = ({"limits.cpu": "9", "requests.cpu": "8"}, {"requests.cpu": "6", "pods": "10"})
    promise = only(promising(capsule=[a_capsule("oil", ["b", "a"], "Tenant", *hard)]))
    assert (promise.kind, promise.name, promise.namespaces) == ("Capsule", "oil", ("a", "b"))
    assert promise.limit == {"cpu": 6000, "pods": 10}
    each = promises_of(promising(capsule=[a_capsule("oil", ["b", "a"], "Namespace", *hard)])).found
    assert [(one.namespaces, one.limit["cpu"]) for one in each] == [(("a",), 6000), (("b",), 6000)]
    scoped = only(promising(capsule=[a_capsule("oil", ["a"], "Tenant", *hard, scopes=["BestEffort"])]))
    assert scoped.limit == {}


def test_quotas_that_capsule_writes_are_not_counted_beside_its_tenant() -> None:
    made = a_quota("team-a-dev/capsule-oil-0", {"requests.cpu": "1"})
    made["metadata"]["labels"] = {"capsule.clastix.io/tenant": "oil"}
    view = promising({**TEAM_A, "namespaces": ["team-a-dev"]}, quotas=[made])
    assert only(view).only == "written by Capsule for its tenant oil"
    assert told(view) == {}


BAD: list[tuple[str, Any, str]] = [
    ("quotas", {"spec": 7}, "spec"),
    ("quotas", {"spec": {"hard": []}}, "spec.hard"),
    ("quotas", {"spec": {"hard": {"cpu": "four"}}}, "spec.hard.cpu"),
    ("quotas", {"spec": {"hard": {"cpu": "-1"}}}, "spec.hard.cpu"),
    ("quotas", {"spec": {"hard": {"cpu": True}}}, "spec.hard.cpu"),
    ("quotas", {"spec": {"hard": {"memory": {"a": 1}}}}, "spec.hard.memory"),
    ("quotas", {"spec": {"hard": {"memory": float("nan")}}}, "spec.hard.memory"),
    ("quotas", {"spec": {"scopes": "BestEffort"}}, "spec.scopes"),
    ("quotas", {"spec": {"scopeSelector": {"matchExpressions": [3]}}}, "spec.scopeSelector.matchExpressions[0]"),
    ("elastic", {"spec": {"min": {"cpu": "1"}, "max": {"cpu": "1 Gi"}}}, "spec.max.cpu"),
    ("queues", {"spec": {"cohort": ["a"]}}, "spec.cohort"),
    ("queues", {"spec": {"resourceGroups": {}}}, "spec.resourceGroups"),
    ("queues", {"spec": {"resourceGroups": [{"flavors": ["x"]}]}}, "spec.resourceGroups[0].flavors[0]"),
    (
        "queues",
        {"spec": {"resourceGroups": [{"flavors": [{"resources": [{"name": "cpu"}]}]}]}},
        "spec.resourceGroups[0].flavors[0].resources[0].nominalQuota",
    ),
    (
        "queues",
        {"spec": {"resourceGroups": [{"flavors": [{"resources": [{"name": "cpu", "nominalQuota": None}]}]}]}},
        "spec.resourceGroups[0].flavors[0].resources[0].nominalQuota",
    ),
    ("capsule", {"spec": {"resourceQuotas": {"scope": "Cluster"}}}, "spec.resourceQuotas.scope"),
    ("capsule", {"spec": {"resourceQuotas": {"items": [{"hard": 1}]}}}, "spec.resourceQuotas.items[0].hard"),
    ("capsule", {"status": {"namespaces": [1]}}, "status.namespaces[0]"),
]


@pytest.mark.parametrize(("kind", "tree", "path"), BAD)
def test_a_bad_object_is_told_where_it_is_bad_and_the_others_count(kind: str, tree: Any, path: str) -> None:
    good = a_quota("a/good", {"cpu": "1"})
    bad = {"metadata": {"namespace": "a", "name": "bad"}, **tree}
    kinds: dict[str, Any] = {"quotas": [good]}
    kinds[kind] = [*kinds.get(kind, []), bad]
    view = promising(TEAM_A, **kinds)
    found = promises_of(view)
    assert [(problem.name, problem.path) for problem in found.problems] == [("a/bad", path)]
    assert [promise.name for promise in found.found] == ["a/good"]
    assert [rule for rule, *_ in told(view)] == ["promise-unreadable"]


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["1", "4Gi"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["hard", "min", "max", "cpu", "resourceGroups", "flavors", "resources", "name", "nominalQuota",
                         "items", "scope", "resourceQuotas", "namespaces", "cohort", "scopes", "clusterQueue"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(st.sampled_from(["quotas", "elastic", "queues", "local", "capsule"]), json_trees, json_trees)
def test_no_object_whatever_ends_the_reading(kind: str, spec: Any, status: Any) -> None:
    good = a_quota("a/good", {"cpu": "1"})
    kinds: dict[str, Any] = {"quotas": [good]}
    odd = {"metadata": {"namespace": "a", "name": "odd"}, "spec": spec, "status": status}
    kinds[kind] = [*kinds.get(kind, []), odd]
    found = promises_of(promising(**kinds))
    assert "a/good" in [promise.name for promise in found.found]
    for promise in found.found:
        for amount in (*promise.guaranteed.values(), *promise.limit.values()):
            assert 0 <= amount <= 4 * MAX_INT64


def test_absurd_quantities_are_very_large_and_stay_numbers() -> None:
    view = promising(TEAM_A, quotas=[a_quota("team-a-dev/q", {"cpu": "9e400", "memory": "99999999999Ei"})])
    assert only(view).limit == {"cpu": MAX_INT64, "memory": MAX_INT64}
    assert "promise-unreadable" not in {one.rule for one in findings(Uses(view, register_of(view)))}


def test_a_quota_that_other_systems_do_not_let_it_use_is_told() -> None:
    quotas = [
        a_quota("team-a-dev/q", {"cpu": "5"}),
        a_quota("team-a-dev/wide", {"cpu": "50"}),
        a_quota("team-a-prod/q", {"cpu": "3", "pods": "200"}),
    ]
    local = [a_local("team-a-dev/l", "batch"), a_local("team-a-prod/l", "batch")]
    queues = [a_queue("batch", [{"memory": {"nominalQuota": "24Gi"}}])]
    assert told(promising(TEAM_A, quotas=quotas, queues=queues, local=local)) == {
        ("ceiling-below-quota", "warning", "team-a"): (
            "cpu: its quota is 10, and ResourceQuota lets its namespaces have 8 (team-a-dev/q, team-a-prod/q)"
        ),
        ("ceiling-below-limit", "info", "team-a"): (
            "memory: its limit is 30Gi, and ClusterQueue lets its namespaces have 24Gi (batch)"
        ),
    }


def test_a_ceiling_is_known_only_where_every_namespace_has_one() -> None:
    assert told(promising(TEAM_A, quotas=[a_quota("team-a-dev/q", {"cpu": "1"})])) == {}


def test_what_is_kept_for_a_tenant_beyond_its_limit_is_told() -> None:
    elastic = [
        an_elastic("team-a-dev/e", {"cpu": "9"}, {}),
        an_elastic("team-a-prod/e", {"cpu": "7"}, {}),
        an_elastic("else/e", {"cpu": "90"}, {}),
    ]
    assert told(promising(TEAM_A, elastic=elastic)) == {
        ("guarantee-above-limit", "warning", "team-a"): (
            "cpu: ElasticQuota keeps 16 for it (team-a-dev/e, team-a-prod/e), and its limit is 15"
        ),
        ("overcommitted", "warning", ""): ("cpu: ElasticQuota keeps 106 for all together, and nodes can allocate 64"),
    }


def test_one_promise_for_several_tenants_is_told_and_weighed() -> None:
    a = {"name": "a", "namespaces": ["a"], "quota": {"cpu": "6"}}
    b = {"name": "b", "namespaces": ["b"], "quota": {"cpu": "6"}}
    local = [a_local("a/l", "batch"), a_local("b/l", "batch")]
    wide = promising(a, b, local=local, queues=[a_queue("batch", [{"cpu": {"nominalQuota": "12"}}])])
    assert told(wide) == {("promise-spans-tenants", "info", ""): "ClusterQueue batch is for tenants a, b together"}
    narrow = promising(a, b, local=local, queues=[a_queue("batch", [{"cpu": {"nominalQuota": "10"}}])])
    assert told(narrow) == {
        ("promise-spans-tenants", "warning", ""): (
            "ClusterQueue batch is for tenants a, b together; cpu: 12 of quota, limit 10"
        )
    }


spaces = st.sampled_from(["a", "b", "c"])
caps = st.lists(
    st.builds(
        lambda at, names, most: Promise("Capsule", f"p{at}", tuple(sorted(names)), limit={"cpu": most}),
        st.integers(0, 10**6),
        st.sets(spaces, min_size=1),
        st.integers(0, 20),
    ),
    max_size=4,
    unique_by=lambda promise: promise.name,
)


@given(caps, st.fixed_dictionaries({name: st.integers(0, 12) for name in "abc"}))
def test_no_use_that_keeps_to_every_limit_is_above_the_ceiling(promises: list[Promise], use: dict[str, int]) -> None:
    held = {name: [promise for promise in promises if name in promise.namespaces] for name in "abc"}
    kept_to = all(sum(use[name] for name in promise.namespaces) <= promise.limit["cpu"] for promise in promises)
    for found in ceilings(SYSTEMS[0], held, ("a", "b", "c")).values():
        assert not kept_to or sum(use.values()) <= found.amount


@given(
    st.dictionaries(spaces, st.tuples(st.integers(0, 100), st.integers(0, 150)), min_size=1),
    st.integers(0, 100),
    st.integers(0, 500),
)
def test_what_is_lent_is_what_others_took_of_what_is_idle(
    tenants: dict[str, tuple[int, int]], strangers: int, have: int
) -> None:
    quotas = {name: quota for name, (quota, _) in tenants.items()}
    used = {name: amount for name, (_, amount) in tenants.items()}
    everything = sum(used.values()) + strangers
    found = shared(quotas, used, everything, have)
    for name, loan in found.items():
        assert loan.borrowed - loan.idle == used[name] - quotas[name]
        assert 0 <= loan.lent <= loan.idle
        assert not (loan.borrowed and loan.lent), "who borrows lends nothing"
    lent, borrowed = (sum(getattr(loan, name) for loan in found.values()) for name in ("lent", "borrowed"))
    assert lent <= borrowed + strangers
    if have >= sum(quotas.values()) + borrowed + strangers:
        assert lent == 0, "there was enough that nobody was promised"
    if strangers == 0 and sum(used.values()) <= sum(quotas.values()) and have <= sum(quotas.values()):
        assert borrowed - len(found) < lent, "all that is borrowed is somebody's; rounded down for each"


def test_promises_are_listed_with_the_tenants_they_concern(tmp_path: Path) -> None:
    view = promising(
        TEAM_A,
        pods=[a_pod("team-a-dev/p", "n1", {"cpu": "3"})],
        quotas=[a_quota("team-a-dev/q", {"cpu": "4"}), a_quota("else/q", {"cpu": "four"})],
        capsule=[a_capsule("oil", ["team-a-dev", "team-a-prod"], "Tenant", {"requests.cpu": "8"})],
        elastic=[],
    )
    scene = Scene(view, tmp_path)
    found = scene.data("/api/v1/tenants/promises")
    assert [(one["kind"], one["served"], one["promises"]) for one in found["systems"]] == [
        ("ResourceQuota", True, 1), ("ElasticQuota", True, 0), ("ClusterQueue", False, 0), ("Capsule", True, 1),
    ]  # fmt: skip
    assert found["total"] == 2
    assert found["promises"][1] == {
        "kind": "Capsule", "name": "oil", "namespaces": ["team-a-dev", "team-a-prod"], "tenants": ["team-a"],
        "guaranteed": {}, "limit": {"cpu": "8"}, "cohort": "", "lends": {}, "only": "",
    }  # fmt: skip
    assert [one["rule"] for one in found["findings"]] == ["ceiling-below-quota", "promise-unreadable"]
    assert [(one["name"], one["path"]) for one in found["problems"]] == [("else/q", "spec.hard.cpu")]
    rules = [one["rule"] for one in scene.data("/api/v1/tenants")["findings"]]
    assert {"ceiling-below-quota", "promise-unreadable"} <= set(rules)
    assert scene.data("/api/v1/tenants/promises?tenant=team-a&limit=1")["total"] == 2
    assert scene.ask("GET", "/api/v1/tenants/promises?tenant=nobody").status_code == 404
    assert scene.ask("GET", "/api/v1/tenants/promises?limit=0").status_code == 422
