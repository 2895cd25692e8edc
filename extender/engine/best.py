"""Which candidates are best, for the record: one pass over the totals, and no sorting of the rest."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from extender.native.function import Family
from extender.native.kinds import Int32s, Kind

native = Family()

_Totals = Annotated[NDArray[np.int64], Kind("int64", 1, is_written=False)]


@native
def pick_largest(values: _Totals, picked: Int32s) -> int:
    """Positions of the largest values, largest first, ties in their order, into `picked`; how many there are."""
    room = picked.size
    count = 0
    for i in range(values.size):
        if count == room and (count == 0 or values[i] <= values[picked[count - 1]]):
            continue
        if count < room:
            count += 1
        place = count - 1
        while place > 0 and values[picked[place - 1]] < values[i]:
            picked[place] = picked[place - 1]
            place -= 1
        picked[place] = i
    return count


def largest(values: NDArray[np.int64], count: int) -> NDArray[np.int32]:
    """Positions of at most `count` largest values, largest first, ties in order; int32."""
    picked = np.empty(count, np.int32)
    return picked[: pick_largest(values, picked)]
