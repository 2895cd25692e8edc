"""What another policy would do: the same pods, the same cluster, and nothing left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.engine.profile import PolicySet, profile_of
from extender.engine.recent import OBJECT_BYTES, Recent
from extender.model.events import NodeDeleted, NodeUpserted
from extender.model.node import Node
from tests.extender.engine.a_world import SizeArgs, World, a_pod

NAMES = ["small", "middle", "large"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def world(cache: Path) -> World:
    return World(cache, {"small": 1, "middle": 4, "large": 16})


def policy(world: World, *names: str, args: Any = None) -> PolicySet:
    seats = [world._seat(name, 1, args if name == "Size" else None) for name in names]
    return PolicySet("other", "h2", "wide", {"default-scheduler": profile_of("default-scheduler", seats)})


def previewed(world: World, candidate: PolicySet, pods: Any = None, last: int = 100) -> dict[str, Any]:
    return asyncio.run(world.engine.preview(candidate, pods, last))


def test_the_last_pods_are_asked_about_among_the_nodes_they_were_offered(world: World) -> None:
    world.use("Biggest")
    world.filter(a_pod("a"), ["small", "middle"])
    world.filter(a_pod("b"), NAMES)
    found = previewed(world, policy(world, "Smallest", "Size", args=SizeArgs(least_cpu_milli=2000)))
    assert (found["asked"], found["evaluated"], found["moved"], found["unchanged"]) == (2, 2, 1, 1)
    (pod,) = found["pods"]
    assert (pod["name"], pod["change"], pod["from"], pod["to"]) == ("pod-b", "moved", "large", "middle")
    assert previewed(world, policy(world), last=1)["asked"] == 1


def test_newly_rejected_and_newly_accepted_pods_are_told_by_plugin_and_reason(world: World) -> None:
    world.use("Size", args={"Size": SizeArgs(least_cpu_milli=2000)})
    world.filter(a_pod("small-only"), ["small"])
    world.filter(a_pod("any"), NAMES)
    found = previewed(world, policy(world, "Size", args=SizeArgs(least_cpu_milli=99_000)))
    by = [{"plugin": "Size", "reason": "too small", "pods": 1}]
    assert found["newlyRejected"] == {"pods": 1, "by": by}
    assert found["newlyAccepted"] == {"pods": 0, "by": []}
    found = previewed(world, policy(world))
    assert found["newlyAccepted"] == {"pods": 1, "by": by}
    assert [(pod["name"], pod["change"], pod["to"]) for pod in found["pods"]] == [
        ("pod-small-only", "accepted", "small")
    ]


def test_given_pods_are_asked_about_all_nodes(world: World) -> None:
    world.use("Biggest")
    found = previewed(world, policy(world, "Smallest"), [a_pod("new")])
    assert [(pod["from"], pod["to"]) for pod in found["pods"]] == [("large", "small")]


def test_the_same_policy_changes_nothing(world: World) -> None:
    world.use("Biggest", "Size", "Seats")
    for uid in "abcd":
        world.filter(a_pod(uid), NAMES)
    found = previewed(world, policy(world, "Biggest", "Size", "Seats"))
    assert (found["unchanged"], found["pods"], found["podsLeftOut"]) == (4, [], 0)


def test_a_preview_reserves_and_records_nothing(world: World) -> None:
    world.use("Biggest")
    world.filter(a_pod("a"), NAMES)
    before = list(world.frames)
    previewed(world, policy(world, "Seats", "Clumsy"))
    assert world.engine.leases() == []
    assert world.engine.books.of("Seats").taken == set()  # type: ignore[union-attr]
    assert world.frames == before
    assert world.engine.policy.revision == "r1"


def test_nodes_that_are_gone_since_are_no_candidates(world: World) -> None:
    world.use("Smallest")
    world.filter(a_pod("a"), NAMES)
    world.state.apply(NodeDeleted("large"), world.now_s)  # its empty row would be the smallest
    found = previewed(world, policy(world, "Biggest"))
    assert (found["pods"][0]["from"], found["pods"][0]["to"]) == ("small", "middle")


def test_calls_are_answered_while_a_preview_goes_on(world: World) -> None:
    world.use("Biggest")
    for number in range(50):
        world.filter(a_pod(f"u{number}"), NAMES)

    async def both() -> tuple[int, bool]:
        under_way = asyncio.create_task(world.engine.preview(policy(world, "Smallest"), None, 50))
        answered = 0
        while not under_way.done():
            world.filter(a_pod("caller"), NAMES)
            answered += 1
            await asyncio.sleep(0)
        return answered, (await under_way)["evaluated"] == 50

    answered, whole = asyncio.run(both())
    assert answered > 10
    assert whole


def test_a_long_preview_is_cut_and_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("extender.engine.preview.WORK_MAX_S", 0.0)
    world.use("Biggest")
    for uid in "abc":
        world.filter(a_pod(uid), NAMES)
    found = previewed(world, policy(world))
    assert (found["asked"], found["evaluated"], found["stopped"]) == (3, 1, "time")


def test_the_list_of_pods_is_bounded_and_says_how_many_are_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("extender.engine.preview.LISTED_MAX", 2)
    world.use("Biggest")
    for uid in "abcde":
        world.filter(a_pod(uid), NAMES)
    found = previewed(world, policy(world, "Smallest"))
    assert (found["moved"], len(found["pods"]), found["podsLeftOut"]) == (5, 2, 3)


def test_a_new_node_in_the_row_of_an_old_one_is_judged_as_it_is(world: World) -> None:
    world.use("Biggest")
    world.filter(a_pod("a"), NAMES)
    world.state.apply(NodeDeleted("small"), world.now_s)
    world.state.apply(NodeUpserted(Node(name="huge", capacity={"cpu": "64"})), world.now_s)
    assert previewed(world, policy(world, "Smallest"))["pods"][0]["from"] == "huge"


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40), st.integers(0, 3)), max_size=60), st.integers(1, 12))
def test_what_is_remembered_stays_within_both_bounds_and_counts_its_bytes(
    notes: list[tuple[int, int, int]], pods_max: int
) -> None:
    recent, bytes_max = Recent(pods_max, 400), 400
    newest: dict[str, None] = {}
    for uid, text, rows in notes:
        recent.note(a_pod(f"u{uid}"), np.arange(rows, dtype=np.int32), text)
        newest.pop(f"u{uid}", None)
        newest[f"u{uid}"] = None
    kept = recent.last(100)
    assert len(kept) == len(recent) <= pods_max
    assert recent.size == sum(asked.size for asked in kept) <= bytes_max
    assert [asked.pod.uid for asked in kept] == list(reversed(newest))[: len(kept)]
    assert all(asked.size >= OBJECT_BYTES for asked in kept)
    assert [asked.pod.uid for asked in recent.last(2)] == [asked.pod.uid for asked in kept[:2]]
