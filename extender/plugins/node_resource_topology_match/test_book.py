"""What is believed of zones, event by event: the three caches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Container, NodeTable, Pod
from extender.plugins.node_resource_topology_match.args import Cache
from extender.plugins.node_resource_topology_match.book import KEPT_S, KIND, TopologyBook
from extender.plugins.node_resource_topology_match.fingerprint import fingerprint

UNIT = 10**9
OURS = ("default-scheduler",)
PLAIN = Cache()


def a_topology(cpu: str = "8", *, pods: list[Pod] | None = None, policy: str = "single-numa-node") -> dict[str, Any]:
    attributes = [{"name": "topologyManagerPolicy", "value": policy}]
    if pods is not None:
        told = fingerprint((pod.namespace, pod.name) for pod in pods)
        attributes.append({"name": "nodeTopologyPodsFingerprint", "value": told})
    amounts = [{"name": "cpu", "allocatable": "8", "available": cpu}]
    zones = [{"name": f"node-{i}", "type": "Node", "resources": amounts} for i in range(2)]
    return {"metadata": {"name": "n"}, "attributes": attributes, "zones": zones}


def a_pod(name: str, cpu: str = "2", **fields: Any) -> Pod:
    container = Container(name="c", requests={"cpu": cpu})
    return Pod(namespace="ns", name=name, uid=name, containers=(container,), qos_class="Guaranteed", **fields)


def on_node(pod: Pod, **fields: Any) -> Pod:
    return msgspec.structs.replace(pod, node_name="n", **fields)


def a_book(**topology: Any) -> TopologyBook:
    """Kept since second 0, with one node n."""
    book = TopologyBook()
    book.object_changed(KIND, "n", None, a_topology(**topology))
    book.keep(0.0)
    return book


def renew(book: TopologyBook, **topology: Any) -> None:
    book.object_changed(KIND, "n", {}, a_topology(**topology))


def cpu_left(book: TopologyBook) -> int:
    """Cores of each zone; both are charged alike."""
    (left,) = {zone["cpu"] for zone in book.available("n").values()}
    assert set(in_vectors(book, "n")) == {left}, "the flat vectors say the same"
    return left // UNIT


def resync(book: TopologyBook, *pods: Pod, cache: Cache = PLAIN) -> list[str]:
    return book.resync(book.behind() | book.marked(OURS, cache), lambda _node: pods, cache)


def test_a_charge_counts_on_every_zone_and_ends_when_given_back() -> None:
    book = a_book()
    book.take(a_pod("a"), "n")
    assert cpu_left(book) == 6
    book.take(a_pod("b", cpu="20"), "n")
    assert cpu_left(book) == 0, "never below nothing"
    book.release("b")
    assert cpu_left(book) == 6
    book.release("a")
    assert cpu_left(book) == 8


def test_taking_twice_charges_once() -> None:
    book = a_book()
    book.take(a_pod("a"), "n")
    book.take(a_pod("a", cpu="3"), "n")
    assert cpu_left(book) == 5


def test_a_deleted_pod_stays_charged_until_the_node_says_otherwise() -> None:
    book, pod = a_book(), a_pod("a")
    book.take(pod, "n")
    book.pod_changed(pod, on_node(pod))
    book.pod_changed(on_node(pod), None)
    assert cpu_left(book) == 6
    renew(book, pods=[])
    assert resync(book) == ["n"]
    assert cpu_left(book) == 8


def test_a_newer_object_counts_only_when_its_fingerprint_is_of_our_pods() -> None:
    book, pod = a_book(), on_node(a_pod("a"), phase="Running")
    renew(book, cpu="5", pods=[a_pod("somebody")])
    assert resync(book, pod) == []
    assert cpu_left(book) == 8
    renew(book, cpu="5", pods=[pod])
    assert resync(book, pod) == ["n"]
    assert cpu_left(book) == 5


def test_what_a_flush_does_not_prove_stays_charged() -> None:
    book, seen, coming = a_book(), a_pod("seen"), a_pod("coming", cpu="1")
    book.take(seen, "n")
    book.take(coming, "n")
    renew(book, cpu="6", pods=[seen])
    assert resync(book, on_node(seen, phase="Running")) == ["n"]
    assert cpu_left(book) == 5


def test_a_finished_pod_that_the_node_still_reports_spoils_no_proof() -> None:
    book, stays, done = a_book(), a_pod("stays"), a_pod("done")
    for pod in (stays, done):
        book.pod_changed(None, on_node(pod, phase="Running"))
    book.pod_changed(on_node(done, phase="Running"), None)
    renew(book, cpu="4", pods=[stays, done])
    assert resync(book, on_node(stays, phase="Running")) == ["n"]
    assert cpu_left(book) == 4


def test_a_node_without_a_fingerprint_is_never_proven_and_says_so() -> None:
    book = a_book()
    renew(book, cpu="1")
    assert resync(book) == []
    assert cpu_left(book) == 8
    assert "no fingerprint" in book.problems["n"]


def test_as_upstream_an_empty_node_stays_marked() -> None:
    book = a_book(pods=[])
    book.mark_stranger("n")
    marked = book.marked(OURS, PLAIN)
    assert book.resync(marked, lambda _node: [], PLAIN, as_upstream=True) == []
    assert book.foreign(OURS, "All") == ["n"]
    assert resync(book) == ["n"]
    assert book.foreign(OURS, "All") == []


def test_a_pod_of_another_scheduler_makes_its_node_stale() -> None:
    book = a_book()
    book.pod_changed(None, on_node(a_pod("ours")))
    assert book.foreign(OURS, "All") == []
    book.pod_changed(None, on_node(a_pod("theirs"), scheduler_name="other"))
    assert book.foreign(OURS, "All") == ["n"]
    assert book.foreign(OURS, "OnlyExclusiveResources") == ["n"]
    assert book.foreign(OURS, "None") == []
    assert book.foreign(("other", *OURS), "All") == []


def test_a_foreign_pod_without_exclusive_resources_can_be_left_out() -> None:
    book = a_book()
    book.pod_changed(None, on_node(a_pod("theirs", cpu="1500m"), scheduler_name="other"))
    assert book.foreign(OURS, "All") == ["n"]
    assert book.foreign(OURS, "OnlyExclusiveResources") == []


def test_where_every_scheduler_is_ours_a_pod_is_foreign_that_we_did_not_bind() -> None:
    book, bound, theirs = a_book(), a_pod("bound"), a_pod("theirs")
    book.take(bound, "n")
    book.pod_changed(bound, on_node(bound))
    assert book.foreign(("*",), "All") == []
    book.pod_changed(theirs, on_node(theirs))
    assert book.foreign(("*",), "All") == ["n"]


def test_a_changed_policy_counts_without_proof_unless_only_resources_are_looked_at() -> None:
    book = a_book()
    book.take(a_pod("a"), "n")
    renew(book, policy="restricted")
    assert resync(book, cache=Cache(resync_scope="OnlyResources")) == []
    assert resync(book) == ["n"]
    assert book.held["n"].policy == book.live["n"].policy
    assert cpu_left(book) == 6, "nothing proved the charge"


def test_a_node_is_landed_on_until_the_bind_is_over_however_that_is_seen() -> None:
    book, pod = a_book(), a_pod("a")
    ends: list[Callable[[], None]] = [
        lambda: book.landed("a"),
        lambda: book.release("a"),
        lambda: book.pod_changed(pod, on_node(pod)),
        lambda: book.pod_changed(pod, None),
    ]
    for end in ends:
        book.take(pod, "n")
        assert list(book.landing()) == ["n"]
        end()
        assert list(book.landing()) == []


def test_a_malformed_object_changes_nothing_and_says_why() -> None:
    book = a_book()
    book.object_changed(KIND, "n", {}, {"zones": 3})
    assert cpu_left(book) == 8
    assert book.problems["n"].startswith("ignored: ")
    renew(book)
    assert book.problems == {}


def test_of_a_deleted_object_nothing_is_left() -> None:
    book = a_book()
    book.take(a_pod("a"), "n")
    book.mark_stranger("n")
    book.object_changed(KIND, "n", {}, None)
    assert (book.live, book.held, book.foreign(OURS, "All")) == ({}, {}, [])
    assert "n" not in book.held_zones
    book.object_changed(KIND, "n", None, a_topology())
    assert cpu_left(book) == 8


def test_objects_of_other_kinds_are_nobodys_business() -> None:
    book = TopologyBook()
    book.object_changed("PodGroup", "n", None, a_topology())
    assert book.live == {}


def test_a_belief_that_nobody_kept_begins_anew() -> None:
    book = a_book()
    landed, flying = a_pod("landed"), a_pod("flying", cpu="1")
    for pod in (landed, flying):
        book.take(pod, "n")
    book.landed("landed")
    renew(book, cpu="7")
    book.keep(KEPT_S)
    assert cpu_left(book) == 5, "nothing is forgotten while somebody looks"
    assert not book.is_kept(2 * KEPT_S + 1)
    book.keep(2 * KEPT_S + 1)
    assert cpu_left(book) == 6, "the newest object, less what is on its way"


def test_without_anybody_to_keep_them_charges_do_not_pile_up() -> None:
    book = TopologyBook()
    book.object_changed(KIND, "n", None, a_topology())
    book.take(a_pod("a"), "n")
    book.landed("a")
    book.rest(0.0)
    assert cpu_left(book) == 8


def test_a_resync_is_due_once_a_period() -> None:
    book = a_book()
    assert [book.is_due(5, now_s) for now_s in (0.0, 1.0, 4.9, 5.0, 6.0)] == [True, False, False, True, False]


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.sampled_from("abc"), st.sampled_from("xyz")),
        st.tuples(st.just("release"), st.sampled_from("abc"), st.just("")),
        st.tuples(st.just("landed"), st.sampled_from("abc"), st.just("")),
        st.tuples(st.just("object"), st.sampled_from(["0", "1", "3"]), st.sampled_from("xyz")),
        st.tuples(st.just("gone"), st.just(""), st.sampled_from("xyz")),
    ),
    max_size=30,
)


@given(EVENTS)
def test_the_flat_vectors_always_hold_what_the_objects_and_charges_say(events: list[tuple[str, str, str]]) -> None:
    book = TopologyBook()
    book.keep(0.0)
    for what, which, node in events:
        match what:
            case "take":
                book.take(a_pod(which), node)
            case "release":
                book.release(which)
            case "landed":
                book.landed(which)
            case "object":
                zones = [
                    {"name": f"node-{i}", "type": "Node", "resources": [{"name": "cpu", "available": which}]}
                    for i in range(int(which))
                ]
                book.object_changed(KIND, node, None, {"zones": zones})
            case "gone":
                book.object_changed(KIND, node, None, None)
    told = {node for node in "xyz" if node in book.held_zones}
    assert told == set(book.held)
    for node in told:
        assert in_vectors(book, node) == [zone["cpu"] for zone in book.available(node).values()]


def in_vectors(book: TopologyBook, node: str) -> list[int]:
    """Billionths of cpu in each zone of a node, as the kernel finds them."""
    table, (first, count) = book.held_zones, block(book, node)
    begin = int(table.starts(("cpu",))[0]) + first
    return [int(table.units[at]) * UNIT + int(table.nanos[at]) for at in range(begin, begin + count)]


def block(book: TopologyBook, node: str) -> tuple[int, int]:
    """(first zone, number of zones) of a node, through the columns that the kernel gets."""
    nodes = NodeTable()
    row = nodes.add(node)
    columns = book.held_zones.columns(nodes)
    return int(columns["first"][row]), int(columns["zones"][row])
