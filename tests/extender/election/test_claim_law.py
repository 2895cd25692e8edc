"""Two replicas on one Lease are never both active, whatever delays, lost answers, edits and clocks do.

The API server here is a table with optimistic locking. Every request may reach it late or never, every answer may come
late, twice overtaken, or never, also after its sender has given up; processes stall; wall clocks jump as they like; the
Lease is deleted and edited by hand. What is given is only that the monotonic clocks run at the same pace.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from extender.election.claim import Claim
from extender.election.durations import Durations
from extender.election.lease import Record

DURATIONS = Durations(lease_s=15, renew_s=10.0, retry_s=2.0)
REPLICAS = ("a", "b", "c")
PENDING_MOST = 6
"""Of one replica. What is older is lost."""


class Server:
    """The Lease at the API server: a write that changes nothing keeps the version, as there."""

    def __init__(self) -> None:
        self._version = 0
        self.lease: Record | None = None

    def put(self, record: Record) -> Record:
        if self.lease is None or replace(record, version="") != replace(self.lease, version=""):
            self._version += 1
            self.lease = replace(record, version=str(self._version))
        return self.lease

    def write(self, record: Record) -> Record | None:
        if self.lease is None or self.lease.version != record.version:
            return None
        return self.put(record)


class Line(Enum):
    FINE = "fine"
    MUTE = "requests arrive, answers do not"
    CUT = "nothing arrives"


@dataclass(eq=False)
class Request:
    """On its way to the server, or its answer on its way back."""

    began_s: float
    record: Record | None = None
    """None: a read."""
    arrived: bool = False
    answer: Record | None = None


@dataclass
class Replica:
    claim: Claim
    offset_s: float
    """Its monotonic clock against the true time."""
    wall_s: float = 1.8e9
    wall_stands: bool = False
    line: Line = Line.FINE
    requests: list[Request] = field(default_factory=list)


class Replicas(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.server = Server()
        self.replicas: dict[str, Replica] = {}
        self.orphans: list[Request] = []
        """Of processes that were killed."""

    @initialize(offsets=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3), there=st.booleans())
    def begin(self, offsets: list[float], there: bool) -> None:  # noqa: FBT001 - drawn by name
        for name, offset_s in zip(REPLICAS, offsets, strict=True):
            self.replicas[name] = Replica(Claim(name, DURATIONS), offset_s)
        if there:
            self.server.put(Record(""))

    def clock(self, replica: Replica) -> float:
        return self.now_s + replica.offset_s

    # What replicas do.

    @rule(
        names=st.lists(st.sampled_from(REPLICAS), min_size=1, max_size=3, unique=True),
        steps=st.integers(1, 60),
        step_s=st.sampled_from([0.25, 0.5, 1.0, 2.0]),
    )
    def live(self, names: list[str], steps: int, step_s: float) -> None:
        """They read and claim, again and again, as their lines let them; the others stall."""
        for _ in range(steps):
            self.time_passes(step_s)
            for name in names:
                replica = self.replicas[name]
                if not replica.claim.leads(self.clock(replica)):
                    self._send(replica, None)
                record = replica.claim.claimed(self.clock(replica), replica.wall_s)
                if record is not None:
                    self._send(replica, record)
                self.at_most_one_leads()

    @rule(name=st.sampled_from(REPLICAS))
    def shut_down_and_release(self, name: str) -> None:
        replica = self.replicas[name]
        replica.claim.give_up()
        record = replica.claim.released(replica.wall_s)
        if record is not None:
            self._send(replica, record)

    @rule(name=st.sampled_from(REPLICAS), clock_s=st.floats(-1e6, 1e6))
    def is_killed_and_started_anew(self, name: str, clock_s: float) -> None:
        """Another process, with an identity and a clock of its own; what the old one sent is still on its way."""
        replica = self.replicas[name]
        self.orphans += replica.requests
        self.replicas[name] = Replica(Claim(f"{replica.claim.identity}'", DURATIONS), clock_s, replica.wall_s)

    # What the network does.

    @rule(name=st.sampled_from(REPLICAS), line=st.sampled_from(Line))
    def line_changes(self, name: str, line: Line) -> None:
        self.replicas[name].line = line

    @rule(name=st.sampled_from(REPLICAS), which=st.integers(0, 9))
    def arrives(self, name: str, which: int) -> None:
        requests = self.replicas[name].requests
        if requests:
            self._arrive(requests[which % len(requests)])

    @rule(which=st.integers(0, 9))
    def arrives_after_its_sender_has_gone(self, which: int) -> None:
        if self.orphans:
            self._arrive(self.orphans[which % len(self.orphans)])

    @rule(name=st.sampled_from(REPLICAS), which=st.integers(0, 9))
    def is_answered(self, name: str, which: int) -> None:
        replica = self.replicas[name]
        answers = [request for request in replica.requests if request.arrived]
        if answers:
            request = answers[which % len(answers)]
            replica.requests.remove(request)
            self._answer(replica, request)

    # What time and people do.

    @rule(step_s=st.one_of(st.floats(0.01, 20.0), st.sampled_from([9.999, 10.0, 14.999, 15.0])))
    def time_passes(self, step_s: float) -> None:
        self.now_s += step_s
        for replica in self.replicas.values():
            replica.wall_s += 0.0 if replica.wall_stands else step_s

    @rule(name=st.sampled_from(REPLICAS), by_s=st.floats(-1e5, 1e5))
    def wall_clock_jumps(self, name: str, by_s: float) -> None:
        self.replicas[name].wall_s += by_s

    @rule(name=st.sampled_from(REPLICAS))
    def wall_clock_stands(self, name: str) -> None:
        self.replicas[name].wall_stands = True

    @rule()
    def lease_is_deleted(self) -> None:
        self.server.lease = None

    @rule()
    def lease_is_made_anew(self) -> None:
        if self.server.lease is None:
            self.server.put(Record(""))

    @rule()
    def holder_is_edited_away(self) -> None:
        if self.server.lease is not None and not self.server.lease.is_released:
            self.server.put(replace(self.server.lease, holder=""))

    # The law.

    @invariant()
    def at_most_one_leads(self) -> None:
        leaders = [name for name, each in self.replicas.items() if each.claim.leads(self.clock(each))]
        assert len(leaders) <= 1, leaders

    def _send(self, replica: Replica, record: Record | None) -> None:
        request = Request(self.clock(replica), record)
        replica.requests.append(request)
        del replica.requests[:-PENDING_MOST]
        if replica.line is not Line.CUT:
            self._arrive(request)
        if replica.line is Line.FINE:
            replica.requests.remove(request)
            self._answer(replica, request)

    def _arrive(self, request: Request) -> None:
        if not request.arrived:
            request.arrived = True
            request.answer = self.server.lease if request.record is None else self.server.write(request.record)

    def _answer(self, replica: Replica, request: Request) -> None:
        if request.record is None:
            replica.claim.saw(request.answer, self.clock(replica))
        elif request.answer is not None:
            replica.claim.won(request.answer, request.began_s)


TestReplicas = Replicas.TestCase
TestReplicas.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def a_claim(name: str = "a") -> Claim:
    return Claim(name, DURATIONS)


def test_a_lease_that_was_let_go_is_free_at_once_and_one_that_names_nobody_after_the_whole_duration() -> None:
    claim = a_claim()
    claim.saw(Record("1", holder="", duration_s=1, renewed="x"), 100.0)
    assert claim.claimed(100.0, 0.0) is not None
    claim.saw(Record("2"), 100.0)
    assert claim.claimed(114.9, 0.0) is None
    assert claim.claimed(115.0, 0.0) is not None
    claim.saw(None, 200.0)
    assert claim.free_s() == inf


def test_a_leader_leads_from_the_beginning_of_its_write_and_not_from_its_answer() -> None:
    claim = a_claim()
    claim.won(Record("1", holder="a"), began_s=100.0)
    assert claim.leads(109.9)
    assert not claim.leads(110.0)


def test_the_duration_that_counts_is_the_holders_within_reason() -> None:
    claim = a_claim()
    claim.saw(Record("1", holder="b", duration_s=30), 0.0)
    assert claim.free_s() == 30.0
    claim.saw(Record("2", holder="b", duration_s=10**9), 0.0)
    assert claim.free_s() == 600.0


def test_every_renewal_changes_the_lease_even_where_the_wall_clock_stands() -> None:
    claim = a_claim()
    claim.saw(Record("1", holder="a", duration_s=15, renewed="2027-01-15T08:00:00.000000Z"), 0.0)
    record = claim.claimed(0.0, 1_800_000_000.0)
    assert record is not None
    assert record.renewed > "2027-01-15T08:00:00.000000Z"


def test_durations_that_would_let_two_lead_or_none_are_refused() -> None:
    assert not DURATIONS.problems()
    assert "longer than --leader-elect-renew-deadline" in Durations(lease_s=10, renew_s=10.0).problems()[0]
    assert "--leader-elect-retry-period" in Durations(lease_s=15, renew_s=2.0, retry_s=2.0).problems()[0]
