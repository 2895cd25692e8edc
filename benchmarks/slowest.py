"""What the slowest calls of a server wait for: between the head of a call and its answer, seen from inside."""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter_ns, thread_time_ns
from typing import Final

SHARE: Final = 0.01
"""The slowest hundredth is what p99 tells of."""
PAUSE_NS: Final = 10_000_000
"""Behind so long a pause another server has had its turn: the calls that follow warm up."""
WARMING: Final = 8
"""Calls of both verbs that count for nobody, as the client has it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one thread. Nanoseconds of the clock and of the core, and how often it has left the core."""

    clock_ns: int
    core_ns: int
    waited: int
    """Because it had to wait: for the interpreter, above all."""
    ousted: int
    """Because another one was let onto it."""

    def since(self, before: Reading) -> Reading:
        return Reading(
            self.clock_ns - before.clock_ns,
            self.core_ns - before.core_ns,
            self.waited - before.waited,
            self.ousted - before.ousted,
        )


def read() -> Reading:
    """Of the thread that asks."""
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return Reading(perf_counter_ns(), thread_time_ns(), used.ru_nvcsw, used.ru_nivcsw)


class Calls:
    """Of one connection, one at a time."""

    def __init__(self, read: Callable[[], Reading] = read) -> None:
        self._read = read
        self._began: Reading | None = None
        self._answered_ns = 0
        self._warming = WARMING
        self._by_verb: dict[str, list[Reading]] = {}

    def begin(self) -> None:
        self._began = now = self._read()
        if now.clock_ns - self._answered_ns > PAUSE_NS:
            self._warming = WARMING

    def end(self, verb: str) -> None:
        """The answer is on its way."""
        if self._began is None:
            return
        now = self._read()
        spent, self._began, self._answered_ns = now.since(self._began), None, now.clock_ns
        if self._warming:
            self._warming -= 1
        else:
            self._by_verb.setdefault(verb, []).append(spent)

    def told(self) -> dict[str, dict[str, dict[str, float]]]:
        """verb -> `all` and `slowest`: means in microseconds (`clock_us`, and of that `core_us`), and how often a call
        `waited` and was `ousted`."""
        return {
            verb: {"all": _means(calls), "slowest": _means(_slowest(calls))} for verb, calls in self._by_verb.items()
        }


def _slowest(calls: Sequence[Reading]) -> Sequence[Reading]:
    return sorted(calls, key=lambda call: -call.clock_ns)[: max(1, round(SHARE * len(calls)))]


def _means(calls: Sequence[Reading]) -> dict[str, float]:
    def mean(value: Callable[[Reading], int]) -> float:
        return sum(map(value, calls)) / len(calls)

    return {
        "clock_us": round(mean(lambda call: call.clock_ns) / 1000, 1),
        "core_us": round(mean(lambda call: call.core_ns) / 1000, 1),
        "waited": round(mean(lambda call: call.waited), 3),
        "ousted": round(mean(lambda call: call.ousted), 3),
    }
