"""A profile some of whose seats count only for some pods, or only at some moments.

The seats that count for a pod are a bitmask, and a mask makes a plain profile, built once. Whatever runs after the
choice runs a plain profile.
"""

from __future__ import annotations

from dataclasses import dataclass

from extender.engine.profile import Profile, Seat, profile_of
from extender.engine.refusing import refusing
from extender.model.pod import Pod
from extender.record.frames import Skipped

OUTSIDE_CANARY, NOT_YET, EXPIRED = "outside canary", "not yet", "expired"


class Variants:
    """What a profile can become."""

    def __init__(self, whole: Profile) -> None:
        self.whole = whole
        self.seats = whole.every_seat
        self.full = (1 << len(self.seats)) - 1
        self._built: dict[tuple[int, int], Profile] = {(self.full, 0): whole}

    def of(self, mask: int, closed: int = 0) -> Profile:
        """The profile of the seats in `mask`; those in `closed` are not asked and refuse."""
        found = self._built.get((mask, closed))
        if found is None:
            chosen = (_at(seat, mask >> i & 1, closed >> i & 1) for i, seat in enumerate(self.seats))
            seats = [seat for seat in chosen if seat is not None]
            found = self._built[mask, closed] = profile_of(self.whole.scheduler_name, seats)
        return found


def _at(seat: Seat, counts: int, is_closed: int) -> Seat | None:
    if counts:
        return seat
    return refusing(seat) if is_closed else None


@dataclass(frozen=True, slots=True)
class Conditional:
    """A profile's seats as they stand at this moment for everybody; what depends on the pod is asked of `choose`."""

    variants: Variants
    off: tuple[str, ...]
    """Seat by seat: why it is off for everybody, or ""."""
    out: int = 0
    """Bits of seats that were taken out, by breaker or guard: also for attempts that began before."""
    closed: int = 0
    """Of these: the ones that refuse, instead of being neutral."""

    def choose(self, pod: Pod, now_s: float) -> Choice:
        mask = 0
        for i, seat in enumerate(self.variants.seats):
            if not self.off[i] and not outside(seat, pod, now_s):
                mask |= 1 << i
        return Choice(self.variants, mask, self.closed, self.off, now_s)


@dataclass(frozen=True, slots=True)
class Choice:
    """The seats that count for one attempt at one pod."""

    variants: Variants
    mask: int
    closed: int
    off: tuple[str, ...]
    now_s: float

    @property
    def profile(self) -> Profile:
        return self.variants.of(self.mask, self.closed)

    def later(self, now: Conditional | None) -> Choice:
        """The same for a later call of the attempt: nothing comes in, and only what was taken out meanwhile goes."""
        out, closed = (now.out, now.closed) if now is not None else (0, 0)
        if now is None or (not self.mask & out and closed == self.closed):
            return self
        off = tuple(why if self.mask >> i & 1 else self.off[i] for i, why in enumerate(now.off))
        return Choice(self.variants, self.mask & ~out, closed, off, self.now_s)

    def skipped(self) -> list[Skipped]:
        """Who does not count, and why; those in shadow never do."""
        return [
            Skipped(seat.name, sorted(seat.phases), self.off[i] or untimely(seat, self.now_s) or OUTSIDE_CANARY)
            for i, seat in enumerate(self.variants.seats)
            if not self.mask >> i & 1 and seat.phases
        ]


def outside(seat: Seat, pod: Pod, now_s: float) -> bool:
    """Whether the seat does not count for this pod at this moment."""
    if not seat.from_s <= now_s < seat.until_s:
        return True
    return seat.audience is not None and not seat.audience.includes(pod)


def untimely(seat: Seat, now_s: float) -> str:
    """Why the seat's time is not now, or ""."""
    if now_s < seat.from_s:
        return NOT_YET
    return EXPIRED if now_s >= seat.until_s else ""
