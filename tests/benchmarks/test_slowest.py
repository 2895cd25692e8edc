"""What the slowest calls wait for: told of the slowest alone, and not of those that warm up."""

from __future__ import annotations

from benchmarks.slowest import PAUSE_NS, WARMING, Calls, Reading


class Thread:
    """Readings as a test sets them."""

    def __init__(self) -> None:
        self.now = Reading(PAUSE_NS, 0, 0, 0)

    def __call__(self) -> Reading:
        return self.now

    def runs(self, clock_ns: int, core_ns: int, waited: int = 0, ousted: int = 0) -> None:
        now = self.now
        self.now = Reading(now.clock_ns + clock_ns, now.core_ns + core_ns, now.waited + waited, now.ousted + ousted)


def answered(calls: Calls, thread: Thread, clock_ns: int, core_ns: int, waited: int = 0, ousted: int = 0) -> None:
    calls.begin()
    thread.runs(clock_ns, core_ns, waited, ousted)
    calls.end("filter")
    thread.runs(5_000, 5_000)


def test_the_slowest_hundredth_is_told_apart() -> None:
    thread = Thread()
    calls = Calls(thread)
    for _ in range(WARMING):
        answered(calls, thread, 1_000, 1_000)
    for _ in range(198):
        answered(calls, thread, 100_000, 90_000)
    for _ in range(2):
        answered(calls, thread, 900_000, 100_000, waited=1, ousted=2)
    told = calls.told()["filter"]
    assert told["slowest"] == {"clock_us": 900.0, "core_us": 100.0, "waited": 1.0, "ousted": 2.0}
    assert told["all"] == {"clock_us": 108.0, "core_us": 90.1, "waited": 0.01, "ousted": 0.02}


def test_the_first_calls_behind_a_pause_count_for_nobody() -> None:
    thread = Thread()
    calls = Calls(thread)
    for _ in range(2):
        thread.runs(PAUSE_NS + 1, 0)
        for _ in range(WARMING):
            answered(calls, thread, 900_000, 900_000)
        for _ in range(3):
            answered(calls, thread, 100_000, 100_000)
    assert calls.told()["filter"]["slowest"]["clock_us"] == 100.0


def test_a_call_that_did_not_begin_here_is_not_told() -> None:
    calls = Calls(Thread())
    calls.end("filter")
    assert calls.told() == {}
