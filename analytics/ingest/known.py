"""Which decisions have been seen: the first call of each opens it, and its first end is counted once; and when each
pod was seen first.

An end may be read before the call that opens its decision: the extender tells at once what its watch has seen, and
records a call only when none has come for a moment. Such an end is counted when the decision opens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable

from msgspec import Struct

# Decisions that may still be in flight, and pods that may still wait; of older ones the store is asked.
REMEMBERED_MAX = 100_000
# Ends whose decisions may still come; those of lost records never will.
EARLY_MAX = 10_000


class Known(Struct, frozen=True, gc=False):
    scheduler: str
    ended: bool


class End(Struct, frozen=True, gc=False):
    """Of a decision, as an outcome row has it."""

    rank: int
    uid: str
    at_us: int


class KnownDecisions:
    """Remembers with an overlay per batch, so that a batch that could not be written leaves no trace."""

    def __init__(
        self,
        newest: Iterable[tuple[str, Known]],
        ask: Callable[[str], Known | None],
        early: Iterable[tuple[str, End]] = (),
    ) -> None:
        """`newest`: what the store holds, newest first. `ask`: the store, for one that is not remembered. `early`: ends
        that the store holds without their decisions, oldest first."""
        self._kept = OrderedDict(reversed(list(newest)))
        self._new: dict[str, Known] = {}
        self._ask = ask
        self._early: OrderedDict[str, End] = OrderedDict()
        self._early_new: dict[str, End] = {}
        for decision, end in early:
            self._early.setdefault(decision, end)

    def opens(self, decision: str, scheduler: str, *, is_filter: bool) -> bool:
        """Whether this frame is the first of its decision. A filter opens; others may come long after it."""
        if self._find(decision, ask=not is_filter) is not None:
            return False
        self._new[decision] = Known(scheduler, ended=False)
        return True

    def ends(self, decision: str, end: End) -> str | None:
        """The scheduler, at the first end of this decision; None at later ones, and where it is not open yet: then the
        end is kept for it."""
        known = self._find(decision, ask=True)
        if known is None:
            if decision not in self._early:
                self._early_new.setdefault(decision, end)
            return None
        if known.ended:
            return None
        self._new[decision] = Known(known.scheduler, ended=True)
        return known.scheduler

    def early_end(self, decision: str) -> End | None:
        """The first end that was read of a decision that opens now."""
        return self._early.get(decision) or self._early_new.get(decision)

    def keep(self) -> None:
        """The batch has been written."""
        for decision, known in self._new.items():
            self._kept[decision] = known
            self._kept.move_to_end(decision)
            self._early.pop(decision, None)
        self._early.update((decision, end) for decision, end in self._early_new.items() if decision not in self._new)
        self._new.clear()
        self._early_new.clear()
        for remembered, most in ((self._kept, REMEMBERED_MAX), (self._early, EARLY_MAX)):
            while len(remembered) > most:
                remembered.popitem(last=False)

    def discard(self) -> None:
        """The batch has not been written."""
        self._new.clear()
        self._early_new.clear()

    def _find(self, decision: str, *, ask: bool) -> Known | None:
        known = self._new.get(decision) or self._kept.get(decision)
        return self._ask(decision) if known is None and ask else known


class FirstSeen:
    """When the first attempt of each pod began. What it remembers of a batch that could not be written does no harm:
    the same batch comes again."""

    def __init__(self, ask: Callable[[str], int | None]) -> None:
        """`ask`: the store, for a pod that is not remembered; microseconds since 1970."""
        self._at_us: OrderedDict[str, int] = OrderedDict()
        self._ask = ask

    def opened(self, uid: str, at_us: int, attempt: int) -> None:
        """An attempt began. The store is asked only where an earlier one must have been."""
        known = self._at_us.get(uid)
        if known is None and attempt > 1:
            known = self._ask(uid)
        self._at_us[uid] = at_us if known is None else min(known, at_us)
        self._at_us.move_to_end(uid)
        while len(self._at_us) > REMEMBERED_MAX:
            self._at_us.popitem(last=False)

    def of(self, uid: str) -> int | None:
        """None: no attempt of this pod was ever seen."""
        known = self._at_us.get(uid)
        return self._ask(uid) if known is None else known
