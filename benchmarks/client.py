"""The Go client as a function: a job goes in, the times of every call come back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmarks.programs import BenchmarkFailed
from benchmarks.samples import Samples

QUIET = 0.12
"""Share of one core; a round in which others use more is dropped while there is time."""
WARM = 3
"""Cycles thrown away at the start of a block."""
SETTLE_S = 0.5
"""Between a call of `before` and the block that follows."""
PAIRS = 32
_SPARE_S = 240.0
"""Time of the client beside the one in which noisy rounds are dropped."""

Mode = Literal["bytes", "spaced", "full"]


@dataclass(frozen=True, slots=True)
class Before:
    """A POST before each block of a target."""

    url: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    url: str
    http2: bool = False
    before: Before | None = None


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files of the client side: whom to trust, and who we are."""

    authority: Path
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Job:
    """What to send to whom. Paths are JSON files; sizes count nodes, times are seconds."""

    targets: Sequence[Target]
    pids: Sequence[int]
    """Of every program that belongs to the measurement: their CPU time is not noise."""
    names: Path
    pods: Path
    size: int
    mode: Mode
    rounds: int
    block: int
    limit_s: float
    nodes: Path | None = None
    pairs: int = PAIRS
    apart: bool = False
    """prioritize asks about another list than filter was asked about."""
    pause_s: tuple[float, float] = (0.0, 0.0)
    certificates: Certificates | None = None
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Told:
    """One target: its times, and what it answered."""

    samples: Samples
    kept: tuple[int, int]
    """Fewest and most nodes in a filter answer."""
    scored: tuple[int, int]
    request_bytes: int
    answer_bytes: dict[str, int]
    """By verb."""
    connections: int
    """Opened by the client; 1: one was kept alive for all calls."""
    renewed: int
    """Filter answers that differed from the one before to the same request."""


@dataclass(frozen=True, slots=True)
class Outcome:
    by_target: dict[str, Told]
    rounds: Rounds


@dataclass(frozen=True, slots=True)
class Rounds:
    kept: int
    noisy: int
    """Of those kept: other programs were busy, and there was no time for more."""
    dropped: int

    def plus(self, other: Rounds) -> Rounds:
        return Rounds(self.kept + other.kept, self.noisy + other.noisy, self.dropped + other.dropped)

    def tree(self) -> dict[str, int]:
        return {"kept": self.kept, "kept_noisy": self.noisy, "dropped": self.dropped}


def run(binary: Path, job: Job) -> Outcome:
    """Raises BenchmarkFailed: a server did not answer, or not as a filter or prioritize answer must be."""
    try:
        done = subprocess.run(
            [str(binary), "client"],
            input=json.dumps(_tree(job)),
            env={"BALLAST_MB": "256"},
            capture_output=True,
            text=True,
            timeout=job.limit_s + _SPARE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise BenchmarkFailed(f"the client was not done after {late.timeout:.0f} s ({_what(job)})") from None
    if done.returncode != 0:
        raise BenchmarkFailed(f"the client ({_what(job)}): {done.stderr.strip()[-1000:]}")
    return _outcome(json.loads(done.stdout))


def _what(job: Job) -> str:
    return f"{job.mode}, {job.size} nodes, {' and '.join(target.name for target in job.targets)}"


def _tree(job: Job) -> dict[str, Any]:
    """In the words of client.go."""
    who = job.certificates
    return {
        "Targets": [_target(target) for target in job.targets],
        "Names": str(job.names),
        "Pods": str(job.pods),
        "Nodes": str(job.nodes) if job.nodes else "",
        "Size": job.size,
        "Pairs": job.pairs,
        "Mode": job.mode,
        "Apart": job.apart,
        "Rounds": job.rounds,
        "Block": job.block,
        "Warm": WARM,
        "PauseMin": job.pause_s[0],
        "PauseMax": job.pause_s[1],
        "Pids": list(job.pids),
        "Quiet": QUIET,
        "Limit": job.limit_s,
        "Authority": str(who.authority) if who else "",
        "Cert": str(who.cert) if who else "",
        "Key": str(who.key) if who else "",
        "Seed": job.seed,
        "Settle": SETTLE_S,
    }


def _target(target: Target) -> dict[str, Any]:
    before = {"URL": target.before.url, "Body": target.before.body.decode()} if target.before else None
    return {"Name": target.name, "URL": target.url, "HTTP2": target.http2, "Before": before}


def _outcome(tree: dict[str, Any]) -> Outcome:
    told = {
        each["Name"]: Told(
            samples=Samples(np.array(each["Filter"]), np.array(each["Prioritize"])),
            kept=(each["Kept"][0], each["Kept"][1]),
            scored=(each["Scored"][0], each["Scored"][1]),
            request_bytes=each["RequestBytes"],
            answer_bytes={"filter": each["FilterBytes"], "prioritize": each["PrioritizeBytes"]},
            connections=each["Connections"],
            renewed=each["Renewed"],
        )
        for each in tree["Targets"]
    }
    return Outcome(told, Rounds(tree["RoundsKept"], tree["RoundsNoisy"], tree["RoundsThrown"]))
