"""The four verbs when things go wrong, and what is counted and recorded of them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from extender.engine.verdicts import BindVerdict, FilterVerdict, PreemptVerdict, ScoreVerdict, Victims
from extender.record.frames import Decision, Frame, PodRef
from extender.server.answer import REASON_CHARS_MAX, Answer
from extender.server.verbs import VERBS, Verbs, VerbSettings
from extender.telemetry.metrics import REGISTRY
from extender.wire.kernels import COMPILED
from tests.contract.a_stand_in import StandInEngine, a_call, a_table

POD = {"metadata": {"name": "p", "namespace": "ns", "uid": "u"}}
NAMES = ["a", "b", "c"]
ITEMS = [{"metadata": {"name": name}} for name in NAMES]
BY_NAME = json.dumps({"Pod": POD, "Nodes": None, "NodeNames": NAMES}).encode()
BY_OBJECT = json.dumps({"Pod": POD, "Nodes": {"items": ITEMS}, "NodeNames": None}).encode()
PREEMPT = json.dumps(
    {
        "Pod": POD,
        "NodeNameToVictims": None,
        "NodeNameToMetaVictims": {
            "a": {"Pods": [{"UID": "x"}, {"UID": "y"}], "NumPDBViolations": 1},
            "b": {"Pods": [], "NumPDBViolations": 0},
            "c": None,
        },
    }
).encode()
BIND = json.dumps({"PodName": "p", "PodNamespace": "ns", "PodUID": "u", "Node": "a"}).encode()
BODIES = {"filter": BY_NAME, "prioritize": BY_NAME, "preempt": PREEMPT, "bind": BIND}
NEUTRAL = {
    "filter": {"NodeNames": [], "FailedNodes": {}, "FailedAndUnresolvableNodes": {}},
    "prioritize": [{"Host": name, "Score": 0} for name in NAMES],
    "preempt": {"NodeNameToMetaVictims": {}},
    "bind": {},
}


class Scripted(StandInEngine):
    """Answers each verb as told; a function is called, so that it may raise."""

    def __init__(self, **script: Callable[[], Any]) -> None:
        super().__init__()
        self._script = script
        self.deadline_s = 0.0

    def decide(self, *args: Any) -> FilterVerdict:
        return self._script["filter"]() if "filter" in self._script else super().decide(*args)

    def prioritize(self, *args: Any) -> ScoreVerdict:
        return self._script["prioritize"]() if "prioritize" in self._script else super().prioritize(*args)

    def preempt(self, *args: Any) -> PreemptVerdict:
        return self._script["preempt"]() if "preempt" in self._script else super().preempt(*args)

    async def bind(self, *args: Any) -> BindVerdict:
        self.deadline_s = args[4]
        return self._script["bind"]() if "bind" in self._script else await super().bind(*args)


def settle(verbs: Verbs, answer: Answer) -> None:
    """All that follows an answer."""
    verbs.count(answer)
    verbs.record(answer)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def breaking() -> Any:
    raise RuntimeError("the engine fell over")


def without_error(verb: str, body: bytes) -> Any:
    found = json.loads(body)
    if verb in ("filter", "bind"):
        found.pop("Error")
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_a_malformed_body_is_400_with_no_body_and_a_reason(verb: str) -> None:
    engine = StandInEngine()
    answer = a_call(Verbs(engine, a_table(NAMES)), verb, b'{"Pod":')
    assert (answer.status, answer.body) == (400, b"")
    assert answer.reason
    assert not engine.pods
    assert not engine.bound


def test_the_reason_is_one_short_printable_line() -> None:
    body = json.dumps({"Pod": POD, "Nodes": 5, "NodeNames": {"\n\u00e9" * 300: 1}}).encode()
    for hostile in (body, b'{"PodName":"a\nb"}', b"\xff" * 5000):
        reason = Verbs(StandInEngine(), a_table([])).call("filter", hostile).reason
        assert reason.isascii()
        assert reason.isprintable()
        assert len(reason) <= REASON_CHARS_MAX


@pytest.mark.parametrize("verb", VERBS)
def test_an_engine_that_raises_is_answered_neutrally_and_counted(verb: str) -> None:
    before = counted("trimtab_internal_faults_total", verb=verb)
    verbs = Verbs(Scripted(**{verb: breaking}), a_table(NAMES))
    answer = a_call(verbs, verb, BODIES[verb])
    assert answer.status == 200
    assert without_error(verb, answer.body) == NEUTRAL[verb]
    if verb in ("filter", "bind"):
        assert "internal fault" in json.loads(answer.body)["Error"]
    assert counted("trimtab_internal_faults_total", verb=verb) == before + 1


@pytest.mark.parametrize("verb", VERBS)
def test_a_closed_gate_is_answered_neutrally_and_the_engine_is_not_asked(verb: str) -> None:
    engine = StandInEngine()
    verbs = Verbs(engine, a_table(NAMES), active=lambda: "the cluster cache is not synced yet")
    answer = a_call(verbs, verb, BODIES[verb])
    assert answer.status == 200
    assert without_error(verb, answer.body) == NEUTRAL[verb]
    if verb in ("filter", "bind"):
        assert json.loads(answer.body)["Error"] == "the cluster cache is not synced yet"
    assert not engine.pods
    assert not engine.bound
    assert a_call(verbs, verb, b"{").status == 400


@pytest.mark.parametrize("verb", VERBS)
def test_a_replica_that_does_not_lead_refuses_without_a_body_and_ends_the_connection(verb: str) -> None:
    engine = StandInEngine()
    why = "this replica of the extender does not lead"
    verbs = Verbs(engine, a_table(NAMES), active=lambda: why, elsewhere=lambda: why)
    before = counted("trimtab_requests_refused_total", reason="not leading")
    answer = a_call(verbs, verb, BODIES[verb])
    assert (answer.status, answer.body, answer.reason, answer.close) == (503, b"", why, True)
    assert not engine.pods
    assert not engine.bound
    verbs.count(answer)
    assert counted("trimtab_requests_refused_total", reason="not leading") == before + 1


@pytest.mark.parametrize(
    "verdict",
    [
        FilterVerdict(np.zeros(2, np.int16), []),
        FilterVerdict(np.zeros(3, np.int64), []),
        FilterVerdict(np.array([0, 1, 0], np.int16), []),
        FilterVerdict(np.zeros(3, np.int16), [], error="the quota book is broken"),
    ],
    ids=["too short", "wrong kind", "reason missing", "says so"],
)
@pytest.mark.parametrize("body", [BY_NAME, BY_OBJECT], ids=["names", "objects"])
def test_a_broken_filter_verdict_fails_the_cycle_in_words(verdict: FilterVerdict, body: bytes) -> None:
    answer = json.loads(Verbs(Scripted(filter=lambda: verdict), a_table(NAMES)).call("filter", body).body)
    assert answer["Error"]
    assert not verdict.error or answer["Error"] == verdict.error
    assert not answer["FailedNodes"]
    assert answer.get("NodeNames") == [] or answer["Nodes"]["items"] == []


@pytest.mark.parametrize("totals", [np.zeros(2, np.int64), np.zeros(3, np.float64)])
def test_broken_totals_become_equal_zeros_for_every_host(totals: Any) -> None:
    verbs = Verbs(Scripted(prioritize=lambda: ScoreVerdict(totals)), a_table(NAMES))
    assert json.loads(verbs.call("prioritize", BY_NAME).body) == NEUTRAL["prioritize"]


def test_preempt_keeps_the_order_sent_and_drops_nodes_without_victims() -> None:
    kept = {"a": Victims(("y", "x"), 7), "b": Victims(()), "c": Victims(())}
    answer = Verbs(Scripted(preempt=lambda: PreemptVerdict(kept)), a_table([])).call("preempt", PREEMPT)
    assert json.loads(answer.body) == {
        "NodeNameToMetaVictims": {"a": {"Pods": [{"UID": "x"}, {"UID": "y"}], "NumPDBViolations": 7}}
    }


@pytest.mark.parametrize("kept", [{"stranger": Victims(("x",))}, {"a": Victims(("x", "stranger"))}])
def test_preempt_never_answers_a_node_or_a_victim_that_was_not_sent(kept: dict[str, Victims]) -> None:
    before = counted("trimtab_internal_faults_total", verb="preempt")
    answer = Verbs(Scripted(preempt=lambda: PreemptVerdict(kept)), a_table([])).call("preempt", PREEMPT)
    assert json.loads(answer.body) == NEUTRAL["preempt"]
    assert counted("trimtab_internal_faults_total", verb="preempt") == before + 1


def test_preempt_names_pods_that_a_plugin_added_in_the_plugins_order() -> None:
    verdict = PreemptVerdict({"a": Victims(("added", "y"), 1), "b": Victims(())}, added={"added"})
    answer = Verbs(Scripted(preempt=lambda: verdict), a_table([])).call("preempt", PREEMPT)
    assert json.loads(answer.body) == {
        "NodeNameToMetaVictims": {"a": {"Pods": [{"UID": "added"}, {"UID": "y"}], "NumPDBViolations": 1}}
    }


def test_preempt_names_no_victim_twice() -> None:
    verdict = PreemptVerdict({"a": Victims(("added", "added"))}, added={"added"})
    answer = Verbs(Scripted(preempt=lambda: verdict), a_table([])).call("preempt", PREEMPT)
    assert json.loads(answer.body) == NEUTRAL["preempt"]


def test_bind_passes_on_the_engines_words_and_its_deadline() -> None:
    engine = Scripted(bind=lambda: BindVerdict("slot taken"))
    verbs = Verbs(engine, a_table([]), clock=lambda: 1000.0, settings=VerbSettings(bind_timeout_s=3.0))
    assert json.loads(a_call(verbs, "bind", BIND).body) == {"Error": "slot taken"}
    assert engine.deadline_s == 1003.0


def test_node_objects_are_told_once_and_counted_each_time(caplog: pytest.LogCaptureFixture) -> None:
    before = counted("trimtab_node_object_requests_total", verb="filter")
    verbs = Verbs(StandInEngine(), a_table(NAMES))
    with caplog.at_level(logging.WARNING):
        verbs.call("filter", BY_NAME)
        assert not caplog.records
        verbs.call("filter", BY_OBJECT)
        verbs.call("filter", BY_OBJECT)
    assert len([r for r in caplog.records if "nodeCacheCapable" in r.message]) == 1
    assert counted("trimtab_node_object_requests_total", verb="filter") == before + 2


def test_faults_in_a_row_are_all_counted_but_told_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    now = [100.0]
    verbs = Verbs(Scripted(filter=breaking), a_table(NAMES), clock=lambda: now[0])
    for now[0] in (100.0, 100.1, 100.9, 101.0, 101.5):
        verbs.call("filter", BY_NAME)
    assert len([r for r in caplog.records if "internal fault" in r.message]) == 2


def a_decision() -> Decision:
    return Decision(at_us=1, decision="d", attempt=1, verb="filter", pod=PodRef("ns", "p", "u"))


def test_the_record_is_built_after_the_answer_and_carries_its_times() -> None:
    frames: list[Frame] = []
    built: list[int] = []

    def frame() -> Decision:
        built.append(1)
        return a_decision()

    ticks = iter(range(0, 10_000_000, 1000))
    verdict = FilterVerdict(np.zeros(3, np.int16), [], make_frame=frame)
    verbs = Verbs(Scripted(filter=lambda: verdict), a_table(NAMES), offer=frames.append, ticks=lambda: next(ticks))
    answer = verbs.call("filter", BY_NAME)
    assert not built
    settle(verbs, answer)
    (found,) = frames
    assert isinstance(found, Decision)
    assert found.duration_us == answer.duration_ns / 1000 > 0
    assert 0 < found.decode_us < found.duration_us
    assert 0 < found.encode_us < found.duration_us


def test_a_record_that_cannot_be_built_is_counted_and_costs_nothing_else() -> None:
    before = counted("trimtab_internal_faults_total", verb="record")
    verdict = FilterVerdict(np.zeros(3, np.int16), [], make_frame=breaking)
    verbs = Verbs(Scripted(filter=lambda: verdict), a_table(NAMES))
    settle(verbs, verbs.call("filter", BY_NAME))
    assert counted("trimtab_internal_faults_total", verb="record") == before + 1


@pytest.mark.parametrize("verb", ["filter", "prioritize"])
def test_what_is_asked_behind_an_answer_is_asked_once_and_may_break(verb: str) -> None:
    asked: list[str] = []

    def behind() -> None:
        asked.append(verb)
        breaking()

    verdicts = {
        "filter": FilterVerdict(np.zeros(3, np.int16), [], behind=behind),
        "prioritize": ScoreVerdict(np.zeros(3, np.int64), behind=behind),
    }
    before = counted("trimtab_internal_faults_total", verb="shadow")
    verbs = Verbs(Scripted(**{verb: lambda: verdicts[verb]}), a_table(NAMES))
    answer = verbs.call(verb, BODIES[verb])
    assert asked == []
    verbs.look_aside(answer)
    verbs.look_aside(answer)
    assert asked == [verb]
    assert counted("trimtab_internal_faults_total", verb="shadow") == before + 1


def test_calls_are_counted_with_their_nodes_and_bytes() -> None:
    def read() -> list[float]:
        return [
            counted("trimtab_requests_total", verb="filter", code="200"),
            counted("trimtab_candidate_nodes_total", verb="filter"),
            counted("trimtab_feasible_nodes_total", verb="filter"),
            counted("trimtab_unknown_nodes_total", verb="filter"),
            counted("trimtab_request_bytes_total", verb="filter"),
            counted("trimtab_answer_bytes_total", verb="filter"),
            counted("trimtab_request_duration_seconds_count", verb="filter"),
            counted("trimtab_requests_total", verb="filter", code="400"),
            counted("trimtab_requests_refused_total", reason="malformed"),
        ]

    engine = StandInEngine()
    engine.code = lambda name: int(name == "b")  # type: ignore[method-assign]
    verbs = Verbs(engine, a_table(["a", "b"]))
    before = read()
    good, bad = verbs.call("filter", BY_NAME), verbs.call("filter", b"{}")
    settle(verbs, good)
    settle(verbs, bad)
    rise = [after - was for after, was in zip(read(), before, strict=True)]
    assert rise == [1, 3, 2, 1, len(BY_NAME) + 2, len(good.body), 2, 1, 1]


class Changing(StandInEngine):
    """Every node passes; `now` moves when something happens."""

    now = 0

    def moment(self) -> tuple[object, ...]:
        return (self.now,)

    @staticmethod
    def code(name: str) -> int:
        return 0


@pytest.mark.skipif(not COMPILED, reason="NUMBA_DISABLE_JIT: nothing is scored ahead by the plain reader")
def test_scores_that_were_made_ahead_are_counted_by_what_became_of_them() -> None:
    engine = Changing()
    verbs = Verbs(engine, a_table(NAMES))
    expected = json.dumps(json.loads(BY_NAME), separators=(",", ":")).encode()
    another = expected.replace(b'"a","b","c"', b'"c","b","a"')

    def asked(body: bytes, *, ahead: bool = True, happens: int = 0) -> str:
        before = {result: counted("trimtab_scored_ahead_total", result=result) for result in RESULTS}
        answer = verbs.call("filter", expected)
        if ahead:
            verbs.score_ahead(answer)
        engine.now += happens
        answered = verbs.call("prioritize", body)
        assert json.loads(answered.body) == [
            {"Host": name, "Score": engine.score(name)} for name in json.loads(body)["NodeNames"]
        ]
        changed = [
            result for result in RESULTS if counted("trimtab_scored_ahead_total", result=result) != before[result]
        ]
        assert len(changed) == 1
        return changed[0]

    assert asked(expected) == "ready"
    assert asked(expected, happens=1) == "stale"
    assert asked(another) == "other"
    assert asked(expected, ahead=False) == "none"


RESULTS = ("ready", "stale", "other", "none")
