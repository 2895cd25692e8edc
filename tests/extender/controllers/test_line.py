"""The line of gated pods: who is next, who goes together, and how many are on their way."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from extender.controllers.line import ON_ITS_WAY_S, WINDOW, Line, Place
from extender.model.pod import Pod

GATE = "trimtab.dev/qos-order"
NOW_S = 1.0


def a_pod(uid: str, **fields: Any) -> Pod:
    return Pod(namespace="ns", name=uid, uid=uid, **fields)


def held(uid: str, **fields: Any) -> Pod:
    return a_pod(uid, gates=(GATE,), **fields)


def by_priority(pod: Pod) -> Place:
    return Place((-pod.priority,), pod.labels.get("group", ""))


def a_line(*pods: Pod) -> Line:
    line = Line()
    for pod in pods:
        line.hold(pod, by_priority)
    return line


def drained(line: Line, now_s: float = 0.0) -> list[str]:
    """Everybody in the order in which they are let go, without a window."""
    order = []
    while together := line.next(by_priority, NOW_S):
        for pod in together:
            line.let_go(pod.uid, now_s, now_s + 10)
            order.append(pod.uid)
    return order


def test_the_smaller_key_goes_first_then_the_older_then_by_name() -> None:
    line = a_line(
        held("late", created_at_s=9),
        held("b", created_at_s=1),
        held("a", created_at_s=1),
        held("important", priority=5, created_at_s=99),
    )
    assert drained(line) == ["important", "a", "b", "late"]


def test_a_group_goes_together_when_the_turn_of_its_first_comes() -> None:
    gang = {"labels": {"group": "g"}}
    line = a_line(held("x", priority=2), held("g1", priority=3, **gang), held("g2", priority=1, **gang))
    assert [pod.uid for pod in line.next(by_priority, NOW_S)] == ["g1", "g2"]


def test_a_pod_that_is_on_its_way_takes_a_place_until_it_is_bound_or_tried() -> None:
    line = Line()
    for uid in "abc":
        line.free(a_pod(uid), 0.0)
    assert line.room(1.0) == WINDOW - 3
    line.forget("a")
    line.free(a_pod("b", unscheduled_reason="Unschedulable", unschedulable_at_s=1), 1.0)
    assert line.room(1.0) == WINDOW - 1


def test_a_pod_that_no_scheduler_takes_makes_room_in_the_end() -> None:
    line = Line()
    for i in range(2 * WINDOW):
        line.free(a_pod(str(i)), 0.0)
    assert line.room(ON_ITS_WAY_S - 1) == 0
    assert line.room(ON_ITS_WAY_S + 1) == WINDOW


def test_a_pod_behind_a_gate_of_others_takes_no_place() -> None:
    line = Line()
    line.free(a_pod("a", gates=("example.test/approval",)), 0.0)
    assert line.room(0.0) == WINDOW


def test_what_was_let_go_takes_its_place_at_once_and_is_not_let_go_twice() -> None:
    line = a_line(held("a"))
    line.let_go("a", 0.0, 10.0)
    assert line.room(1.0) == WINDOW - 1
    line.hold(held("a", resource_version="older"), by_priority)
    assert line.next(by_priority, NOW_S) == []
    assert line.room(1.0) == WINDOW - 1


def test_what_the_watch_still_shows_gated_stands_in_line_again() -> None:
    line = a_line(held("a"))
    line.next(by_priority, NOW_S)
    line.let_go("a", 0.0, 10.0)
    line.look_again(9.0)
    assert line.next(by_priority, NOW_S) == []
    line.look_again(10.0)
    assert line.room(10.0) == WINDOW
    assert [pod.uid for pod in line.next(by_priority, NOW_S)] == ["a"]


def test_one_that_cannot_be_released_does_not_hold_up_the_others() -> None:
    line = a_line(held("a", priority=1), held("b"))
    line.next(by_priority, NOW_S)
    line.put_off("a", 5.0)
    assert [pod.uid for pod in line.next(by_priority, NOW_S)] == ["b"]
    line.look_again(5.0)
    assert [pod.uid for pod in line.next(by_priority, NOW_S)] == ["a"]


def test_a_pod_that_falls_back_while_it_waits_is_overtaken() -> None:
    line = a_line(held("a", priority=2), held("b", priority=1))
    fallen = {"a": Place((9,)), "b": Place((-1,))}
    assert [pod.uid for pod in line.next(lambda pod: fallen[pod.uid], NOW_S)] == ["b"]
    assert [pod.uid for pod in line.next(lambda pod: fallen[pod.uid], NOW_S)] == ["a"]


def by_class(pod: Pod) -> Place:
    return Place((-pod.priority, {"Guaranteed": 0, "BestEffort": 1}[pod.qos_class], pod.created_at_s))


def test_an_older_pod_of_a_lower_class_waits_until_the_scheduler_has_seen_the_better_one() -> None:
    line = Line()
    for pod in (
        held("old", qos_class="BestEffort", created_at_s=1),
        held("new", qos_class="Guaranteed", created_at_s=2),
    ):
        line.hold(pod, by_class)
    (first,) = line.next(by_class, NOW_S)
    line.let_go(first.uid, NOW_S, NOW_S + 10)
    assert first.uid == "new"
    assert line.next(by_class, NOW_S) == []
    line.forget("new")
    assert [pod.uid for pod in line.next(by_class, NOW_S)] == ["old"]


def test_a_younger_pod_and_one_of_lower_priority_need_not_wait_the_scheduler_keeps_them_behind() -> None:
    line = Line()
    for pod in (
        held("best", qos_class="Guaranteed", created_at_s=1, priority=1),
        held("younger", qos_class="BestEffort", created_at_s=2, priority=1),
        held("lower", qos_class="Guaranteed", created_at_s=0),
    ):
        line.hold(pod, by_class)
    order = []
    while together := line.next(by_class, NOW_S):
        line.let_go(together[0].uid, NOW_S, NOW_S + 10)
        order.append(together[0].uid)
    assert order == ["best", "younger", "lower"]


def test_nobody_waits_longer_for_one_whose_scheduler_is_away() -> None:
    line = Line()
    for pod in (
        held("old", qos_class="BestEffort", created_at_s=1),
        held("new", qos_class="Guaranteed", created_at_s=2),
    ):
        line.hold(pod, by_class)
    line.let_go("new", 0.0, 10.0)
    assert line.next(by_class, ON_ITS_WAY_S - 1) == []
    assert [pod.uid for pod in line.next(by_class, ON_ITS_WAY_S + 1)] == ["old"]


def test_reordering_brings_a_pod_forward() -> None:
    line = a_line(held("a", priority=2), held("b", priority=1))
    line.reorder([("b", Place((-9,))), ("gone", Place((-99,)))])
    assert [pod.uid for pod in line.next(lambda pod: Place((-9,)) if pod.uid == "b" else by_priority(pod), NOW_S)] == [
        "b"
    ]


pods = st.builds(
    lambda uid, priority, created, group: held(
        uid, priority=priority, created_at_s=created, labels={"group": group} if group else {}
    ),
    st.sampled_from("abcdef"),
    st.integers(0, 2),
    st.integers(0, 2),
    st.sampled_from(("", "", "g", "h")),
)


@given(st.lists(pods, max_size=12))
def test_everybody_is_let_go_once_and_units_go_by_their_best_pod(found: list[Pod]) -> None:
    now = {pod.uid: pod for pod in found}
    order = drained(a_line(*found))
    assert sorted(order) == sorted(now)

    def rank(pod: Pod) -> tuple[Any, ...]:
        return -pod.priority, pod.created_at_s, pod.key

    def best(pod: Pod) -> tuple[Any, ...]:
        group = pod.labels.get("group")
        return min(rank(each) for each in now.values() if each is pod or (group and each.labels.get("group") == group))

    assert order == sorted(now, key=lambda uid: (best(now[uid]), rank(now[uid])))


class Days(RuleBasedStateMachine):
    """A line under whatever the watch and the controller tell: it never loses, doubles or overfills."""

    def __init__(self) -> None:
        super().__init__()
        self.line = Line()
        self.now_s = 0.0
        self.cluster: dict[str, Pod] = {}

    @rule(pod=pods)
    def appears(self, pod: Pod) -> None:
        if pod.uid not in self.cluster:
            self.cluster[pod.uid] = pod
            self.line.hold(pod, by_priority)

    @rule()
    def releases(self) -> None:
        while self.line.room(self.now_s) > 0 and (together := self.line.next(by_priority, NOW_S)):
            for pod in together:
                assert self.cluster[pod.uid].gates
                self.line.let_go(pod.uid, self.now_s, self.now_s + 10)

    @rule(uid=st.sampled_from("abcdef"), tried=st.booleans())
    def is_seen_free(self, uid: str, tried: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        if uid in self.cluster:
            self.cluster[uid] = a_pod(uid, unscheduled_reason="Unschedulable" if tried else "")
            self.line.free(self.cluster[uid], self.now_s)

    @rule(uid=st.sampled_from("abcdef"))
    def goes(self, uid: str) -> None:
        self.cluster.pop(uid, None)
        self.line.forget(uid)

    @rule(by_s=st.sampled_from((1.0, 11.0, 31.0)))
    def time_passes(self, by_s: float) -> None:
        self.now_s += by_s
        self.line.look_again(self.now_s)

    @rule()
    def is_reordered(self) -> None:
        self.line.reorder([(pod.uid, by_priority(pod)) for pod in self.line.pods()])

    @invariant()
    def it_holds_who_is_gated(self) -> None:
        assert len(self.line) == sum(bool(pod.gates) for pod in self.cluster.values())

    @invariant()
    def the_window_is_kept(self) -> None:
        assert 0 <= self.line.room(self.now_s) <= WINDOW

    def teardown(self) -> None:
        """In the end everybody who is still gated goes."""
        self.line.look_again(self.now_s + 1000)
        assert set(drained(self.line)) == {uid for uid, pod in self.cluster.items() if pod.gates}


TestDays = Days.TestCase
