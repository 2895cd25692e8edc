from __future__ import annotations

import asyncio

from extender.policy.chores import Chores
from extender.telemetry import metrics


def failures(what: str) -> float:
    return metrics.REGISTRY.get_sample_value("trimtab_policy_write_failures_total", {"what": what}) or 0


def test_chores_are_done_in_order_and_trouble_with_one_does_not_stop_the_next() -> None:
    done: list[int] = []
    before = failures("a")

    async def story() -> None:
        chores = Chores()
        for number in range(4):

            async def work(number: int = number) -> None:
                done.append(number)
                if number == 1:
                    raise ValueError("no")

            chores.add("a", work)
        await chores.done()

    asyncio.run(story())
    assert done == [0, 1, 2, 3]
    assert failures("a") == before + 1


def test_when_too_many_wait_the_oldest_is_dropped_and_counted() -> None:
    done: list[int] = []
    before = failures("b")

    async def story() -> None:
        chores = Chores(waiting_max=2)
        for number in range(5):

            async def work(number: int = number) -> None:
                done.append(number)

            chores.add("b", work)
        await chores.done()

    asyncio.run(story())
    assert done == [3, 4]
    assert failures("b") == before + 3


def test_closing_gives_up_on_a_chore_that_hangs() -> None:
    async def story() -> None:
        chores = Chores()

        async def hang() -> None:
            await asyncio.Event().wait()

        chores.add("c", hang)
        await chores.close(within_s=0.01)
        await Chores().close()

    asyncio.run(story())
