"""Which decisions have been seen: the first frame of each opens it, and its first end is counted once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

# Decisions that may still be in flight; of older ones the store is asked.
REMEMBERED_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Known:
    scheduler: str
    ended: bool


class KnownDecisions:
    """Remembers with an overlay per batch, so that a batch that could not be written leaves no trace."""

    def __init__(self, newest: Iterable[tuple[str, Known]], ask: Callable[[str], Known | None]) -> None:
        """`newest`: what the store holds, newest first. `ask`: the store, for one that is not remembered."""
        self._kept = OrderedDict(reversed(list(newest)))
        self._new: dict[str, Known] = {}
        self._ask = ask

    def opens(self, decision: str, scheduler: str, *, is_filter: bool) -> bool:
        """Whether this frame is the first of its decision. A filter opens; others may come long after it."""
        if self._find(decision, ask=not is_filter) is not None:
            return False
        self._new[decision] = Known(scheduler, ended=False)
        return True

    def ends(self, decision: str) -> str | None:
        """The scheduler, at the first end of this decision; None at later ones, and of decisions never seen."""
        known = self._find(decision, ask=True)
        if known is None or known.ended:
            return None
        self._new[decision] = Known(known.scheduler, ended=True)
        return known.scheduler

    def keep(self) -> None:
        """The batch has been written."""
        for decision, known in self._new.items():
            self._kept[decision] = known
            self._kept.move_to_end(decision)
        self._new.clear()
        while len(self._kept) > REMEMBERED_MAX:
            self._kept.popitem(last=False)

    def discard(self) -> None:
        """The batch has not been written."""
        self._new.clear()

    def _find(self, decision: str, *, ask: bool) -> Known | None:
        known = self._new.get(decision) or self._kept.get(decision)
        return self._ask(decision) if known is None and ask else known
