"""A plugin that fails or takes too long is left out, says so, and comes back when it works again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from extender.engine.audience import Audience
from extender.engine.breaker import BACK_OFF_MOST_S, BACK_OFF_S, STRIKES_MAX, Breaker, State
from extender.engine.profile import PolicySet, Seat, profile_of
from extender.framework import (
    PASSED,
    Code,
    Cycle,
    Filter,
    Normalize,
    Plugin,
    Pod,
    PreBind,
    PreFilter,
    Prepare,
    Rejection,
    Reserve,
    Score,
    Status,
)
from extender.framework.compiled import CompiledPlugin, compile_all
from extender.model.verdict import Phase
from extender.policy.modes import Canary
from extender.record.frames import Decision
from extender.telemetry import metrics
from tests.extender.engine.a_world import SeatsBook, World, a_pod

NODES = {"small": 2, "large": 8}
NAMES = list(NODES)
DEADLINE_NS = 20_000_000


class Mood:
    """What the moody plugins do now; `asked` counts how often one of them was asked."""

    fault = ""
    sleep_s = 0.0
    asked = 0


def moody(cycle: Cycle) -> Status:
    if not cycle.now_s:
        return PASSED  # while it is warmed
    Mood.asked += 1
    time.sleep(Mood.sleep_s)
    if Mood.fault:
        raise RuntimeError(Mood.fault)
    return Status(Code.UNSCHEDULABLE, "not in the mood") if Mood.sleep_s else PASSED


def prepared(cycle: Cycle) -> dict[str, Any]:
    moody(cycle)
    return {"weather": 0}


def never(node_capacity_cpu_milli: int, cycle_weather: int) -> int:
    return 1 if node_capacity_cpu_milli + cycle_weather < 4000 else 0


def by_size(node_capacity_cpu_milli: int, cycle_weather: int) -> int:
    return node_capacity_cpu_milli + cycle_weather


MOODY = Plugin(
    name="Moody",
    doc="As it likes.",
    pre_filter=PreFilter(moody),
    reserve=Reserve(
        take=lambda book, pod: book.leased.add(pod.uid), release=lambda book, uid: book.leased.discard(uid)
    ),
    book=SeatsBook,
)
FILTERING = Plugin(
    name="Filtering",
    doc="As it likes.",
    filter=Filter(never, (Rejection("small"),), prepare=Prepare(prepared, ("weather",))),
)
SCORING = Plugin(
    name="Scoring", doc="As it likes.", score=Score(by_size, Normalize.MIN_MAX, prepare=Prepare(prepared, ("weather",)))
)
BINDING = Plugin(name="Binding", doc="As it likes.", pre_bind=PreBind(moody))
MIXED = Plugin(
    name="Mixed",
    doc="Its filter works, its score as it likes.",
    pre_filter=PreFilter(lambda _cycle: PASSED),
    score=Score(by_size, Normalize.MIN_MAX, prepare=Prepare(prepared, ("weather",))),
)


def takes(_book: object, _pod: Pod) -> None:
    if Mood.fault:
        raise RuntimeError(Mood.fault)


TAKING = Plugin(
    name="Taking", doc="Promises as it likes.", reserve=Reserve(take=takes, release=lambda _book, _uid: None)
)
OURS = (MOODY, FILTERING, SCORING, BINDING, MIXED, TAKING)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture(scope="module")
def compiled(cache: Path) -> dict[str, CompiledPlugin]:
    return compile_all(OURS, cache)


@pytest.fixture
def world(cache: Path) -> Iterator[World]:
    Mood.fault, Mood.sleep_s, Mood.asked = "", 0.0, 0
    yield World(cache, NODES, more=OURS)
    Mood.fault, Mood.sleep_s = "", 0.0


def use(
    world: World,
    compiled: dict[str, CompiledPlugin],
    name: str,
    *,
    deadline_ns: int = 0,
    fails_closed: bool = False,
    args: Any = None,
) -> None:
    found = compiled[name]
    seat = Seat(
        found.plugin,
        found,
        args or found.plugin.args(),
        1,
        frozenset(Phase),
        deadline_ns=deadline_ns,
        fails_closed=fails_closed,
    )
    world.engine.activate(PolicySet("r", "h", "wide", {"*": profile_of("*", [seat])}))


def last(world: World) -> Decision:
    return [frame for frame in world.frames if isinstance(frame, Decision)][-1]


def skipped(world: World) -> list[tuple[str, str]]:
    return [(found.plugin, found.why) for found in last(world).skipped]


def breaker(world: World) -> dict[str, Any]:
    (found,) = world.engine.modes.breakers()
    return found


def test_a_plugin_that_raises_is_taken_out_after_three_calls_and_costs_nothing_after(
    world: World, compiled: dict[str, CompiledPlugin]
) -> None:
    use(world, compiled, "Moody")
    Mood.fault = "boom"
    for number in range(10):
        assert world.filter(a_pod(str(number)), NAMES)[0] == NAMES, "pods keep flowing"
    assert Mood.asked == STRIKES_MAX
    assert skipped(world) == [("Moody", "breaker open")]
    assert last(world).plugins == []
    assert (breaker(world)["state"], breaker(world)["lastError"]) == ("open", "RuntimeError: boom")
    assert metrics.REGISTRY.get_sample_value("trimtab_breaker_open", {"plugin": "Moody"}) == 1


def test_one_call_of_ten_times_the_deadline_is_enough(world: World, compiled: dict[str, CompiledPlugin]) -> None:
    use(world, compiled, "Moody", deadline_ns=DEADLINE_NS // 10)
    Mood.sleep_s = DEADLINE_NS / 1e9 + 0.001
    for number in range(3):
        assert world.filter(a_pod(str(number)), NAMES)[0] == NAMES
    assert Mood.asked == 1


def test_three_overruns_in_a_row_take_it_out(world: World, compiled: dict[str, CompiledPlugin]) -> None:
    use(world, compiled, "Moody", deadline_ns=DEADLINE_NS)
    Mood.sleep_s = DEADLINE_NS / 1e9 + 0.001
    for number in range(5):
        assert world.filter(a_pod(str(number)), NAMES)[0] == NAMES, "what came too late is not used"
    assert Mood.asked == STRIKES_MAX
    assert "its deadline is 20 ms" in breaker(world)["lastError"]


def test_failures_that_are_not_in_a_row_do_not_count(world: World, compiled: dict[str, CompiledPlugin]) -> None:
    use(world, compiled, "Moody")
    for number in range(12):
        Mood.fault = "boom" if number % 3 else ""
        world.filter(a_pod(str(number)), NAMES)
    assert Mood.asked == 12
    assert breaker(world)["state"] == "closed"


def test_a_filter_that_works_does_not_hide_a_score_that_fails(
    world: World, compiled: dict[str, CompiledPlugin]
) -> None:
    use(world, compiled, "Mixed")
    Mood.fault = "boom"
    for number in range(6):
        world.filter(a_pod(str(number)), NAMES)
        assert world.prioritize(a_pod(str(number)), NAMES) == dict.fromkeys(NAMES, 0)
    assert Mood.asked == STRIKES_MAX


def test_it_is_tried_again_after_the_back_off_and_stays_if_it_works(
    world: World, compiled: dict[str, CompiledPlugin]
) -> None:
    use(world, compiled, "Moody")
    Mood.fault = "boom"
    for number in range(3):
        world.filter(a_pod(str(number)), NAMES)
    world.now_s += BACK_OFF_S - 0.01
    world.filter(a_pod("early"), NAMES)
    assert Mood.asked == 3
    world.now_s += 0.01
    world.filter(a_pod("probe"), NAMES)
    assert (Mood.asked, breaker(world)["state"]) == (4, "open")
    world.now_s += BACK_OFF_S
    world.filter(a_pod("early"), NAMES)
    assert Mood.asked == 4, "it failed again, and waits twice as long"
    Mood.fault = ""
    world.now_s += BACK_OFF_S
    world.filter(a_pod("probe"), NAMES)
    assert (Mood.asked, breaker(world)["state"]) == (5, "closed")
    assert skipped(world) == []


def test_other_args_are_another_try(world: World, compiled: dict[str, CompiledPlugin]) -> None:
    use(world, compiled, "Moody")
    Mood.fault = "boom"
    for number in range(4):
        world.filter(a_pod(str(number)), NAMES)
    use(world, compiled, "Moody")
    world.filter(a_pod("a"), NAMES)
    assert Mood.asked == 3, "the same plugin as before"
    use(world, compiled, "Moody", deadline_ns=DEADLINE_NS)
    world.filter(a_pod("b"), NAMES)
    assert Mood.asked == 4


@pytest.mark.parametrize("name", ["Moody", "Filtering"])
def test_a_plugin_that_fails_closed_refuses_with_its_name_before_and_after_it_is_taken_out(
    name: str, world: World, compiled: dict[str, CompiledPlugin]
) -> None:
    use(world, compiled, name, fails_closed=True)
    Mood.fault = "boom"
    for number in range(3):
        passed, reasons = world.filter(a_pod(str(number)), NAMES)
        assert passed == []
        assert set(reasons.values()) == {f"{name} failed or took too long, and its policy says onFailure: closed"}
        assert last(world).plugins[-1].rejected == len(NAMES)
    passed, reasons = world.filter(a_pod("after"), NAMES)
    assert (passed, Mood.asked) == ([], STRIKES_MAX)
    assert set(reasons.values()) == {f"{name} is left out after failures, and its policy says onFailure: closed"}
    assert skipped(world) == [(name, "breaker open")]


def test_what_a_filter_said_too_late_is_replaced(world: World, compiled: dict[str, CompiledPlugin]) -> None:
    use(world, compiled, "Filtering")
    assert world.filter(a_pod("a"), NAMES)[0] == ["large"]
    use(world, compiled, "Filtering", deadline_ns=DEADLINE_NS)
    Mood.sleep_s = DEADLINE_NS / 1e9 + 0.001
    assert world.filter(a_pod("b"), NAMES)[0] == NAMES
    use(world, compiled, "Filtering", deadline_ns=DEADLINE_NS, fails_closed=True)
    assert world.filter(a_pod("c"), NAMES)[0] == []


def test_a_score_that_came_too_late_is_left_out_of_the_sum(world: World, compiled: dict[str, CompiledPlugin]) -> None:
    use(world, compiled, "Scoring", deadline_ns=DEADLINE_NS, fails_closed=True)
    assert world.prioritize(a_pod("a"), NAMES) == {"small": 0, "large": 100}
    Mood.sleep_s = DEADLINE_NS / 1e9 + 0.001
    assert world.prioritize(a_pod("b"), NAMES) == {"small": 0, "large": 0}


@pytest.mark.parametrize("fails_closed", [False, True])
def test_a_last_word_that_fails_lets_the_bind_by_or_refuses_it(
    fails_closed: bool,  # noqa: FBT001
    world: World,
    compiled: dict[str, CompiledPlugin],
) -> None:
    use(world, compiled, "Binding", fails_closed=fails_closed)
    Mood.fault = "boom"
    for number in range(5):
        pod = a_pod(str(number))
        world.filter(pod, NAMES)
        error = asyncio.run(world.bind(pod, "small"))
        assert error.startswith("Binding ") if fails_closed else not error
    assert Mood.asked == STRIKES_MAX


def test_what_it_had_promised_is_given_back_when_it_is_taken_out(
    world: World, compiled: dict[str, CompiledPlugin]
) -> None:
    use(world, compiled, "Moody")
    world.filter(a_pod("held"), NAMES)
    assert [lease["uid"] for lease in world.engine.leases()] == ["held"]
    Mood.fault = "boom"
    for number in range(STRIKES_MAX):
        world.filter(a_pod(str(number)), NAMES)
    world.engine.tick()
    assert world.engine.leases() == []
    assert world.engine.books.of("Moody").taken == set()  # type: ignore[union-attr]


def test_an_attempt_that_began_before_goes_on_without_it(world: World, compiled: dict[str, CompiledPlugin]) -> None:
    use(world, compiled, "Mixed")
    world.filter(a_pod("early"), NAMES)
    Mood.fault = "boom"
    for number in range(STRIKES_MAX):
        world.prioritize(a_pod(str(number)), NAMES)
    Mood.fault = ""
    assert world.prioritize(a_pod("early"), NAMES) == {"small": 0, "large": 0}
    assert Mood.asked == STRIKES_MAX


def test_an_attempt_of_a_canary_goes_on_without_what_was_taken_out_meanwhile(
    world: World, compiled: dict[str, CompiledPlugin]
) -> None:
    found = compiled["Mixed"]
    audience = Audience(Canary(namespaces=("ns",)))
    seat = Seat(found.plugin, found, found.plugin.args(), 1, frozenset(Phase), audience=audience)
    world.engine.activate(PolicySet("r", "h", "wide", {"*": profile_of("*", [seat])}))
    world.filter(a_pod("early"), NAMES)
    Mood.fault = "boom"
    for number in range(STRIKES_MAX):
        world.prioritize(a_pod(str(number)), NAMES)
    Mood.fault = ""
    assert world.prioritize(a_pod("early"), NAMES) == {"small": 0, "large": 0}
    assert skipped(world) == [("Mixed", "breaker open")]
    world.now_s += BACK_OFF_S
    assert world.prioritize(a_pod("new"), NAMES) == {"small": 0, "large": 100}


def test_a_promise_that_fails_now_and_then_is_no_failure_in_a_row(
    world: World, compiled: dict[str, CompiledPlugin]
) -> None:
    use(world, compiled, "Taking")
    for number in range(12):
        Mood.fault = "boom" if number % 3 else ""
        world.filter(a_pod(str(number)), NAMES)
    assert breaker(world)["state"] == "closed"
    Mood.fault = "boom"
    for number in range(20, 20 + STRIKES_MAX):
        world.filter(a_pod(str(number)), NAMES)
    assert breaker(world)["state"] == "open"
    Mood.fault = ""
    world.now_s += BACK_OFF_S
    world.filter(a_pod("probe"), NAMES)
    assert breaker(world)["state"] == "closed"


def test_a_quiet_question_is_not_timed(world: World, compiled: dict[str, CompiledPlugin]) -> None:
    use(world, compiled, "Moody", deadline_ns=DEADLINE_NS // 10)
    Mood.sleep_s = DEADLINE_NS / 1e9
    asyncio.run(world.engine.explain(a_pod("a"), None, None))
    world.engine.rehearse()
    assert world.engine.modes.breakers() == []


class BreakerMachine(RuleBasedStateMachine):
    """Against the rules as one would say them: lists of what happened, and nothing clever."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0
        self.changes = 0
        self.breaker = Breaker(lambda: self.now_s, self._changed)
        self.state = State.CLOSED
        self.in_a_row: dict[str, int] = {}
        self.opened_by = ""
        self.opened_s = 0.0
        self.wait_s = BACK_OFF_S

    def _changed(self) -> None:
        self.changes += 1

    def _opens(self, phase: str, wait_s: float) -> None:
        self.state, self.opened_by, self.opened_s = State.OPEN, phase, self.now_s
        self.wait_s, self.in_a_row = wait_s, {}

    @rule(phase=st.sampled_from(["filter", "score"]))
    def passes(self, phase: str) -> None:
        self.breaker.passed(phase)
        self.in_a_row.pop(phase, None)
        if self.state is State.HALF_OPEN and phase == self.opened_by:
            self.state = State.CLOSED

    @rule(phase=st.sampled_from(["filter", "score"]), at_once=st.booleans())
    def fails(self, phase: str, at_once: bool) -> None:  # noqa: FBT001
        self.breaker.failed(phase, "boom", at_once=at_once)
        if self.state is State.HALF_OPEN:
            self._opens(phase, min(2 * self.wait_s, BACK_OFF_MOST_S))
        elif self.state is State.CLOSED:
            self.in_a_row[phase] = self.in_a_row.get(phase, 0) + 1
            if at_once or self.in_a_row[phase] == STRIKES_MAX:
                self._opens(phase, BACK_OFF_S)

    @rule(step_s=st.floats(-400, 400))
    def time_steps(self, step_s: float) -> None:
        self.now_s += step_s
        self.breaker.try_again(self.now_s)
        if self.state is State.OPEN and not self.opened_s <= self.now_s < self.opened_s + self.wait_s:
            self.state = State.HALF_OPEN

    @precondition(lambda self: self.state is State.CLOSED and not self.in_a_row)
    @invariant()
    def a_plugin_that_works_costs_nothing(self) -> None:
        assert not self.breaker.listens

    @invariant()
    def it_stands_as_the_rules_say(self) -> None:
        assert self.breaker.state is self.state
        assert self.breaker.listens == (self.state is State.HALF_OPEN or bool(self.in_a_row))


BreakerMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestBreakerMachine = BreakerMachine.TestCase
