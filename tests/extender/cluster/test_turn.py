"""Turns are short, taken one after the other, and given back."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from extender.cluster.seen import Seen
from extender.cluster.turn import Turn


def test_workers_of_one_queue_take_turns_and_others_run_in_between() -> None:
    rounds: list[str] = []

    async def work(name: str, queue: asyncio.Lock) -> None:
        # A turn of no length is over at once.
        turn = Turn(queue, 0.0)
        async with turn:
            for _ in range(20):
                rounds.append(name)
                assert turn.is_over
                await turn.rest()

    async def others() -> None:
        while True:
            rounds.append("others")
            await asyncio.sleep(0)

    async def run() -> None:
        queue = asyncio.Lock()
        other = asyncio.create_task(others())
        await asyncio.gather(*(work(name, queue) for name in "abc"))
        other.cancel()

    asyncio.run(run())
    assert all("others" in pair for pair in pairwise(rounds)), "one turn in each round of the loop"
    worked = [name for name in rounds if name != "others"]
    assert worked[:9] == list("abcabcabc")


def test_a_long_turn_is_not_over_at_once() -> None:
    async def run() -> None:
        async with Turn(asyncio.Lock(), 60.0) as turn:
            assert not turn.is_over

    asyncio.run(run())


def test_a_worker_that_is_cancelled_between_two_turns_leaves_the_queue_to_others() -> None:
    async def work(turn: Turn) -> None:
        async with turn:
            while True:
                await turn.rest()

    async def run() -> None:
        queue = asyncio.Lock()
        gone, waits = (asyncio.create_task(work(Turn(queue, 0.0))) for _ in range(2))
        for _ in range(7):
            await asyncio.sleep(0)
        for task in (gone, waits):
            task.cancel()
        await asyncio.gather(gone, waits, return_exceptions=True)
        assert not queue.locked()

    asyncio.run(run())


@given(st.lists(st.text(max_size=3)), st.lists(st.text(max_size=3)))
def test_seen_is_a_set(named: list[str], asked: list[str]) -> None:
    seen = Seen()
    for key in named:
        seen.add(key)
    assert all((key in seen) == (key in set(named)) for key in [*named, *asked])
