"""Own times of steps: nothing counted twice, no waiting counted, and a table that cannot fall behind."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.stepping import AFTER, TOTAL, NoSuchStep, Watch, install
from benchmarks.steptable import STEPS, Step


class Clock:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def program(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A server of three steps: read (which waits), decide with two rules inside, write; then a record."""
    module = types.ModuleType("a_program")

    class Waiting:
        def __await__(self) -> Any:
            yield None

    async def read(verb: str) -> str:
        clock.ns += 5
        await Waiting()
        clock.ns += 6
        return verb

    def rule(name: str) -> None:
        clock.ns += len(name)

    def decide() -> None:
        clock.ns += 100
        module.rule("ab")
        module.rule("abcd")
        module.rule("ab")

    def write() -> None:
        clock.ns += 1000

    def record() -> None:
        clock.ns += 20

    for function in (read, rule, decide, write, record):
        setattr(module, function.__name__, function)
    monkeypatch.setitem(sys.modules, "a_program", module)
    return module


TABLE = (
    Step("read", "a_program:read", begins=True, verb=lambda verb: verb),
    Step("rule", "a_program:rule", detail=lambda name: name),
    Step("decide", "a_program:decide"),
    Step("write", "a_program:write", ends=True),
    Step("record", "a_program:record"),
)


def call(program: types.ModuleType, verb: str, while_waiting: Callable[[], None] = lambda: None) -> None:
    reading = program.read(verb)
    reading.send(None)
    while_waiting()
    with pytest.raises(StopIteration):
        reading.send(None)
    program.decide()
    program.write()
    program.record()


def test_each_step_has_its_own_time_and_the_total_ends_with_the_answer(program: Any, clock: Clock) -> None:
    watch = Watch(clock)
    install(watch, TABLE)
    for _ in range(3):
        call(program, "filter")
    assert watch.medians() == {
        "filter": {
            "read": 11,
            "rule: ab": 4,
            "rule: abcd": 4,
            "decide": 100,
            "write": 1000,
            TOTAL: 11 + 108 + 1000,
            AFTER + "record": 20,
        }
    }


def test_waiting_is_nobodys_time(program: Any, clock: Clock) -> None:
    watch = Watch(clock)
    install(watch, TABLE)

    def wait() -> None:
        clock.ns += 5000

    call(program, "filter", wait)
    assert watch.medians()["filter"]["read"] == 11


def test_verbs_are_kept_apart_and_a_step_that_was_not_taken_counts_as_nothing(program: Any, clock: Clock) -> None:
    watch = Watch(clock)
    install(watch, TABLE)
    for verb in ("filter", "prioritize", "prioritize", "prioritize"):
        call(program, verb)
    program.read("prioritize").close()
    assert len(watch.calls["filter"]) == 1
    watch.calls["prioritize"][0]["rule: ab"] = 0
    watch.calls["prioritize"][1]["rule: ab"] = 0
    assert watch.medians()["prioritize"]["rule: ab"] == 0


def test_a_coroutine_hears_of_what_is_thrown_into_it(program: Any, clock: Clock) -> None:
    heard: list[str] = []

    class Waiting:
        def __await__(self) -> Any:
            yield None

    async def read(_verb: str) -> None:
        try:
            await Waiting()
        except KeyError:
            heard.append("thrown")
            raise

    program.read = read
    install(Watch(clock), TABLE)
    reading = program.read("filter")
    reading.send(None)
    with pytest.raises(KeyError):
        reading.throw(KeyError())
    assert heard == ["thrown"]


@pytest.mark.parametrize("place", ["a_program:gone", "no_such_program:read", "a_program:Gone.method"])
def test_a_step_that_is_gone_is_named(program: Any, clock: Clock, place: str) -> None:
    with pytest.raises(NoSuchStep, match=r"'lost': .*steptable"):
        install(Watch(clock), [Step("lost", place)])


def test_the_table_knows_where_a_call_begins_and_ends_and_which_verb_it_is() -> None:
    assert len([step for step in STEPS if step.begins]) == 1
    assert any(step.ends for step in STEPS)
    assert any(step.verb for step in STEPS)
    assert len({step.place for step in STEPS}) == len(STEPS)
