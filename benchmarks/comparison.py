"""Runs of the client in words: rows of absolute times, and ratios between targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.client import Outcome, Rounds
from benchmarks.programs import BenchmarkFailed
from benchmarks.samples import ratio, spread

VERBS = ("filter", "prioritize", "cycle")
"""`cycle`: the filter and the prioritize call of one pod together."""


def rows(runs: Sequence[Outcome], **place: Any) -> list[dict[str, Any]]:
    """A line per target and verb: `place`, and the times of all runs together. Any: what the place is named by."""
    found = []
    for name, first in runs[0].by_target.items():
        told = [run.by_target[name] for run in runs]
        for verb in VERBS:
            line = {**place, "server": name, "verb": verb, **spread([one.samples.of(verb) for one in told])}
            if verb in first.answer_bytes:
                line["answer_bytes"] = first.answer_bytes[verb]
            if verb == "filter":
                line["kept"] = list(first.kept)
                line["renewed"] = sum(one.renewed for one in told)
            found.append(line)
    return found


def ratios(
    runs: Sequence[Outcome], ours: str, theirs: str, verbs: Sequence[str] = VERBS, percents: Sequence[float] = (50, 99)
) -> dict[str, dict[str, Any]]:
    """verb -> `p50`, `p99`, ... -> ours divided by theirs, as `samples.ratio` tells it."""
    return {
        verb: {
            name(percent): ratio(
                [run.by_target[ours].samples.of(verb) for run in runs],
                [run.by_target[theirs].samples.of(verb) for run in runs],
                percent,
            )
            for percent in percents
        }
        for verb in verbs
    }


def name(percent: float) -> str:
    """p50, p99, p999: a dot would part a path."""
    return f"p{percent:g}".replace(".", "")


def rounds(runs: Sequence[Outcome]) -> dict[str, int]:
    """Of all runs: kept, kept although noisy, dropped."""
    total = Rounds(0, 0, 0)
    for run in runs:
        total = total.plus(run.rounds)
    return total.tree()


def require_alike(runs: Sequence[Outcome], *names: str) -> None:
    """These targets must have kept and scored as many nodes each, over one connection: else the work was not the same.

    Raises BenchmarkFailed.
    """
    for run in runs:
        seen = {name: (run.by_target[name].kept, run.by_target[name].scored) for name in names}
        if len(set(seen.values())) > 1:
            raise BenchmarkFailed(f"the servers did not do the same; nodes kept and scored, fewest and most: {seen}")
        for name in names:
            if (opened := run.by_target[name].connections) != 1:
                raise BenchmarkFailed(f"{name}: {opened} connections were opened, where one should have been kept")
