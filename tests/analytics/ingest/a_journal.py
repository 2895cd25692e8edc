"""What an extender writes of a few pods, and journals written by hand."""

from __future__ import annotations

import time

from extender.record.frames import (
    Decision,
    Eviction,
    Moved,
    NodeRejection,
    NodeScore,
    Outcome,
    PluginVerdict,
    PodRef,
    Shadow,
    ShadowTally,
    encode,
)
from extender.record.segment import encode_frame, encode_header

# Recent, so that nothing is forgotten for its age.
T0 = int(time.time()) * 1_000_000


def pod(number):
    return PodRef("team-a", f"web-{number}", f"uid-{number}", "default-scheduler")


def filtered(number, *, code="Success", **more):
    plugins = [
        PluginVerdict("Quota", "filter", "Success", nodes_in=9, rejected=4, reasons={"full": 4}, duration_us=3.0)
    ]
    return Decision(
        at_us=T0 + 1_000_000 * number, decision=f"d{number}", attempt=1, verb="filter", pod=pod(number), code=code,
        revision="7", nodes_in=9, nodes_out=5 if code == "Success" else 0, plugins=plugins,
        rejected=[NodeRejection("node-9", "Quota", "full")], duration_us=400.0, features={"cpu": 1},
        candidates=["node-1", "node-9"],
    )  # fmt: skip


def scored(number):
    best = [NodeScore("node-1", 90, {"PodState": (4, 90, 90)})]
    return Decision(
        at_us=T0 + 1_000_000 * number + 10, decision=f"d{number}", attempt=1, verb="prioritize", pod=pod(number),
        nodes_in=5, nodes_out=5, best=best, duration_us=300.0,
    )  # fmt: skip


def bound(number, code="Success"):
    return Decision(
        at_us=T0 + 1_000_000 * number + 20, decision=f"d{number}", attempt=1, verb="bind", pod=pod(number), code=code,
        nodes_in=1, nodes_out=1, node="node-1", duration_us=900.0, message="" if code == "Success" else "no answer",
    )  # fmt: skip


def ended(result, **more):
    return Outcome(at_us=T0 + 9_000_000, decision="d1", pod=pod(1), result=result, **more)


def held(number, at_us=15):
    """The bind's call began before, and ends after it."""
    waits = PluginVerdict("Coscheduling", "permit", "Wait", nodes_in=1, rejected=1, message="2 of 5 have a place")
    return Decision(
        at_us=T0 + 1_000_000 * number + at_us, decision=f"d{number}", attempt=1, verb="permit", pod=pod(number),
        code="Wait", nodes_in=1, nodes_out=1, node="node-1", plugins=[waits],
    )  # fmt: skip


def evicted(number, result="evicted", **more):
    given = {
        "at_us": T0 + 1_000_000 * number + 30, "plugin": "CapacityScheduling", "why": "preemption",
        "reason": "team-a takes back what it was promised", "pod": pod(100 + number), "node": "node-1",
        "result": result, "decision": f"d{number}", "preemptor": pod(number),
    }  # fmt: skip
    return Eviction(**(given | more))


def shadowed(number, **more):
    given = {
        "at_us": T0 + 1_000_000 * number + 40, "decision": f"d{number}", "pod": pod(number), "profile": "*",
        "plugin": "Size", "phases": ["filter"], "revision": "7", "nodes": 9, "would_reject": {"too small": 9},
        "would_reject_all": True, "rejected": ["node-1"], "moved": Moved("node-1", "node-2"), "cost_us": 40.0,
    }  # fmt: skip
    return Shadow(**(given | more))


def tallied(number, **more):
    given = {
        "at_us": T0 + 1_000_000 * number, "from_us": T0, "profile": "*", "plugin": "Size", "namespace": "team-a",
        "revision": "7", "seen": 8, "placed": 8, "would_reject": 2, "would_reject_all": 1, "moved": 4,
        "reasons": {"too small": 9}, "skipped": {"budget": 2}, "costs": {42: 8},
    }  # fmt: skip
    return ShadowTally(**(given | more))


def whole(number):
    return [filtered(number), scored(number), bound(number)]


class Writer:
    """Writes segments by hand, so that a test decides about every byte."""

    def __init__(self, journal, name="p"):
        self.home = journal / name
        self.home.mkdir(parents=True, exist_ok=True)
        self.name, self.number, self.sequence = name, 0, 0
        self.open()

    def open(self):
        self.number += 1
        self.path = self.home / f"{self.number:08d}.open"
        self.path.write_bytes(encode_header(self.name, 1))

    def seal(self):
        self.path.rename(self.path.with_suffix(".seg"))
        self.open()

    def put(self, *frames):
        self.raw(*(encode(frame) for frame in frames))

    def raw(self, *payloads):
        with self.path.open("ab") as file:
            for payload in payloads:
                self.sequence += 1
                file.write(encode_frame(self.sequence, payload))
