"""A time-boxed entry counts from its first moment to before its last, by the clock at the time of the decision."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.record.frames import Decision
from tests.extender.engine.a_world import World, a_pod

NODES = {"small": 2, "large": 8}
NAMES = list(NODES)
BEGIN, END = 2000.0, 3000.0
SCORED, NOT_SCORED = {"small": 0, "large": 100}, {"small": 0, "large": 0}


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(scope="module")
def shared(cache: Path) -> World:
    return World(cache, NODES)


@pytest.fixture
def world(cache: Path) -> World:
    return World(cache, NODES)


def at(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat().replace("+00:00", "Z")


def boxed(name: str, begin_s: float = BEGIN, end_s: float = END) -> str:
    entry = f"{{name: {name}, from: {at(begin_s)}, until: {at(end_s)}}}"
    return f"profiles: [{{plugins: {{multiPoint: {{enabled: [{entry}]}}}}}}]"


def decision(world: World, uid: str) -> tuple[dict[str, int], list[str]]:
    """(scores, why anybody was left out) of a new attempt."""
    pod = a_pod(uid)
    world.filter(pod, NAMES)
    scores = world.prioritize(pod, NAMES)
    last = world.frames[-1]
    assert isinstance(last, Decision)
    return scores, [found.why for found in last.skipped]


@pytest.mark.parametrize(
    ("now_s", "counts", "why"),
    [
        (BEGIN - 0.001, False, ["not yet"]),
        (BEGIN, True, []),
        (END - 0.001, True, []),
        (END, False, ["expired"]),
        (END + 1e9, False, ["expired"]),
    ],
)
def test_it_counts_from_its_first_moment_to_before_its_last(
    world: World,
    now_s: float,
    counts: bool,  # noqa: FBT001
    why: list[str],
) -> None:
    world.use_text(boxed("Biggest"))
    world.now_s = now_s
    assert decision(world, "a") == (SCORED if counts else NOT_SCORED, why)


@given(st.lists(st.floats(BEGIN - 2000, END + 2000), min_size=1, max_size=8))
def test_only_the_clock_of_the_decision_counts_wherever_it_stepped_before(shared: World, clock: list[float]) -> None:
    """No tick in between: nothing but the call itself looks at the clock."""
    shared.use_text(boxed("Biggest"))
    for number, now_s in enumerate(clock):
        shared.now_s = now_s
        assert decision(shared, f"p{number}")[0] == (SCORED if BEGIN <= now_s < END else NOT_SCORED)


@given(st.floats(BEGIN - 10, END + 10))
def test_a_restart_within_the_box_changes_nothing(shared: World, now_s: float) -> None:
    shared.now_s = now_s
    shared.use_text(boxed("Biggest"))
    before = decision(shared, "a")
    shared.use_text(boxed("Biggest"))  # as a restart reads it again
    assert decision(shared, "b") == before


def test_who_asks_without_a_pod_sees_what_counts_now(world: World) -> None:
    world.use_text(boxed("Biggest"))
    seats = []
    for world.now_s in (BEGIN - 1, BEGIN, END):
        world.engine.tick()
        seats.append([seat.name for seat in world.engine.policy.profile_for("default-scheduler").seats])
    assert seats == [[], ["Biggest"], []]


def test_a_policy_that_somebody_holds_on_to_goes_by_the_moment_that_is_asked_for(world: World) -> None:
    world.use_text(boxed("Biggest"))
    world.now_s = BEGIN
    world.engine.tick()
    held = world.engine.policy
    names = [[seat.name for seat in held.for_pod(a_pod("a"), at_s).seats] for at_s in (BEGIN, END - 1, END)]
    assert names == [["Biggest"], ["Biggest"], []]


def test_what_was_promised_is_given_back_at_the_end(world: World) -> None:
    world.use_text(boxed("Seats"))
    world.now_s = END - 1
    world.filter(a_pod("a"), NAMES)
    assert len(world.engine.leases()) == 1
    world.now_s = END
    world.engine.tick()
    assert world.engine.leases() == []
    assert world.engine.books.of("Seats").taken == set()  # type: ignore[union-attr]


def test_an_attempt_that_began_within_the_box_is_finished_by_its_plugin(world: World) -> None:
    world.use_text(boxed("Biggest"))
    world.now_s = END - 0.01
    world.filter(a_pod("a"), NAMES)
    world.now_s = END + 0.01
    assert world.prioritize(a_pod("a"), NAMES) == SCORED
    assert decision(world, "a") == (NOT_SCORED, ["expired"])


def test_an_attempt_that_began_before_the_box_is_finished_without_its_plugin(world: World) -> None:
    world.use_text(boxed("Seats"))
    world.now_s = BEGIN - 0.01
    world.filter(a_pod("a"), NAMES)
    world.now_s = BEGIN + 0.01
    assert asyncio.run(world.bind(a_pod("a"), "small")) == ""
    assert [type(frame).__name__ for frame in world.frames].count("Outcome") == 1
    assert world.engine.leases() == []


def test_two_boxes_after_one_another_swap_one_plugin_for_the_other(world: World) -> None:
    first = f"{{name: Seats, until: {at(END)}}}"
    second = f"{{name: Biggest, from: {at(END)}}}"
    world.use_text(f"profiles: [{{plugins: {{multiPoint: {{enabled: [{first}, {second}]}}}}}}]")
    for world.now_s, on in ((END - 1, ["Seats"]), (END, ["Biggest"]), (END - 1, ["Seats"])):
        world.filter(a_pod("a"), NAMES)
        assert [seat.name for seat in world.engine.policy.profile_for("default-scheduler").seats] == on
