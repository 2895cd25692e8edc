"""What the eviction engine is asked to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from extender.model.pod import Pod

Why = Literal["preemption", "rescheduling"]


def _nothing(_pod: Pod) -> None:
    """Nobody needs to hear of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Pods to leave one node, for one reason."""

    plugin: str
    why: Why
    """preemption deletes with the UID as precondition; rescheduling asks the Eviction API, so that budgets hold."""
    reason: str
    """One sentence for people and records."""
    node: str
    victims: tuple[Pod, ...]
    """Most important first."""
    verify: Callable[[], str]
    """Asked again right before acting, on the state of that moment: "" or why the job has lost its sense."""
    preemptor: Pod | None = None
    decision: str = ""
    """The preemptor's decision."""
    spared: Callable[[Pod], None] = _nothing
    """Hears of a victim of a rescheduling that stays after all: the job had lost its sense, or a limit was reached."""
    dry_run: bool = False
    """Record what would be done, and do nothing."""
