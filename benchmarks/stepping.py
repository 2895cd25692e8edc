"""An extender whose steps are timed: `python -m benchmarks.stepping OUT.json` and the options of `trimtab extender`.

It is the ordinary program; the functions of the step table are wrapped before it starts. At its end it writes, by
verb, the median nanoseconds of each step over all calls (`steps`), and what its slowest calls waited for (`slowest`).
Calls must come one at a time.

Nanoseconds of CPU time, not of the clock: the write wakes the client, and what the client or a neighbour then does
on this core is no step of ours.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
import statistics
import sys
import types
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from time import thread_time_ns
from typing import Any

from benchmarks.slowest import Calls
from benchmarks.steptable import STEPS, Step
from extender.cli import main as trimtab

TOTAL = "total"
"""From the first step to the end of the one that puts the answer on its way."""
AFTER = "after the answer: "
"""In front of what a step took after that."""


class NoSuchStep(Exception):
    """The table is behind the code; the text says where."""


class Watch:
    """Adds up the own time of each step, call by call. For one thread and one call at a time; `now_ns` is its clock."""

    def __init__(self, now_ns: Callable[[], int] = thread_time_ns) -> None:
        self._now = now_ns
        self._inner: list[int] = []
        """Time that steps inside each open step took, outermost first."""
        self._spent: Counter[str] = Counter()
        self._verb = ""
        self._began = 0
        self.calls: dict[str, list[Counter[str]]] = {}
        """By verb."""
        self.whole = Calls()

    def enter(self, step: Step, arguments: tuple[Any, ...]) -> tuple[int, str]:
        begin = self._now()
        if step.begins and TOTAL in self._spent:  # a body may come in pieces: only behind an answer is it a new call
            self.flush()
        if step.begins and not self._began:
            self._began = begin
            self.whole.begin()
        if step.verb is not None:
            self._verb = step.verb(*arguments)
        self._inner.append(0)
        return begin, f"{step.label}: {step.detail(*arguments)}" if step.detail else step.label

    def leave(self, step: Step, opened: tuple[int, str]) -> None:
        begin, label = opened
        end = self._now()
        if TOTAL in self._spent:
            label = AFTER + label
        self._spent[label] += end - begin - self._inner.pop()
        if self._inner:
            self._inner[-1] += end - begin
        if step.ends and self._began:
            self._spent[TOTAL] = end - self._began
            self.whole.end(self._verb)

    def flush(self) -> None:
        """The call is over, with all that came behind its answer."""
        if self._verb:
            self.calls.setdefault(self._verb, []).append(self._spent)
        self._spent, self._verb, self._began = Counter(), "", 0

    def medians(self) -> dict[str, dict[str, float]]:
        """verb -> label -> nanoseconds; a step that a call did not take counts as 0."""
        self.flush()
        return {
            verb: {label: statistics.median(call[label] for call in calls) for label in _labels(calls)}
            for verb, calls in self.calls.items()
        }


def _labels(calls: Sequence[Counter[str]]) -> list[str]:
    return list(dict.fromkeys(label for call in calls for label in call))


def install(watch: Watch, steps: Sequence[Step] = STEPS) -> None:
    """Put a timer around every step. Raises NoSuchStep."""
    for step in steps:
        module, _colon, path = step.place.partition(":")
        try:
            owner: Any = importlib.import_module(module)
            *classes, name = path.split(".")
            for each in classes:
                owner = getattr(owner, each)
            function = getattr(owner, name)
        except (ImportError, AttributeError) as wrong:
            raise NoSuchStep(
                f"{step.label!r}: {step.place}: {wrong}; bring benchmarks/steptable.py up to date"
            ) from None
        wrapped = _timed_coroutine if inspect.iscoroutinefunction(function) else _timed
        setattr(owner, name, wrapped(watch, step, function))


def _timed(watch: Watch, step: Step, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def timed(*arguments: Any, **named: Any) -> Any:
        opened = watch.enter(step, arguments)
        try:
            return function(*arguments, **named)
        finally:
            watch.leave(step, opened)

    return timed


def _timed_coroutine(watch: Watch, step: Step, function: Callable[..., Any]) -> Callable[..., Any]:
    """Only while it runs: what the loop does while it waits is not its time."""

    @functools.wraps(function)
    async def timed(*arguments: Any, **named: Any) -> Any:
        return await _driven(watch, step, arguments, function(*arguments, **named))

    return timed


@types.coroutine
def _driven(watch: Watch, step: Step, arguments: tuple[Any, ...], running: Any) -> Generator[Any, Any, Any]:
    resume = functools.partial(running.send, None)
    while True:
        opened = watch.enter(step, arguments)
        try:
            waits_for = resume()
        except StopIteration as done:
            return done.value
        finally:
            watch.leave(step, opened)
        try:
            resume = functools.partial(running.send, (yield waits_for))
        except BaseException as thrown:  # noqa: BLE001 - cancelled, above all: the coroutine must hear of it
            resume = functools.partial(running.throw, thrown)


def main(arguments: list[str]) -> None:
    out, *options = arguments
    watch = Watch()
    install(watch)
    try:
        trimtab(["extender", *options])
    finally:
        Path(out).write_text(json.dumps({"steps": watch.medians(), "slowest": watch.whole.told()}))


if __name__ == "__main__":
    main(sys.argv[1:])
