"""Places for many pods of a few shapes at once: all of them, or none.

For each shape: how many of it each node can take is `min over r of free[r] // request[r]`; nodes are then filled one
after the other. Shapes that take the largest share of the cluster come first, and the tightest nodes are filled first;
where that fails, the other orders are tried. Greedy: with several shapes a plan that exists may be missed, but what is
found fits.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Want:
    """So many pods of one shape."""

    request: Int64s
    """One amount for each resource."""
    count: int
    allowed: NDArray[np.bool_]
    """Per row: whether a pod of it may stand there."""
    one_per_node: bool = False
    spread: bool = False
    """Rather one on each node, but more if it must be."""


def fitted(free: Int64s, wants: Sequence[Want]) -> list[Rows] | None:
    """Rows for the pods of each want, in its order, that all together fit into `free` (row x resource); or None."""
    shares = [_share(free, want) for want in wants]
    largest_first = sorted(range(len(wants)), key=lambda i: -shares[i])
    orders = [largest_first] if len(wants) == 1 else [largest_first, largest_first[::-1], list(range(len(wants)))]
    for order, spread, widest in itertools.product(orders, _spreads(wants), (False, True)):
        found = _greedy(free, wants, order, spread=spread, widest=widest)
        if found is not None:
            return found
    return None


def most(free: Int64s, want: Want) -> int:
    """How many pods of one want fit if nothing else is placed."""
    return int(_room(free, want, want.one_per_node).sum())


def _spreads(wants: Sequence[Want]) -> Iterator[bool]:
    if any(want.spread for want in wants):
        yield True
    yield False


def _greedy(
    free: Int64s, wants: Sequence[Want], order: Sequence[int], *, spread: bool, widest: bool
) -> list[Rows] | None:
    left = free.copy()
    found: list[Rows] = [np.empty(0, np.intp)] * len(wants)
    for i in order:
        want = wants[i]
        room = _room(left, want, want.one_per_node or (spread and want.spread))
        if room.sum() < want.count:
            return None
        chosen = _filled(room, want.count, widest=widest)
        found[i] = chosen
        np.subtract.at(left, chosen, want.request)
    return found


def _room(free: Int64s, want: Want, alone: bool) -> Int64s:  # noqa: FBT001 - one per node
    """Pods of it that each row can take, at most `count`."""
    room: Int64s = np.full(len(free), 1 if alone else want.count, np.int64)
    for r in np.flatnonzero(want.request > 0).tolist():
        np.minimum(room, np.maximum(free[:, r], 0) // want.request[r], out=room)
    room[~want.allowed] = 0
    return room


def _filled(room: Int64s, count: int, *, widest: bool) -> Rows:
    """`count` rows, one for each pod: the rows with the least room (or the most) filled first, ties in order."""
    usable = np.flatnonzero(room)
    order = usable[np.argsort(-room[usable] if widest else room[usable], kind="stable")]
    return np.repeat(order, room[order])[:count]


def _share(free: Int64s, want: Want) -> float:
    """Its largest share of what is free, of any resource."""
    total = np.maximum(free, 0).sum(axis=0)
    asked = want.request * want.count
    return max((float(a / t) if t else np.inf for a, t in zip(asked, total, strict=True) if a > 0), default=0.0)
