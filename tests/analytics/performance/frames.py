"""What an extender writes of pods that are scheduled: frames to be taken in, or rows as they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analytics.ingest.batch import build, read
from analytics.ingest.known import FirstSeen, KnownDecisions
from analytics.store.tables import Row
from extender.record.frames import Decision, Frame, Outcome, PluginVerdict, PodRef, Policy, encode
from extender.record.reader import Found
from extender.record.segment import Framed

T0_US = 1_767_323_040_000_000
"""2026-01-02T03:04:00Z, begin of a minute."""
MINUTE_US = 60_000_000
HELD_US = 700.0


def attempt(
    number: int,
    at_us: int,
    *,
    end: str = "scheduled",
    uid: str = "",
    which: int = 1,
    scheduler: str = "default-scheduler",
    filter_us: float = 400.0,
    bind_us: float = 3_000.0,
    code: str = "Success",
    revision: str = "7",
) -> Iterator[Frame]:
    """One attempt: filter at `at_us`, bind 2 ms later with HELD_US of waiting in permit. `end`: scheduled,
    unschedulable, error, or empty for none; `which`: the pod's first, second ... attempt."""
    pod = PodRef("team-a", f"web-{uid or number}", uid or f"uid-{number}", scheduler)
    name = f"{scheduler}-{number}"

    def call(verb: str, after_us: int, plugins: list[PluginVerdict], **more: object) -> Decision:
        return Decision(
            at_us=at_us + after_us, decision=name, attempt=which, verb=verb, pod=pod, profile=scheduler,
            revision=revision, plugins=plugins, **more,  # type: ignore[arg-type]
        )  # fmt: skip

    fit = [PluginVerdict("Fit", "filter", code, nodes_in=9, rejected=4, duration_us=filter_us / 2)]
    if end == "unschedulable":
        yield call("filter", 0, fit, code="Unschedulable", nodes_in=9, duration_us=filter_us)
        return
    yield call("filter", 0, fit, code="Success", nodes_in=9, nodes_out=5, duration_us=filter_us)
    if end:
        gang = [PluginVerdict("Gang", "permit", "Success", duration_us=HELD_US)]
        yield call(
            "bind", 2_000, gang, code="Success" if end == "scheduled" else "Error", node="node-1", duration_us=bind_us
        )
        if end == "scheduled":
            yield Outcome(at_us=at_us + 9_000, decision=name, pod=pod, result="bound", node="node-1", seen_by="watch")


def policy(at_us: int, revision: str, error: str = "") -> Policy:
    return Policy(at_us=at_us, revision=revision, hash=revision, source="configmap a/b", error=error)


class Taker:
    """Takes frames in as the ingest does, batch by batch."""

    def __init__(self, producer: str = "p") -> None:
        self._known = KnownDecisions([], lambda _: None)
        self._firsts = FirstSeen(lambda _: None)
        self._producer = producer
        self._frames = 0

    def rows(self, frames: Iterable[Frame], seen_us: int = 1) -> list[Row]:
        items = []
        for frame in frames:
            self._frames += 1
            at = 64 * self._frames
            items.append(Found(self._producer, 1, Framed(at, at + 64, self._frames, encode(frame))))
        batch = build(read(items), self._known, seen_us, None, self._firsts)
        self._known.keep()
        assert batch.quarantined == 0
        return batch.rows
