"""The quota book: in any order of events, what is used is exactly what is charged."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from extender.framework import Container, Pod, Resources, request_eq
from extender.plugins.capacity_scheduling.book import KIND, QuotaBook
from extender.plugins.capacity_scheduling.quota import quota_of

NAMESPACES = ("a", "b", "c")
UIDS = tuple("123456")


def a_pod(uid: str = "1", namespace: str = "a", cpu: str = "1", **fields: Any) -> Pod:
    requests: dict[str, str | int | float] = {"cpu": cpu, "x.org/gpu": 1}
    return Pod(namespace=namespace, name=f"p{uid}", uid=uid, containers=(Container(requests=requests),), **fields)


def a_quota(**spec: Any) -> dict[str, Any]:
    return {"kind": KIND, "spec": spec}


def a_book(**quotas: dict[str, Any]) -> QuotaBook:
    book = QuotaBook()
    for namespace, spec in quotas.items():
        book.object_changed(KIND, f"{namespace}/q", None, a_quota(**spec))
    return book


def cpu_used(book: QuotaBook, namespace: str = "a") -> int:
    return book.used(namespace).cpu_milli


# Charges.


def test_taking_twice_charges_once_and_with_the_newest_request() -> None:
    book = a_book(a={})
    book.take(a_pod(cpu="1"))
    book.take(a_pod(cpu="3"))
    assert cpu_used(book) == 3000


def test_a_lease_becomes_a_bound_charge_without_a_gap_or_a_double() -> None:
    book, pod = a_book(a={}), a_pod()
    book.take(pod)
    book.pod_changed(pod, a_pod(node_name="n"))
    assert cpu_used(book) == 1000
    book.release(pod.uid)
    assert cpu_used(book) == 1000
    book.take(pod)
    assert cpu_used(book) == 1000


def test_releasing_gives_back_once() -> None:
    book = a_book(a={})
    book.take(a_pod("1"))
    book.take(a_pod("2"))
    book.release("1")
    book.release("1")
    assert cpu_used(book) == 1000
    assert not book.holds("1")


def test_a_deleted_pod_gives_everything_back_even_unbound() -> None:
    book, pod = a_book(a={}), a_pod()
    book.take(pod)
    book.pod_changed(pod, None)
    assert cpu_used(book) == 0
    bound = a_pod(node_name="n")
    book.pod_changed(None, bound)
    book.pod_changed(bound, None)
    assert cpu_used(book) == 0
    assert book.used("a") == Resources()


def test_a_resize_in_place_is_followed() -> None:
    book, small = a_book(a={}), a_pod(node_name="n")
    book.pod_changed(None, small)
    book.pod_changed(small, a_pod(cpu="5", node_name="n"))
    assert cpu_used(book) == 5000


def test_an_assigned_pod_of_unknown_phase_is_not_charged() -> None:
    book, running = a_book(a={}), a_pod(node_name="n", phase="Running")
    book.pod_changed(None, running)
    book.pod_changed(running, a_pod(node_name="n", phase="Unknown"))
    assert cpu_used(book) == 0
    book.pod_changed(None, running)
    assert cpu_used(book) == 1000


def test_a_waiting_pod_is_not_charged() -> None:
    book = a_book(a={})
    book.pod_changed(None, a_pod(nominated_node_name="n"))
    assert cpu_used(book) == 0


def test_a_quota_that_comes_after_its_pods_is_right_at_once() -> None:
    book = QuotaBook()
    book.pod_changed(None, a_pod("1", node_name="n"))
    book.take(a_pod("2"))
    book.object_changed(KIND, "a/q", None, a_quota(max={"cpu": "2"}))
    assert book.ledger()["a"]["used"]["milliCPU"] == 2000
    assert book.over_max_with("a", Resources(cpu_milli=1))


def test_without_its_own_lease_a_pod_sees_what_others_use() -> None:
    book = a_book(a={"max": {"cpu": "1"}, "min": {"cpu": "1"}})
    pod = Pod(namespace="a", name="p", uid="1", containers=(Container(requests={"cpu": "1"}),))
    book.take(pod)
    assert book.over_max_with("a", request_eq(pod))
    assert not book.over_max_with("a", request_eq(pod), besides="1")
    assert book.total_over_min_with(request_eq(pod))
    assert not book.total_over_min_with(request_eq(pod), besides="1")


# Quotas.


def test_the_first_quota_of_a_namespace_counts() -> None:
    book = a_book(a={"min": {"cpu": "1"}})
    book.object_changed(KIND, "a/second", None, a_quota(min={"cpu": "9"}))
    assert book.ledger()["a"]["min"]["milliCPU"] == 1000
    assert "already has a quota" in book.problems["a/second"]


def test_an_update_of_any_quota_counts_from_then_on() -> None:
    book, second = a_book(a={"min": {"cpu": "1"}}), a_quota(min={"cpu": "9"})
    book.object_changed(KIND, "a/second", None, second)
    book.object_changed(KIND, "a/second", second, a_quota(min={"cpu": "7"}))
    assert book.ledger()["a"]["min"]["milliCPU"] == 7000
    assert book.problems == {}


def test_a_deletion_of_any_quota_ends_the_limit_until_a_pod_is_assigned() -> None:
    book, second = a_book(a={"min": {"cpu": "1"}}), a_quota(min={"cpu": "9"})
    book.object_changed(KIND, "a/second", None, second)
    book.object_changed(KIND, "a/second", second, None)
    assert not book.has_quota("a")
    assert "was deleted" in book.problems["a/q"]
    book.pod_changed(None, a_pod(node_name="n"))
    assert book.has_quota("a")
    assert book.ledger()["a"]["used"]["milliCPU"] == 1000
    assert book.problems == {}


def test_a_malformed_quota_changes_nothing_and_says_why() -> None:
    book, good, bad = a_book(a={"min": {"cpu": "1"}}), a_quota(min={"cpu": "1"}), a_quota(min={"cpu": "x"})
    book.object_changed(KIND, "a/q", good, bad)
    assert book.ledger()["a"]["min"]["milliCPU"] == 1000
    assert "spec.min.cpu" in book.problems["a/q"]
    book.object_changed(KIND, "b/q", None, bad)
    assert not book.has_quota("b")
    book.object_changed(KIND, "b/q", bad, a_quota(min={"cpu": "2"}))
    assert book.ledger()["b"]["min"]["milliCPU"] == 2000
    book.object_changed(KIND, "a/q", bad, good)
    assert book.problems == {}


def test_deleting_a_quota_that_never_counted_takes_nothing_away() -> None:
    book, bad = a_book(a={}), a_quota(max=3)
    book.object_changed(KIND, "a/bad", None, bad)
    book.object_changed(KIND, "a/bad", bad, None)
    assert book.has_quota("a")
    assert book.problems == {}


def test_other_kinds_are_none_of_its_business() -> None:
    book = QuotaBook()
    book.object_changed("PodGroup", "a/q", None, a_quota())
    assert not book.has_quota("a")


def test_what_is_seldom_meant_is_told_while_the_object_is_there() -> None:
    book = a_book(a={"max": {"cpu": "1"}}, b={})
    assert set(book.remarks) == {"a/q"}
    book.object_changed(KIND, "a/q", a_quota(), None)
    assert book.remarks == {}


SPECS = st.sampled_from(
    [
        {},
        {"min": {"cpu": "2"}},
        {"min": {"cpu": "5", "x.org/gpu": 1}, "max": {"cpu": "9"}},
        {"max": {}},
        {"min": {"cpu": "?"}},
    ]
)


class AnyOrder(RuleBasedStateMachine):
    """Events and promises in any order, beside the simplest account that could be right."""

    def __init__(self) -> None:
        super().__init__()
        self.book = QuotaBook()
        self.pods: dict[str, Pod] = {}
        self.leased: dict[str, Pod] = {}
        self.objects: dict[str, dict[str, Any]] = {}

    @initialize()
    def begin(self) -> None:
        assert self.book.ledger() == {}

    @rule(
        uid=st.sampled_from(UIDS),
        cpu=st.sampled_from(["1", "250m"]),
        phase=st.sampled_from(["Pending", "Running", "Unknown"]),
    )
    def upsert(self, uid: str, cpu: str, phase: str) -> None:
        old = self.pods.get(uid)
        node = old.node_name if old else ""
        self._change(old, self._a_pod(uid, cpu, phase=phase, node_name=node))

    @rule(uid=st.sampled_from(UIDS), cpu=st.sampled_from(["1", "250m"]))
    def bind(self, uid: str, cpu: str) -> None:
        self._change(self.pods.get(uid), self._a_pod(uid, cpu, phase="Running", node_name="n"))

    @precondition(lambda self: self.pods)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        uid = data.draw(st.sampled_from(sorted(self.pods)))
        self.book.pod_changed(self.pods.pop(uid), None)
        self.leased.pop(uid, None)

    @rule(uid=st.sampled_from(UIDS), cpu=st.sampled_from(["1", "3"]))
    def take(self, uid: str, cpu: str) -> None:
        pod = self._a_pod(uid, cpu)
        self.book.take(pod)
        if not self._is_bound(uid):
            self.leased[uid] = pod

    @rule(uid=st.sampled_from(UIDS))
    def release(self, uid: str) -> None:
        self.book.release(uid)
        self.leased.pop(uid, None)

    @rule(namespace=st.sampled_from(NAMESPACES), name=st.sampled_from(["q", "r"]), spec=SPECS)
    def set_quota(self, namespace: str, name: str, spec: dict[str, Any]) -> None:
        key = f"{namespace}/{name}"
        self.book.object_changed(KIND, key, self.objects.get(key), a_quota(**spec))
        self.objects[key] = a_quota(**spec)

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def delete_quota(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.objects)))
        self.book.object_changed(KIND, key, self.objects.pop(key), None)

    @invariant()
    def used_is_the_sum_of_the_charges(self) -> None:
        charged = [*self.leased.values(), *(p for uid, p in self.pods.items() if self._is_bound(uid))]
        for namespace in NAMESPACES:
            want = _total(request_eq(p) for p in charged if p.namespace == namespace)
            assert _nonzero(self.book.used(namespace)) == _nonzero(want)
        assert {uid for uid in UIDS if self.book.holds(uid)} == {p.uid for p in charged}

    @invariant()
    def the_totals_are_those_of_the_namespaces_with_a_quota(self) -> None:
        with_quota = [n for n in NAMESPACES if self.book.has_quota(n)]
        assert _nonzero(self.book._total_used) == _nonzero(_total(map(self.book.used, with_quota)))
        lows = _total(self.book._quotas[n].min for n in with_quota)
        assert _nonzero(self.book._total_min) == _nonzero(lows)

    @invariant()
    def nothing_is_kept_of_what_is_gone(self) -> None:
        if not self.pods and not self.leased:
            assert self.book._used == {}
            assert self.book._charges == {}
        if not self.objects:
            assert self.book.ledger() == {}
            assert self.book.problems == {}
            assert self.book._listed == {}
            assert _nonzero(self.book._total_min) == Resources()

    @invariant()
    def only_sound_quotas_count(self) -> None:
        for namespace in NAMESPACES:
            if self.book.has_quota(namespace):
                assert self.book._quotas[namespace] in [quota_of(a_quota(**s)) for s in _SOUND]

    def _a_pod(self, uid: str, cpu: str, **fields: Any) -> Pod:
        return a_pod(uid, NAMESPACES[int(uid) % len(NAMESPACES)], cpu, **fields)

    def _change(self, old: Pod | None, new: Pod) -> None:
        self.book.pod_changed(old, new)
        self.pods[new.uid] = new
        if new.node_name:
            self.leased.pop(new.uid, None)

    def _is_bound(self, uid: str) -> bool:
        pod = self.pods.get(uid)
        return pod is not None and bool(pod.node_name) and pod.phase in ("Pending", "Running")


_SOUND: list[dict[str, Any]] = [
    {},
    {"min": {"cpu": "2"}},
    {"min": {"cpu": "5", "x.org/gpu": 1}, "max": {"cpu": "9"}},
    {"max": {}},
]


def _total(amounts: Any) -> Resources:
    total = Resources()
    for amount in amounts:
        total = total.plus(amount)
    return total


def _nonzero(amounts: Resources) -> Resources:
    return Resources(
        amounts.cpu_milli,
        amounts.memory_bytes,
        amounts.ephemeral_bytes,
        amounts.pods,
        {name: amount for name, amount in amounts.scalars.items() if amount},
    )


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(deadline=None, max_examples=100, stateful_step_count=40)
