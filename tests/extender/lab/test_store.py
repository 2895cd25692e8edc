"""Versions rise, history is bounded, and a watch tells every change once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.lab.kinds import CONFIGMAPS, EVENTS, NODES, PODS
from extender.lab.paths import Target
from extender.lab.refusal import Refusal
from extender.lab.store import EVENTS_MAX, Store
from extender.lab.watching import BOOKMARK_EVERY_S, Watcher
from tests.extender.lab.small_lab import Clock, SmallLab


def a_map(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "a", "uid": f"uid-{name}"}, "data": data}


def test_every_change_has_a_higher_version() -> None:
    store = Store()
    versions = [store.create(CONFIGMAPS, a_map("c")).revision]
    for i in range(5):
        edit = lambda tree, i=i: {**tree, "data": {"k": str(i)}}  # noqa: E731
        versions.append(store.change(CONFIGMAPS, "a", "c", edit).revision)
    versions.append(store.delete(CONFIGMAPS, "a", "c").revision)
    assert versions == sorted(set(versions))


def test_a_change_that_changes_nothing_makes_no_version() -> None:
    store = Store()
    before = store.create(CONFIGMAPS, a_map("c")).revision
    assert store.change(CONFIGMAPS, "a", "c", dict).revision == before


def test_a_stale_version_cannot_replace_a_newer_one() -> None:
    store = Store()
    old = store.create(CONFIGMAPS, a_map("c"))
    store.replace(old, {**old.tree, "data": {"k": "1"}})
    with pytest.raises(Refusal) as refused:
        store.replace(old, {**old.tree, "data": {"k": "2"}})
    assert refused.value.code == 409


def test_events_are_bounded() -> None:
    store = Store()
    for i in range(EVENTS_MAX + 10):
        store.create(EVENTS, {"metadata": {"name": f"e{i}", "namespace": "a", "uid": str(i)}})
    assert store.count(EVENTS) == EVENTS_MAX
    assert store.find(EVENTS, "a", "e0") is None


def told(story: Callable[[SmallLab, Callable[..., Awaitable[list[dict[str, Any]]]]], Awaitable[None]]) -> None:
    async def run() -> None:
        lab = SmallLab(history_max=10)

        async def lines(kind: Any = PODS, count: int = 1, **query: str) -> list[dict[str, Any]]:
            watcher = Watcher(lab.store)
            plan = watcher.plan(Target(kind), query)
            found: list[dict[str, Any]] = []
            async with asyncio.timeout(10):
                async for chunk in watcher.run(plan):
                    found += [json.loads(line) for line in chunk.splitlines()]
                    if len(found) >= count:
                        break
            return found

        await story(lab, lines)

    asyncio.run(run())


def test_a_watch_resumes_exactly_where_it_ended() -> None:
    async def story(lab: SmallLab, lines: Any) -> None:
        start = str(lab.store.revision)
        names = [lab.pod(f"p{i}").name for i in range(4)]
        first = (await lines(resourceVersion=start))[0]
        version = first["object"]["metadata"]["resourceVersion"]
        rest = await lines(resourceVersion=version)
        assert [line["object"]["metadata"]["name"] for line in rest] == names[1:]

    told(story)


def test_a_watch_from_before_the_history_is_told_so() -> None:
    async def story(lab: SmallLab, lines: Any) -> None:
        start = str(lab.store.revision)
        for i in range(30):
            lab.node(f"n{i}")
        line = (await lines(NODES, resourceVersion=start))[0]
        assert line["type"] == "ERROR"
        assert (line["object"]["code"], line["object"]["reason"]) == (410, "Expired")

    told(story)


def test_a_streaming_list_ends_with_its_bookmark() -> None:
    async def story(lab: SmallLab, lines: Any) -> None:
        lab.node("n1")
        lab.node("n2")
        options = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
        found = await lines(NODES, 3, **options)
        assert [line["type"] for line in found] == ["ADDED", "ADDED", "BOOKMARK"]
        assert found[2]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
        assert found[2]["object"]["metadata"]["resourceVersion"] == str(lab.store.revision)

    told(story)


def test_a_quiet_watch_hears_the_revision_while_other_kinds_are_busy() -> None:
    async def run() -> None:
        store, clock = Store(), Clock(0.0)
        watcher = Watcher(store, clock=clock)
        query = {"resourceVersion": str(store.revision or 1), "allowWatchBookmarks": "true"}
        waiting = asyncio.ensure_future(anext(watcher.run(watcher.plan(Target(CONFIGMAPS, "a"), query))))
        for number in range(40):
            clock.now_s += 1
            store.create(NODES, {"metadata": {"name": f"n{number}", "uid": f"u{number}"}})
            for _ in range(5):
                await asyncio.sleep(0)
        line = json.loads(await asyncio.wait_for(waiting, 1))
        assert line["type"] == "BOOKMARK"
        assert BOOKMARK_EVERY_S <= int(line["object"]["metadata"]["resourceVersion"]) < 2 * BOOKMARK_EVERY_S

    asyncio.run(run())


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["put", "drop"]), st.booleans()), max_size=40))
def test_whoever_follows_a_selector_knows_exactly_what_it_selects(steps: list[tuple[int, str, bool]]) -> None:
    async def run() -> None:
        store = Store()
        known: dict[str, str] = {}
        start = store.revision
        for number, what, chosen in steps:
            name = f"c{number}"
            labels = {"chosen": "yes" if chosen else "no"}
            tree = {"metadata": {"name": name, "namespace": "a", "uid": name, "labels": labels}, "data": {}}
            if store.find(CONFIGMAPS, "a", name) is None:
                store.create(CONFIGMAPS, tree)
            elif what == "put":
                store.replace(store.get(CONFIGMAPS, "a", name), tree)
            else:
                store.delete(CONFIGMAPS, "a", name)
        watcher = Watcher(store)
        query = {"resourceVersion": str(start), "labelSelector": "chosen=yes", "timeoutSeconds": "0"}
        async for chunk in watcher.run(watcher.plan(Target(CONFIGMAPS, "a"), query)):
            for line in map(json.loads, chunk.splitlines()):
                name = line["object"]["metadata"]["name"]
                assert (line["type"] == "ADDED") == (name not in known)
                if line["type"] == "DELETED":
                    del known[name]
                else:
                    known[name] = line["object"]["metadata"]["resourceVersion"]
        wanted = {
            o.name: str(o.revision) for o in store.all(CONFIGMAPS) if o.tree["metadata"]["labels"]["chosen"] == "yes"
        }
        assert known == wanted

    asyncio.run(run())
