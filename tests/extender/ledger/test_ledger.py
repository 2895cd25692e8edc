"""Every promise ends exactly once, and what was charged is given back exactly when it did not end in a binding."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from extender.ledger.ledger import Ended, Lease, LeaseState, Ledger
from extender.model.pod import Pod

UIDS = st.sampled_from(["u1", "u2", "u3", "u4"])
PLUGINS = st.sets(st.sampled_from(["A", "B"]), min_size=1)
TTL_S = 10.0


def a_pod(uid: str) -> Pod:
    return Pod(namespace="ns", name=uid, uid=uid)


def a_ledger() -> tuple[Ledger, list[tuple[str, str]], list[tuple[str, Ended]]]:
    given_back: list[tuple[str, str]] = []
    ended: list[tuple[str, Ended]] = []
    ledger = Ledger(
        lambda plugin, uid: given_back.append((plugin, uid)),
        lambda lease, why: ended.append((lease.uid, why)),
        TTL_S,
    )
    return ledger, given_back, ended


def test_a_bound_pod_keeps_what_was_charged():
    ledger, given_back, ended = a_ledger()
    ledger.take(a_pod("u1"), "d-1", ["A"], 0.0)
    ledger.confirm("u1")
    assert (given_back, ended, len(ledger)) == ([], [("u1", Ended.BOUND)], 0)


def test_releasing_twice_gives_back_once():
    ledger, given_back, ended = a_ledger()
    ledger.take(a_pod("u1"), "d-1", ["A", "B"], 0.0)
    ledger.release("u1", Ended.BIND_FAILED)
    ledger.release("u1", Ended.DELETED)
    assert given_back == [("A", "u1"), ("B", "u1")]
    assert ended == [("u1", Ended.BIND_FAILED)]


def test_a_lease_that_is_being_bound_never_expires():
    ledger, given_back, _ended = a_ledger()
    ledger.take(a_pod("u1"), "d-1", ["A"], 0.0)
    ledger.binding("u1", "node-1")
    assert ledger.expire(1e9) == 0
    assert given_back == []


def test_an_older_failure_of_the_pod_does_not_end_a_newer_promise():
    ledger, _given_back, ended = a_ledger()
    ledger.take(a_pod("u1"), "d-1", ["A"], 100.7)
    ledger.release_before("u1", 99, Ended.UNSCHEDULABLE)
    assert "u1" in ledger
    ledger.release_before("u1", 100, Ended.UNSCHEDULABLE)
    assert ended == [("u1", Ended.UNSCHEDULABLE)]


def test_switching_a_plugin_off_leaves_what_others_promised():
    ledger, given_back, ended = a_ledger()
    ledger.take(a_pod("u1"), "d-1", ["A", "B"], 0.0)
    ledger.take(a_pod("u2"), "d-2", ["A"], 0.0)
    assert ledger.drop_plugin("A") == 2
    assert given_back == [("A", "u1"), ("A", "u2")]
    assert ended == [("u2", Ended.DISABLED)]
    assert [(lease.uid, lease.plugins) for lease in ledger.all()] == [("u1", {"B"})]


class LedgerMachine(RuleBasedStateMachine):
    """A model that only counts: charges taken minus charges given back equals charges held."""

    def __init__(self) -> None:
        super().__init__()
        self.charged: Counter[tuple[str, str]] = Counter()
        self.kept: Counter[str] = Counter()
        self.open: Counter[str] = Counter()
        self.now_s = 0.0
        self.ledger = Ledger(self._give_back, self._ended, TTL_S)

    def _give_back(self, plugin: str, uid: str) -> None:
        self.charged[plugin, uid] -= 1
        assert self.charged[plugin, uid] == 0, "given back twice"

    def _ended(self, lease: Lease, why: Ended) -> None:
        self.open[lease.uid] -= 1
        assert self.open[lease.uid] == 0, "ended twice"
        if why is Ended.BOUND:
            for plugin in lease.plugins:
                self.charged[plugin, lease.uid] -= 1

    @rule(uid=UIDS, plugins=PLUGINS)
    def filter_passes(self, uid: str, plugins: set[str]) -> None:
        lease = self.ledger.get(uid)
        if lease is not None and lease.state is LeaseState.BINDING:
            return
        self.ledger.release(uid, Ended.REFILTERED)
        for plugin in plugins:
            self.charged[plugin, uid] += 1
        self.open[uid] += 1
        self.ledger.take(a_pod(uid), "d", plugins, self.now_s)

    @rule(uid=UIDS)
    def bind_begins(self, uid: str) -> None:
        self.ledger.binding(uid, "node-1")

    @rule(uid=UIDS)
    def bound(self, uid: str) -> None:
        self.ledger.confirm(uid)

    @rule(uid=UIDS, why=st.sampled_from([Ended.BIND_FAILED, Ended.DELETED]))
    def ends_badly(self, uid: str, why: Ended) -> None:
        self.ledger.release(uid, why)

    @rule(after_s=st.floats(0, 20))
    def time_passes(self, after_s: float) -> None:
        self.now_s += after_s
        self.ledger.expire(self.now_s)
        assert all(x.state is LeaseState.BINDING or x.expires_s > self.now_s for x in self.ledger.all())

    @rule(plugin=st.sampled_from(["A", "B"]))
    def plugin_is_switched_off(self, plugin: str) -> None:
        self.ledger.drop_plugin(plugin)

    @invariant()
    def what_is_held_is_what_was_charged(self) -> None:
        held = {(plugin, lease.uid) for lease in self.ledger.all() for plugin in lease.plugins}
        assert held == {key for key, count in self.charged.items() if count}


TestLedgerLaw = LedgerMachine.TestCase
TestLedgerLaw.settings = settings(deadline=None)
