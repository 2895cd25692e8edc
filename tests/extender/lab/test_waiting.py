"""The scheduling queue loses nobody and hurries nobody."""

from __future__ import annotations

from extender.lab.waiting import BACKOFF_MAX_S, FLUSH_S, Queue, Waiting


def a_pod(uid: str, priority: int = 0, created_s: float = 0.0) -> Waiting:
    return Waiting("team-a", f"pod-{uid}", uid, priority, created_s)


def popped(queue: Queue, now_s: float) -> list[str]:
    uids = []
    while (pod := queue.pop(now_s)) is not None:
        uids.append(pod.uid)
    return uids


def test_the_most_important_and_then_the_oldest_comes_first() -> None:
    queue = Queue()
    for pod in (a_pod("young", 5, 2.0), a_pod("low", 1, 0.0), a_pod("old", 5, 1.0)):
        queue.add(pod)
    assert popped(queue, 0.0) == ["old", "young", "low"]


def test_a_pod_being_tried_is_not_handed_out_twice() -> None:
    queue = Queue()
    queue.add(a_pod("a"))
    queue.add(a_pod("a"))
    assert popped(queue, 0.0) == ["a"]
    assert popped(queue, 0.0) == []


def test_an_unschedulable_pod_waits_for_a_change() -> None:
    queue = Queue()
    queue.add(a_pod("a"))
    pod = queue.pop(0.0)
    assert pod is not None
    queue.failed(pod, 0.0, error=False)
    assert queue.pop(60.0) is None
    queue.wake(60.0)
    assert popped(queue, 60.0) == ["a"]


def test_a_pod_is_tried_again_in_the_end_even_if_nothing_changes() -> None:
    queue = Queue()
    queue.add(a_pod("a"))
    pod = queue.pop(0.0)
    assert pod is not None
    queue.failed(pod, 0.0, error=False)
    assert popped(queue, FLUSH_S + 1) == ["a"]


def test_a_change_during_an_attempt_counts() -> None:
    queue = Queue()
    queue.add(a_pod("a"))
    pod = queue.pop(0.0)
    assert pod is not None
    queue.wake(0.0)
    queue.failed(pod, 0.0, error=False)
    assert popped(queue, 2.0) == ["a"]


def test_backoff_doubles_up_to_its_limit() -> None:
    queue = Queue()
    queue.add(a_pod("a"))
    now, waits = 0.0, []
    for _ in range(7):
        pod = queue.pop(now)
        assert pod is not None
        queue.failed(pod, now, error=True)
        due = queue.next_s()
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits == [1, 2, 4, 8, BACKOFF_MAX_S, BACKOFF_MAX_S, BACKOFF_MAX_S]


def test_a_removed_pod_is_gone_wherever_it_was() -> None:
    queue = Queue()
    for uid in ("active", "aside", "backoff", "tried"):
        queue.add(a_pod(uid))
    pods = {pod.uid: pod for pod in iter(lambda: queue.pop(0.0), None)}
    queue.failed(pods["aside"], 0.0, error=False)
    queue.failed(pods["backoff"], 0.0, error=True)
    for uid in pods:
        queue.remove(uid)
    queue.wake(1.0)
    queue.failed(pods["tried"], 1.0, error=True)
    assert popped(queue, 100.0) == []
    assert len(queue) == 0
