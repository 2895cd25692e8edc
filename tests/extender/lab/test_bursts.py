"""Bursts of the lab: as many changes as ordered, and every object as if it had been written the ordinary way."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extender.lab.bursts import NAMESPACE, Bursts
from extender.lab.identity import Identities
from extender.lab.kinds import PODS
from extender.lab.lab import Lab, LabOptions
from extender.lab.simulation import Shape
from extender.lab.store import Change, Store
from tests.extender.lab.small_lab import SmallLab

PATTERN: dict[str, Any] = {
    "metadata": {"name": "pattern", "namespace": "elsewhere", "uid": "u-1", "labels": {"app": "cart"}},
    "spec": {"containers": [{"name": "main", "image": "i:1", "resources": {"requests": {"cpu": "100m"}}}]},
    "status": {"phase": "Pending"},
}


def bursting(nodes: int = 3) -> tuple[SmallLab, Bursts]:
    lab = SmallLab(history_max=100_000)
    for number in range(nodes):
        lab.node(f"node-{number}")
    return lab, Bursts(lab.store, lab.writer, Identities(2, lab.clock))


def struck(store: Store, bursts: Bursts) -> list[Change]:
    before = store.revision
    bursts.strike()
    return store.since(PODS, before)


@settings(max_examples=30, deadline=None)
@given(orders=st.lists(st.integers(0, 40), min_size=1, max_size=5))
def test_a_burst_has_exactly_the_events_of_its_order_and_no_pod_changes_twice(orders: list[int]) -> None:
    lab, bursts = bursting()
    for events in orders:
        assert bursts.order(events, [PATTERN]) == ""
        for _ in range(3):
            changes = struck(lab.store, bursts)
            assert len(changes) == events
            kept = [change.new.uid for change in changes]
            assert len(set(kept)) == len(kept)


def test_of_ten_events_six_change_a_pod_two_end_one_and_two_begin_one() -> None:
    lab, bursts = bursting()
    bursts.order(20, [PATTERN])
    struck(lab.store, bursts)
    for _ in range(4):
        assert Counter(change.type for change in struck(lab.store, bursts)) == {
            "MODIFIED": 12,
            "DELETED": 4,
            "ADDED": 4,
        }
        assert len(list(lab.store.all(PODS, NAMESPACE))) == 16


def test_what_a_watch_is_told_is_what_an_ordinary_write_would_have_told() -> None:
    lab, bursts = bursting()
    bursts.order(20, [PATTERN])
    for _ in range(5):
        for change in struck(lab.store, bursts):
            told, item = orjson.loads(change.new.whole), orjson.loads(change.new.raw)
            assert told == {"kind": "Pod", "apiVersion": "v1", **item}
            assert {**change.new.tree, "metadata": {**change.new.tree["metadata"]}}.items() <= item.items()
            assert item["metadata"]["resourceVersion"] == str(change.revision) == str(change.new.revision)
            if change.old is not None:
                assert change.old.uid == change.new.uid
                assert change.old.revision < change.new.revision


def test_a_pod_that_comes_back_is_another_one_by_the_same_name() -> None:
    lab, bursts = bursting()
    bursts.order(10, [PATTERN])
    gone = {change.new.key: change.new.uid for change in struck(lab.store, bursts) if change.type == "DELETED"}
    back = {change.new.key: change.new.uid for change in struck(lab.store, bursts) if change.type == "ADDED"}
    assert set(gone) == set(back)
    assert all(back[key] != gone[key] for key in gone)
    assert all(back[key] in orjson.dumps(lab.store.get(PODS, *key.split("/")).tree).decode() for key in back)


def test_pods_run_on_all_nodes_and_look_like_the_pattern() -> None:
    lab, bursts = bursting(nodes=3)
    bursts.order(9, [PATTERN])
    pods = [pod.tree for pod in lab.store.all(PODS, NAMESPACE)]
    assert Counter(pod["spec"]["nodeName"] for pod in pods) == {"node-0": 3, "node-1": 3, "node-2": 3}
    assert all(pod["metadata"]["labels"]["app"] == "cart" and pod["status"]["phase"] == "Running" for pod in pods)


@pytest.mark.parametrize(
    ("nodes", "body", "why"),
    [
        (1, b'{"events": 5}', "what the pods look like"),
        (1, b'{"events": -1}', "negative"),
        (0, b'{"events": 5, "pods": [{}]}', "no node"),
        (1, b'{"pods": []}', "want"),
        (1, b"[1]", "want"),
        (1, b"{", "want"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_refused(nodes: int, body: bytes, why: str) -> None:
    lab = Lab(LabOptions(Shape(nodes=nodes, pods_per_second=0)))

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(lab.api.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://lab") as http:
            return await http.post("/lab/bursts", content=body)

    answer = asyncio.run(ask())
    assert answer.status_code == 400
    assert why in answer.json()["error"]


def test_an_order_begins_at_once_and_ends_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extender.lab.bursts.EVERY_S", 3600.0)
    lab = Lab(LabOptions(Shape(nodes=2, pods_per_second=0)))

    async def ask() -> tuple[dict[str, Any], dict[str, Any]]:
        running = asyncio.ensure_future(lab.bursts.run())
        transport = httpx.ASGITransport(lab.api.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://lab") as http:
            await asyncio.sleep(0)
            await http.post("/lab/bursts", json={"events": 5, "pods": [PATTERN]})
            async with asyncio.timeout(10):
                await lab.store.waiter().wait()
            begun = (await http.post("/lab/bursts", json={"events": 0})).json()
            running.cancel()
            return begun, (await http.post("/lab/bursts", json={"events": 0})).json()

    begun, ended = asyncio.run(ask())
    assert begun == {"events": 0, "struck": 1, "pods": 4}
    assert ended == begun


def test_the_store_takes_only_the_next_revision() -> None:
    lab, bursts = bursting()
    bursts.order(1, [PATTERN])
    pod = next(lab.store.all(PODS, NAMESPACE))
    with pytest.raises(ValueError, match="the next revision is"):
        lab.store.take(Change(pod.revision, "MODIFIED", pod, pod))
