"""A hold ends exactly once, and what is late is found in time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from extender.ledger.holds import Hold, HoldEnded, Holds
from extender.model.pod import Pod

Ended = list[tuple[str, HoldEnded]]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture
def ended() -> Ended:
    return []


@pytest.fixture
def holds(ended: Ended) -> Holds:
    return Holds(lambda hold, why: ended.append((hold.pod.uid, why)), at_most=3)


def a_hold(loop: asyncio.AbstractEventLoop, uid: str, group: str = "g", deadline_s: float = 10.0) -> Hold:
    pod = Pod(namespace="ns", name=uid, uid=uid)
    return Hold(pod, "node", "Gangs", group, "others", "d-1", 0.0, deadline_s, loop.create_future())


def test_a_hold_ends_once(loop: asyncio.AbstractEventLoop, holds: Holds, ended: Ended) -> None:
    hold = a_hold(loop, "a")
    holds.begin(hold)
    assert holds.end(hold, HoldEnded.REJECTED, "no")
    assert not holds.end(hold, HoldEnded.RELEASED)
    assert ended == [("a", HoldEnded.REJECTED)]
    assert (hold.error, hold.ended.result(), len(holds)) == ("no", HoldEnded.REJECTED, 0)
    assert holds.of_group("Gangs", "g") == []


def test_groups_of_different_plugins_and_names_are_apart(loop: asyncio.AbstractEventLoop, holds: Holds) -> None:
    a, b, other = a_hold(loop, "a"), a_hold(loop, "b"), a_hold(loop, "c", group="h")
    for hold in (a, b, other):
        holds.begin(hold)
    assert holds.of_group("Gangs", "g") == [a, b]
    assert holds.of_group("Gangs", "h") == [other]
    assert holds.of_group("Others", "g") == []
    assert holds.is_full


def test_late_holds_come_earliest_first_and_once(loop: asyncio.AbstractEventLoop, holds: Holds) -> None:
    late, later, ended_before = a_hold(loop, "a", deadline_s=5), a_hold(loop, "b", deadline_s=3), a_hold(loop, "c")
    for hold in (late, later, ended_before):
        holds.begin(hold)
    holds.end(ended_before, HoldEnded.RELEASED)
    assert holds.late(2.9) == []
    assert holds.late(10) == [later, late]
    assert holds.late(10) == []


def test_ended_holds_do_not_pile_up_behind_far_deadlines(loop: asyncio.AbstractEventLoop, holds: Holds) -> None:
    for i in range(1000):
        hold = a_hold(loop, str(i), deadline_s=1e9)
        holds.begin(hold)
        holds.end(hold, HoldEnded.RELEASED)
    assert len(holds._deadlines) <= 64
