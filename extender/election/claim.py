"""One replica's view of the Lease: whether it leads, and when it may claim. Values and clocks only, nothing is sent.

Never two at once, because

    who leads, does so only for `renew_s` from the moment at which its last successful write was *begun*
    who waits, claims only after it has seen one and the same state of the Lease for the holder's whole `lease_s`
    a claim replaces exactly that state, or fails (optimistic locking)

so that the one's time is over, by `lease_s - renew_s`, before the other's begins. Clocks of different machines are
never compared; they must only run at the same pace. A Lease that names nobody is waited out like a held one: whoever
held one that was deleted may not know it yet. Only one that its holder let go is free at once.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from extender.election.durations import LEASE_MOST_S, Durations
from extender.election.lease import RELEASED_S, Record
from extender.policy.events import micro_time


class Claim:
    """`now_s`: a clock that never goes back and counts the time for which the machine slept."""

    def __init__(self, identity: str, durations: Durations) -> None:
        """`identity`: of this process alone; a restart has another."""
        self.identity = identity
        self._durations = durations
        self.seen: Record | None = None
        self._seen_s = inf
        """Since when it has been seen as it is."""
        self.until_s = -inf
        """Before that moment this replica leads."""
        self._given_up = False

    def leads(self, now_s: float) -> bool:
        return now_s < self.until_s

    def saw(self, record: Record | None, now_s: float) -> None:
        """The Lease as it was read; `now_s`: when the answer was there."""
        before = self.seen
        self.seen = record
        if record is None:
            self._seen_s = inf
            return
        if before is None or before.version != record.version:
            self._seen_s = now_s
        if record.holder not in ("", self.identity):
            self.until_s = -inf

    def free_s(self) -> float:
        """From when on this replica may claim the Lease, if it stays as it was seen."""
        record = self.seen
        if record is None:
            return inf
        if record.holder == self.identity or record.is_released:
            return -inf
        return self._seen_s + min(record.duration_s or self._durations.lease_s, LEASE_MOST_S)

    def claimed(self, now_s: float, wall_s: float) -> Record | None:
        """What to write in order to lead, or to lead on; None: it is not this replica's turn. `wall_s`: for people."""
        record = self.seen
        if record is None or self._given_up or not (self.leads(now_s) or now_s >= self.free_s()):
            return None
        mine = record.holder == self.identity
        stamp = micro_time(wall_s)
        while stamp == record.renewed:  # a write that changes nothing is none: nobody would see it
            wall_s += 1e-6
            stamp = micro_time(wall_s)
        return Record(
            version=record.version,
            holder=self.identity,
            duration_s=self._durations.lease_s,
            acquired=record.acquired if mine else stamp,
            renewed=stamp,
            transitions=record.transitions if mine else record.transitions + 1,
        )

    def won(self, written: Record, began_s: float) -> None:
        """The claim was written; `began_s`: before it was sent."""
        self.seen, self._seen_s = written, began_s
        if not self._given_up:
            self.until_s = max(self.until_s, began_s + self._durations.renew_s)

    def give_up(self) -> None:
        """For good: from now on this replica does not lead, whatever answers are still on their way."""
        self._given_up = True
        self.until_s = -inf

    def released(self, wall_s: float) -> Record | None:
        """After `give_up`: what to write so that another may lead at once; None: the Lease is not this replica's."""
        record = self.seen
        if record is None or record.holder != self.identity or not self._given_up:
            return None
        return replace(record, holder="", duration_s=RELEASED_S, renewed=micro_time(wall_s))
