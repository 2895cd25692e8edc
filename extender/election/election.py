"""Claims the Lease and renews it; tells whether this replica leads, and runs what only the leader may do.

follows --claim written--> prepares --> leads --(renewals fail for renew_s, another holds it, shutdown)--> follows
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import UTC, datetime
from math import inf
from typing import Any, Protocol

from extender.election.claim import Claim
from extender.election.durations import JITTER, Durations
from extender.election.lease import LeaseStore, LeaseTrouble, Record
from extender.telemetry import metrics

# Work of the old term that is under way (binds above all) has so long to end before the Lease is let go.
QUIET_S, QUIET_POLL_S = 3.0, 0.01
BADGE_S = 1.0
RELEASE_TRIES = 3
_SOON_S = 0.01

log = logging.getLogger(__name__)

Works = Callable[[], Iterable[Coroutine[Any, Any, None]]]


CLOCK: Callable[[], float] = (
    functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)
"""Seconds, also those for which the machine slept: a leader that wakes up late must know it."""


class Wearer(Protocol):
    """Shows others who leads: Badge."""

    def wear(self, *, on: bool) -> None: ...

    async def settled(self, within_s: float) -> None: ...

    async def take_from(self, pod: str) -> None: ...

    async def run(self) -> None: ...


class Teller(Protocol):
    """Notices."""

    async def tell(self, note: str, wall_s: float) -> None: ...


class Election:
    """Build it on the event loop, keep `run` running, and `nudge` it when `ready` becomes true."""

    def __init__(
        self,
        lease: LeaseStore,
        replica: str,
        durations: Durations,
        *,
        ready: Callable[[], bool],
        badge: Wearer,
        notices: Teller,
        prepare: Callable[[], Awaitable[None]],
        ended: Callable[[], None],
        quiet: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = CLOCK,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`replica`: name of this one, its pod's; `ready`: whether it could lead now. `prepare` is awaited before each
        term, `ended` called at its end, in the same turn; `quiet`: nothing of the last term is under way any more."""
        self.identity = f"{replica}_{secrets.token_hex(4)}"
        self._lease = lease
        self._durations = durations
        self._claim = Claim(self.identity, durations)
        self._ready = ready
        self._badge, self._notices = badge, notices
        self._prepare, self._ended, self._quiet = prepare, ended, quiet
        self._clock, self._wall = clock, wall
        self._open_until_s = -inf
        self._term: asyncio.Event | None = None
        """Set when the term ends; None: this replica follows."""
        self._leads = asyncio.Event()
        self._nudged = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._since_s = wall()
        self._trouble = ""
        self._telling: set[asyncio.Task[None]] = set()
        metrics.LEADER.set(0)

    # What others ask.

    def closed(self) -> str | None:
        """Why this replica decides and does nothing now, or nothing; every call asks. By the clock, because the loop
        may have been held up: nobody acts on a claim whose time is over."""
        if self._clock() < self._open_until_s:
            return None
        seen = self._claim.seen
        holder = seen.holder if seen is not None and seen.holder != self.identity else ""
        return f"this replica of the extender does not lead; {holder or 'nobody that it knows of'} does"

    def nudge(self) -> None:
        """Look at the Lease now."""
        self._nudged.set()

    def status(self) -> dict[str, Any]:
        """For /configz."""
        seen = self._claim.seen
        return {
            "elected": True,
            "leads": self.closed() is None,
            "identity": self.identity,
            "lease": self._lease.name,
            "holder": seen.holder if seen else "",
            "since": datetime.fromtimestamp(self._since_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "renewedAt": seen.renewed if seen else "",
            "transitions": seen.transitions if seen else 0,
            "trouble": self._trouble,
        }

    async def while_leading(self, works: Works) -> None:
        """Run them in every term of this replica; they are cancelled at its end. Raises what they raise."""
        while True:
            await self._leads.wait()
            term = self._term
            if term is None:
                continue
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work) for work in works()]
                await term.wait()
                for task in tasks:
                    task.cancel()

    # Its life.

    async def run(self, stop: asyncio.Event) -> None:
        """Take part until `stop`; then stand down, and let the Lease go once everything is quiet."""
        badge = asyncio.create_task(self._badge.run())
        parts = [asyncio.create_task(self._take_part()), asyncio.create_task(self._listen())]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*parts, stopping], return_when=asyncio.FIRST_COMPLETED)
            for part in parts:
                if part.done():
                    part.result()
                part.cancel()
            await self._let_go()
        finally:
            self._claim.give_up()
            self._stand_down("it is shutting down")
            stopping.cancel()
            for part in (*parts, badge, *self._telling):
                part.cancel()

    async def _take_part(self) -> None:
        while True:
            try:
                wait_s = await self._step()
                self._trouble = ""
            except LeaseTrouble as trouble:
                if str(trouble) != self._trouble:
                    log.warning("the election cannot go on: %s", trouble)
                self._trouble = str(trouble)
                wait_s = self._retry_s()
            self._check()
            await self._pause(wait_s)

    async def _step(self) -> float:
        """Read where that is needed, claim where that is due; seconds until the next one. Raises LeaseTrouble."""
        claim = self._claim
        if not claim.leads(self._clock()):
            await self._look()
        for _again in range(2):
            if not claim.leads(self._clock()) and not self._ready():
                return self._retry_s()
            if claim.seen is None:
                await self._lease.create(self._timeout_s())
                await self._look()
            began_s = self._clock()
            record = claim.claimed(began_s, self._wall())
            if record is None:
                return max(_SOON_S, min(self._retry_s(), claim.free_s() - began_s))
            former = claim.seen.holder if claim.seen else ""
            written = await self._lease.write(record, self._timeout_s())
            if written is not None:
                claim.won(written, began_s)
                await self._lead(former)
                return self._retry_s()
            # The Lease is not as it was: somebody was faster, or has edited or deleted it.
            metrics.LEASE_CONFLICTS.inc()
            await self._look()
            self._check()
        return _SOON_S

    async def _look(self) -> None:
        before = self._claim.seen
        record = await self._lease.read(self._timeout_s())
        self._claim.saw(record, self._clock())
        holder = record.holder if record is not None else ""
        if holder not in ("", self.identity, before.holder if before else ""):
            log.info("lease %s is held by %s", self._lease.name, holder)

    async def _listen(self) -> None:
        """What is only a hint: that the Lease has changed. Without it the Lease is looked at every retry period."""
        while True:
            try:
                async for _change in self._lease.changes():
                    if self._term is None:
                        self.nudge()
            except LeaseTrouble as trouble:
                log.debug("lease %s is not watched: %s", self._lease.name, trouble)
            await asyncio.sleep(self._retry_s())

    # A term.

    async def _lead(self, former: str) -> None:
        claim = self._claim
        if self._term is None:
            try:
                await self._prepare()
            except Exception:  # what it would have brought up to date stays as it is; somebody has to lead
                log.exception("not everything could be prepared for leading")
            if not claim.leads(self._clock()):
                return
            self._begin(former)
        self._open_until_s = claim.until_s
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(claim.until_s - self._clock(), self._check)

    def _begin(self, former: str) -> None:
        seen: Record | None = self._claim.seen
        self._term = asyncio.Event()
        self._leads.set()
        self._since_s = self._wall()
        metrics.LEADER.set(1)
        metrics.LEADER_TRANSITIONS.labels("leads").inc()
        self._badge.wear(on=True)
        whom = f", after {former}" if former and former != self.identity else ""
        log.info(
            "%s leads: lease %s, transition %d%s",
            self.identity,
            self._lease.name,
            seen.transitions if seen else 0,
            whom,
        )
        self._tell(f"{self.identity} leads{whom}")
        if former and former != self.identity:
            self._later(self._badge.take_from(former.rpartition("_")[0]))

    def _check(self) -> None:
        """Whether the term is over. The timer may be early, and the loop late."""
        now_s = self._clock()
        if self._term is None:
            return
        if not self._claim.leads(now_s):
            seen = self._claim.seen
            other = seen.holder if seen is not None and seen.holder != self.identity else ""
            renew_s = self._durations.renew_s
            self._stand_down(
                f"{other} holds the lease"
                if other
                else f"the lease could not be renewed for {renew_s:g} s: {self._trouble or 'no answer'}"
            )
        elif self._timer is not None and self._timer.when() <= asyncio.get_running_loop().time():
            self._timer = asyncio.get_running_loop().call_later(self._claim.until_s - now_s, self._check)

    def _stand_down(self, why: str) -> None:
        self._open_until_s = -inf
        term, self._term = self._term, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if term is None:
            return
        self._leads.clear()
        term.set()
        self._since_s = self._wall()
        metrics.LEADER.set(0)
        metrics.LEADER_TRANSITIONS.labels("follows").inc()
        log.warning("%s does not lead any more: %s", self.identity, why)
        self._ended()
        self._badge.wear(on=False)
        self._tell(f"{self.identity} does not lead any more: {why}")

    async def _let_go(self) -> None:
        """The next one may lead at once; if that cannot be said, once the Lease has run out."""
        self._claim.give_up()
        self._stand_down("it is shutting down")
        until_s = self._clock() + QUIET_S
        while not self._quiet() and self._clock() < until_s:  # noqa: ASYNC110 - it is nobody's event
            await asyncio.sleep(QUIET_POLL_S)
        try:
            for _try in range(RELEASE_TRIES):
                record = self._claim.released(self._wall())
                if record is None:
                    break
                if await self._lease.write(record, self._timeout_s()) is not None:
                    log.info("lease %s is let go", self._lease.name)
                    break
                await self._look()
        except LeaseTrouble as trouble:
            log.warning("lease %s could not be let go, and runs out by itself: %s", self._lease.name, trouble)
        await self._badge.settled(BADGE_S)
        if self._telling:
            await asyncio.wait(self._telling, timeout=BADGE_S)

    # Time.

    def _timeout_s(self) -> float:
        """Half the deadline: one answer that does not come leaves time for another try. Never beyond the term."""
        most_s = self._durations.renew_s / 2
        left_s = self._claim.until_s - self._clock()
        return min(most_s, left_s) if left_s > 0 else most_s

    def _retry_s(self) -> float:
        return self._durations.retry_s * random.uniform(1.0, JITTER)  # noqa: S311 - spreads replicas, keeps no secret

    async def _pause(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._nudged.wait()
        except TimeoutError:
            return
        finally:
            self._nudged.clear()

    def _tell(self, note: str) -> None:
        self._later(self._notices.tell(note, self._wall()))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
