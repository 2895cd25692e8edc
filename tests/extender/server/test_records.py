"""Records are made behind the answers, when the line is quiet; all of them, in order, and never many at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from extender.engine.verdicts import BindVerdict, FilterVerdict, ScoreVerdict
from extender.model.pod import Pod
from extender.record.frames import Decision, Frame, PodRef
from extender.server.app import SchedulerApp, scheduler_app
from extender.server.records import TOGETHER
from extender.server.verbs import Verbs
from tests.contract.a_stand_in import StandInEngine, a_table
from tests.extender.server.a_caller import asked
from tests.extender.server.test_verbs import BIND, BY_NAME, NAMES


class Recording(StandInEngine):
    """Numbers its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def frame(self, verb: str) -> Any:
        self.calls += 1
        number = self.calls
        pod = PodRef("ns", "p", "u")
        return lambda: Decision(at_us=number, decision=str(number), attempt=1, verb=verb, pod=pod)

    def decide(self, pod: Pod, names: Sequence[str], rows: Any, now_s: float) -> FilterVerdict:
        verdict = super().decide(pod, names, rows, now_s)
        verdict.make_frame = self.frame("filter")
        return verdict

    def prioritize(self, pod: Pod, names: Sequence[str], rows: Any, now_s: float) -> ScoreVerdict:
        verdict = super().prioritize(pod, names, rows, now_s)
        verdict.make_frame = self.frame("prioritize")
        return verdict

    async def bind(self, *args: Any) -> BindVerdict:
        return BindVerdict(make_frame=self.frame("bind"))


@pytest.fixture
def frames() -> list[Frame]:
    return []


@pytest.fixture
def app(frames: list[Frame]) -> SchedulerApp:
    return scheduler_app(Verbs(Recording(), a_table(NAMES), offer=frames.append))


async def call(app: SchedulerApp, verb: str) -> None:
    answered = await asked(app, "POST", f"/{verb}", [BIND if verb == "bind" else BY_NAME])
    assert answered is not None
    assert answered.status == 200


def numbers(frames: list[Frame]) -> list[int]:
    return [frame.at_us for frame in frames]


def test_every_record_is_made_in_the_order_of_the_answers(app: SchedulerApp, frames: list[Frame]) -> None:
    async def calls() -> None:
        for _ in range(50):
            await call(app, "filter")
            await call(app, "prioritize")
        async with asyncio.timeout(10):
            while len(frames) < 100:  # noqa: ASYNC110 - nobody tells when a frame is made
                await asyncio.sleep(0.001)

    asyncio.run(calls())
    assert numbers(frames) == list(range(1, 101))


def test_where_calls_never_pause_only_so_much_waits(
    app: SchedulerApp, frames: list[Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, calls = 20, 100
    answer = Verbs(StandInEngine(), a_table(NAMES)).call("filter", BY_NAME)
    monkeypatch.setattr("extender.server.records.OWED_BYTES", kept * (len(BY_NAME) + len(answer.body)))

    async def call_on_and_on() -> None:
        for made in range(1, calls + 1):
            await call(app, "filter")
            waiting = made - len(frames)
            assert waiting <= kept
            assert waiting > min(made, kept) - TOGETHER
        app.records.make_all()

    asyncio.run(call_on_and_on())
    assert numbers(frames) == list(range(1, calls + 1))


@pytest.mark.parametrize("verb", ["bind", "preempt"])
def test_what_came_before_is_recorded_before_what_comes_after_a_cycle(
    verb: str, app: SchedulerApp, frames: list[Frame]
) -> None:
    async def calls() -> None:
        await call(app, "filter")
        await call(app, "prioritize")
        assert frames == []
        await asked(app, "POST", f"/{verb}", [BIND])
        assert numbers(frames)[:2] == [1, 2]

    asyncio.run(calls())


def test_at_the_end_nothing_is_owed(app: SchedulerApp, frames: list[Frame]) -> None:
    async def calls() -> None:
        await call(app, "filter")
        assert frames == []
        app.records.make_all()

    asyncio.run(calls())
    assert numbers(frames) == [1]
