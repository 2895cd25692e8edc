"""What the engine answers to each verb. The server encodes it; the journal gets `frame()` after the answer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from extender.framework.declaration import Rejection
from extender.record.frames import Decision

MakeFrame = Callable[[], Decision]

Moment = tuple[object, ...]
"""The policy and the versions of all that a cycle reads, besides the clock."""


def _nothing() -> None:
    """For verdicts that promise nothing."""


@dataclass(slots=True)
class FilterVerdict:
    """One verdict per candidate, in the order sent."""

    codes: NDArray[np.int16]
    """0 passes; k is rejected for `rejections[k - 1]`."""
    rejections: list[Rejection]
    passed: int = -1
    """How many codes are 0; -1: nobody has counted."""
    error: str = ""
    """An internal fault that must fail the cycle; then nothing else counts."""
    make_frame: MakeFrame | None = None
    conclude: Callable[[], None] = _nothing
    """Charges what was promised, and notes who waits. To be called once, before anything else is asked of the engine or
    told to it; the answer may be on its way already."""
    behind: Callable[[], None] | None = None
    """What is asked of plugins in shadow, once the answer is out; nothing that counts depends on it."""


@dataclass(slots=True)
class ScoreVerdict:
    """One total per candidate, in the order sent; integers of any size in `wide`, 0..10 in `strict`."""

    totals: NDArray[np.int64]
    least: int | None = None
    """Only candidates with at least this total are answered; None: all."""
    make_frame: MakeFrame | None = None
    behind: Callable[[], None] | None = None
    """As of a FilterVerdict."""


@dataclass(frozen=True, slots=True)
class Victims:
    """Pods that preemption would evict from one node, most important first."""

    uids: tuple[str, ...]
    pdb_violations: int = 0


@dataclass(slots=True)
class PreemptVerdict:
    """The nodes kept, with their victims. Empty: no preemption."""

    nodes: Mapping[str, Victims] = field(default_factory=dict)
    added: Collection[str] = ()
    """UIDs of victims that were not proposed, but chosen by a plugin; each is bound on its node."""
    make_frame: MakeFrame | None = None


@dataclass(slots=True)
class BindVerdict:
    """An empty error means that the API server confirmed the binding."""

    error: str = ""
    make_frame: MakeFrame | None = None
