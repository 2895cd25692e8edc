"""PreFilter: who may still start pods, and what a rejection says."""

from __future__ import annotations

from typing import Any

from extender.framework import PASSED, Code, Container, Cycle, NodeTable, Pod, Reserve, Status
from extender.plugins.capacity_scheduling import PLUGIN
from extender.plugins.capacity_scheduling.admission import within_quota
from extender.plugins.capacity_scheduling.book import KIND, QuotaBook


def a_pod(name: str = "p", namespace: str = "a", cpu: str = "1", **fields: Any) -> Pod:
    containers = (Container(requests={"cpu": cpu}),)
    return Pod(namespace=namespace, name=name, uid=name, containers=containers, **fields)


def check(book: QuotaBook, pod: Pod, *nominated: Pod) -> Status:
    nodes = NodeTable()
    nodes.add("n0")
    cycle = Cycle(
        pod=pod,
        nodes=nodes,
        rows=nodes.present[:0].astype("int32"),
        args=None,
        book=book,
        memo={},
        pods={},
        nominated={p.uid: p for p in nominated},
        objects={},
        assignments=(),
    )
    return within_quota(cycle)


def a_book(**quotas: tuple[str, str]) -> QuotaBook:
    """namespace=(cpu min, cpu max)."""
    book = QuotaBook()
    for namespace, (low, high) in quotas.items():
        spec = {"min": {"cpu": low}, "max": {"cpu": high}}
        book.object_changed(KIND, f"{namespace}/q", None, {"spec": spec})
    return book


def running(book: QuotaBook, name: str, namespace: str, cpu: str) -> None:
    book.pod_changed(None, a_pod(name, namespace, cpu, node_name="n0", phase="Running"))


def test_a_namespace_without_a_quota_is_never_limited() -> None:
    assert check(a_book(b=("0", "0")), a_pod(cpu="1000")) == PASSED


def test_reaching_the_max_passes_and_passing_it_is_rejected_in_upstreams_words() -> None:
    book = a_book(a=("10", "3"))
    running(book, "x", "a", "2")
    assert check(book, a_pod(cpu="1")) == PASSED
    rejected = check(book, a_pod(cpu="1001m"))
    assert rejected.code is Code.UNSCHEDULABLE
    assert rejected.reason == "Pod a/p is rejected in PreFilter because ElasticQuota a is more than Max"
    assert "a/p" not in rejected.label


def test_a_namespace_borrows_until_all_mins_are_used() -> None:
    book = a_book(a=("2", "100"), b=("3", "100"))
    running(book, "x", "b", "1")
    assert check(book, a_pod(cpu="4")) == PASSED
    rejected = check(book, a_pod(cpu="4001m"))
    assert rejected.code is Code.UNSCHEDULABLE
    assert rejected.reason == "Pod a/p is rejected in PreFilter because total ElasticQuota used is more than min"


def test_the_max_is_looked_at_before_the_total() -> None:
    assert "more than Max" in check(a_book(a=("1", "1")), a_pod(cpu="9")).reason


def test_one_dimension_over_the_total_rejects_everybody() -> None:
    book = a_book(a=("5", "100"), b=("5", "100"))
    book.object_changed(KIND, "b/q", {}, {"spec": {"min": {"cpu": "5"}}})
    book.pod_changed(
        None, Pod(namespace="b", name="g", uid="g", node_name="n0", containers=(Container(requests={"x.org/gpu": 1}),))
    )
    assert "total" in check(book, a_pod(cpu="1")).reason


def test_nominated_pods_of_the_same_namespace_count_unless_they_matter_less() -> None:
    book = a_book(a=("10", "3"))
    before = a_pod("first", cpu="2", priority=5, nominated_node_name="n0")
    assert check(book, a_pod(cpu="2", priority=6), before) == PASSED
    assert "Max" in check(book, a_pod(cpu="2", priority=5), before).reason


def test_nominated_pods_of_other_namespaces_count_in_the_total_while_they_do_not_borrow() -> None:
    book = a_book(a=("2", "100"), b=("2", "100"))
    theirs = a_pod("first", "b", cpu="2", nominated_node_name="n0")
    assert check(book, a_pod(cpu="2"), theirs) == PASSED
    assert "total" in check(book, a_pod(cpu="3"), theirs).reason
    running(book, "x", "b", "2001m")
    assert "total" in check(book, a_pod(cpu="2"), theirs).reason
    assert check(book, a_pod(cpu="1999m"), theirs) == PASSED


def test_a_nominated_pod_is_not_counted_when_it_is_the_pod_itself_charged_already_or_nowhere() -> None:
    book = a_book(a=("10", "3"))
    itself = a_pod(cpu="2", nominated_node_name="n0")
    assert check(book, itself, itself) == PASSED
    leased = a_pod("leased", cpu="1", nominated_node_name="n0")
    book.take(leased)
    assert check(book, a_pod(cpu="2"), leased) == PASSED
    assert check(book, a_pod(cpu="2"), a_pod("lost", cpu="2", nominated_node_name="gone")) == PASSED
    assert check(book, a_pod(cpu="2"), a_pod("free", "free", cpu="2", nominated_node_name="n0")) == PASSED


def test_a_pods_own_lease_does_not_stand_in_its_way() -> None:
    book, pod = a_book(a=("1", "1")), a_pod(cpu="1")
    assert check(book, pod) == PASSED
    book.take(pod)
    assert check(book, pod) == PASSED
    assert "Max" in check(book, a_pod("other", cpu="1")).reason


def test_the_last_unit_goes_to_one_pod_however_late_the_binds_are() -> None:
    book, passed = a_book(a=("5", "5")), []
    for i in range(20):
        pod = a_pod(f"p{i}", cpu="1")
        if check(book, pod) == PASSED:
            assert isinstance(PLUGIN.reserve, Reserve)
            PLUGIN.reserve.take(book, pod)
            passed.append(pod)
    assert len(passed) == 5
    assert isinstance(PLUGIN.reserve, Reserve)
    PLUGIN.reserve.release(book, "p0")
    assert check(book, a_pod("late", cpu="1")) == PASSED
