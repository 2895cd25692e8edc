"""Terms as they are lived: begun, renewed, lost, let go; on a Lease in memory whose line can be cut."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from extender.election.durations import Durations
from extender.election.election import Election
from extender.election.lease import LeaseTrouble, Record
from extender.telemetry.metrics import REGISTRY

QUICK = Durations(lease_s=2, renew_s=0.4, retry_s=0.05)
WITHIN_S = 30.0
STEP_MOST_S = 0.02


class Steady:
    """A clock that does not count the time for which this machine was busy with others: terms end as told only."""

    def __init__(self) -> None:
        self._real_s = time.monotonic()
        self._now_s = 0.0

    def __call__(self) -> float:
        real_s = time.monotonic()
        self._now_s += min(real_s - self._real_s, STEP_MOST_S)
        self._real_s = real_s
        return self._now_s


class Lease:
    """A LeaseStore that several replicas share."""

    name = "ns/lease"

    def __init__(self, record: Record | None) -> None:
        self.record = record
        self.cut: set[str] = set()
        """Holders whose writes fail; and "*": everybody's calls."""
        self.clock = Steady()
        self._version = 0
        self._news = asyncio.Event()

    async def read(self, _timeout_s: float) -> Record | None:
        self._line("*")
        return self.record

    async def create(self, _timeout_s: float) -> None:
        self._line("*")
        if self.record is None:
            self.put(Record(""))

    async def write(self, record: Record, _timeout_s: float) -> Record | None:
        self._line(record.holder)
        if self.record is None or self.record.version != record.version:
            return None
        return self.put(record)

    async def changes(self) -> AsyncIterator[None]:
        while True:
            await self._news.wait()
            yield None

    def put(self, record: Record) -> Record:
        self._version += 1
        self.record = replace(record, version=str(self._version))
        self._news.set()
        self._news = asyncio.Event()
        return self.record

    def _line(self, who: str) -> None:
        if self.cut & {"*", who}:
            raise LeaseTrouble("no answer")


class Badge:
    def __init__(self) -> None:
        self.on = False
        self.taken_from: list[str] = []

    def wear(self, *, on: bool) -> None:
        self.on = on

    async def settled(self, _within_s: float) -> None:
        pass

    async def take_from(self, pod: str) -> None:
        self.taken_from.append(pod)

    async def run(self) -> None:
        await asyncio.Event().wait()


class Replica:
    """One taker, and what it was told to do."""

    def __init__(self, lease: Lease, name: str) -> None:
        self.ready = True
        self.busy = False
        self.badge = Badge()
        self.notes: list[str] = []
        self.story: list[str] = []
        self.stop = asyncio.Event()
        self.election = Election(
            lease,
            name,
            QUICK,
            ready=lambda: self.ready,
            badge=self.badge,
            notices=self,
            prepare=self._prepare,
            ended=lambda: self.story.append("ended"),
            quiet=lambda: not self.busy,
            clock=lease.clock,
        )

    async def tell(self, note: str, _wall_s: float) -> None:
        self.notes.append(note)

    async def _prepare(self) -> None:
        self.story.append("prepared" if self.election.closed() else "prepared too late")

    async def work(self) -> None:
        self.story.append("works")
        try:
            await asyncio.Event().wait()
        finally:
            self.story.append("ceases")

    def works(self) -> list[Coroutine[Any, Any, None]]:
        return [self.work()]

    @property
    def leads(self) -> bool:
        return self.election.closed() is None


async def until(what: str, condition: Callable[[], object]) -> None:
    """Raises TimeoutError; `what` is there to be read in its trace."""
    async with asyncio.timeout(WITHIN_S):
        while not condition():  # noqa: ASYNC110 - conditions have no event
            await asyncio.sleep(0.005)
    assert condition(), what


RELEASED = Record("0", duration_s=1)
Story = Callable[[Lease, Replica, Replica], Awaitable[None]]


def lived(story: Story, record: Record | None = RELEASED) -> None:
    """`story` with a lease and two replicas that take part, a first."""

    async def whole() -> None:
        lease = Lease(record)
        a, b = Replica(lease, "a"), Replica(lease, "b")
        runs: list[asyncio.Task[Any]] = []
        for each in (a, b):
            runs += [
                asyncio.create_task(each.election.run(each.stop)),
                asyncio.create_task(each.election.while_leading(each.works)),
            ]
            if each is a and record is RELEASED:
                await until("a leads", lambda: a.leads)
        try:
            await story(lease, a, b)
        finally:
            for run in runs:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)

    asyncio.run(whole())


def test_a_term_is_prepared_before_it_begins_and_what_runs_in_it_ends_with_it() -> None:
    async def story(lease: Lease, a: Replica, b: Replica) -> None:
        await until("a works", lambda: "works" in a.story)
        assert (a.story, a.badge.on, b.badge.on, b.leads) == (["prepared", "works"], True, False, False)
        await until("b knows who leads", lambda: a.election.identity in (b.election.closed() or ""))

        lease.cut.add(a.election.identity)
        await until("a stands down", lambda: not a.leads)
        await until("its work ends", lambda: "ceases" in a.story)
        assert a.story == ["prepared", "works", "ended", "ceases"]
        assert not a.badge.on
        assert not b.leads, "the lease has not run out yet"
        await until("b leads", lambda: b.leads)
        await until("the old label goes", lambda: b.badge.taken_from == ["a"])
        await until("it is told", lambda: "could not be renewed" in a.notes[-1])

    lived(story)


def test_who_shuts_down_lets_go_only_when_its_binds_are_done_and_the_next_one_leads_at_once() -> None:
    async def story(lease: Lease, a: Replica, b: Replica) -> None:
        a.busy = True
        a.stop.set()
        await until("a stands down", lambda: not a.leads)
        await asyncio.sleep(0.2)
        assert not b.leads
        assert lease.record is not None
        assert lease.record.holder == a.election.identity
        a.busy = False
        await until("b leads", lambda: b.leads)
        assert lease.record.transitions == 2

    lived(story)


def test_who_sees_anothers_name_stands_down_at_once() -> None:
    async def story(lease: Lease, a: Replica, b: Replica) -> None:
        b.ready = False
        assert lease.record is not None
        lease.put(replace(lease.record, holder="c", duration_s=100))
        await until("a stands down", lambda: not a.leads)
        await until("it is told", lambda: "c holds the lease" in a.notes[-1])
        assert "c does" in (a.election.closed() or "")

    lived(story)


def test_who_is_not_ready_does_not_claim_and_claims_as_soon_as_it_is() -> None:
    async def story(lease: Lease, a: Replica, b: Replica) -> None:
        b.ready = False
        a.stop.set()
        await until("a has let go", lambda: lease.record is not None and lease.record.is_released)
        await asyncio.sleep(0.2)
        assert not b.leads
        b.ready = True
        b.election.nudge()
        await until("b leads", lambda: b.leads)

    lived(story)


def test_a_lease_that_is_not_there_is_made_and_waited_out() -> None:
    async def story(lease: Lease, a: Replica, b: Replica) -> None:
        began_s = asyncio.get_running_loop().time()
        await until("one leads", lambda: a.leads or b.leads)
        assert asyncio.get_running_loop().time() - began_s >= QUICK.lease_s
        assert not (a.leads and b.leads)

    lived(story, record=None)


def test_a_leader_whose_lease_was_deleted_leads_on() -> None:
    async def story(lease: Lease, a: Replica, b: Replica) -> None:
        lease.record = None
        await until(
            "it is there again", lambda: lease.record is not None and lease.record.holder == a.election.identity
        )
        assert a.leads
        assert "ended" not in a.story
        assert not b.leads

    lived(story)


def test_who_leads_is_told_by_the_metrics() -> None:
    def transitions(to: str) -> float:
        return REGISTRY.get_sample_value("trimtab_leader_transitions_total", {"to": to}) or 0.0

    before = transitions("leads"), transitions("follows")

    async def story(lease: Lease, a: Replica, b: Replica) -> None:
        b.ready = False
        await until("a leads", lambda: a.leads)
        lease.cut.add("*")
        await until("nobody leads", lambda: not a.leads)
        assert REGISTRY.get_sample_value("trimtab_leader") == 0.0
        lease.cut.clear()
        await until("a leads again", lambda: a.leads)
        assert REGISTRY.get_sample_value("trimtab_leader") == 1.0

    lived(story)
    assert transitions("leads") - before[0] == 2
    assert transitions("follows") - before[1] == 2  # the end of the test is one
