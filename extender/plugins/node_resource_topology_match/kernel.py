"""May the pod align, and how well: over one node's zones, which lie in flat vectors.

An amount is a pair: whole units, and billionths in 0..999999999 on top; billionths -1 mean "not listed". A resource j
of the n that the pod names lies at starts[j] + first + zone in `cycle_units` and `cycle_nanos`, or is listed nowhere
(-1); set s of the pod's requests (0: the whole pod, then each container in order) at s * n + j in `cycle_asked_*`.
Whether the node has the resource at all stands in `cycle_allocatable`, in its vector listing[j]; -1: every node has.
Ratios and orders of float operations are upstream's.
"""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Amounts = MutableSequence[int]
"""One node's, in room that `cycle_scratch_*` lends: resource j of zone z at j * zones + z."""

ABSENT, PRESENT, STALE, NO_RELEASE, TOO_MUCH_RELEASED = 0, 1, 2, 3, 4
"""State of a node's data."""
SINGLE_NUMA_NODE = 3
POD_SCOPE = 1
INIT, SIDECAR, APP = 0, 1, 2
"""Kinds of containers."""
PASS, NOT_FRESH, POD_UNALIGNED, INIT_UNALIGNED, NOTHING_RELEASED, RELEASED_TOO_MUCH = 0, 1, 2, 3, 6, 7
"""Answers of the filter; a container's is INIT_UNALIGNED + its kind."""
LEAST_ALLOCATED, MOST_ALLOCATED, BALANCED_ALLOCATION, LEAST_NUMA_NODES = 0, 1, 2, 3

NANO = 10**9
FAR = 255
"""Distance between zones that is not told."""
COMBINATIONS_MAX = 100_000
"""Of one size, looked at for one request; with more the node counts as unable to host it."""


def alignment(
    cycle_state: int,
    cycle_first: int,
    cycle_zones: int,
    cycle_policy: int,
    cycle_scope: int,
    cycle_row: int,
    cycle_exempt: bool,  # noqa: FBT001 - a rule has plain parameters
    cycle_guaranteed: bool,  # noqa: FBT001
    cycle_rows: int,
    cycle_units: Sequence[int],
    cycle_nanos: Sequence[int],
    cycle_starts: Sequence[int],
    cycle_ids: Sequence[int],
    cycle_asked_units: Sequence[int],
    cycle_asked_nanos: Sequence[int],
    cycle_kinds: Sequence[int],
    cycle_affine: Sequence[int],
    cycle_host_level: Sequence[int],
    cycle_listing: Sequence[int],
    cycle_allocatable: Sequence[int],
    cycle_scratch_units: MutableSequence[int],
    cycle_scratch_nanos: MutableSequence[int],
) -> int:
    """One of the answers above."""
    if cycle_exempt or cycle_state == ABSENT:
        return PASS
    if cycle_state == STALE:
        return NOT_FRESH
    if cycle_state == NO_RELEASE:
        return NOTHING_RELEASED
    if cycle_state == TOO_MUCH_RELEASED:
        return RELEASED_TOO_MUCH
    if cycle_policy != SINGLE_NUMA_NODE:
        return PASS
    names = len(cycle_affine)
    units, nanos = cycle_scratch_units, cycle_scratch_nanos
    copy_zones(cycle_units, cycle_nanos, cycle_starts, cycle_first, cycle_zones, units, nanos)
    for s in range(len(cycle_kinds)):
        is_pod = s == 0
        if is_pod != (cycle_scope == POD_SCOPE):
            continue
        zone = aligned_zone(
            units,
            nanos,
            cycle_ids,
            cycle_first,
            cycle_zones,
            cycle_asked_units,
            cycle_asked_nanos,
            s * names,
            cycle_guaranteed,
            cycle_affine,
            cycle_host_level,
            cycle_listing,
            cycle_allocatable,
            cycle_row,
            cycle_rows,
        )
        if zone < 0:
            return POD_UNALIGNED if is_pod else INIT_UNALIGNED + cycle_kinds[s]
        if not is_pod and cycle_kinds[s] == APP:
            take_in_zone(
                units,
                nanos,
                cycle_ids,
                cycle_first,
                cycle_zones,
                cycle_asked_units,
                cycle_asked_nanos,
                s * names,
                cycle_guaranteed,
                cycle_affine,
                zone,
            )
    return PASS


def aligned_zone(
    units: Amounts,
    nanos: Amounts,
    ids: Sequence[int],
    first: int,
    zones: int,
    asked_units: Sequence[int],
    asked_nanos: Sequence[int],
    at: int,
    guaranteed: bool,  # noqa: FBT001
    affine: Sequence[int],
    host_level: Sequence[int],
    listing: Sequence[int],
    allocatable: Sequence[int],
    row: int,
    rows: int,
) -> int:
    """The lowest zone id that suits every requested resource (0 if nothing binds it to one), or -1."""
    suitable = -1
    for j in range(len(affine)):
        want_units, want_nanos = asked_units[at + j], asked_nanos[at + j]
        if want_nanos < 0 or (want_units == 0 and want_nanos == 0):
            continue
        if listing[j] >= 0 and not allocatable[listing[j] * rows + row]:
            return -1
        unbound = affine[j] != 0 and not guaranteed
        bits = 0
        is_listed = False
        for z in range(zones):
            k = j * zones + z
            if nanos[k] < 0:
                continue
            is_listed = True
            if unbound or not is_less(units[k], nanos[k], want_units, want_nanos):
                bits |= 1 << ids[first + z]
        if not is_listed and host_level[j]:
            continue
        suitable &= bits
        if suitable == 0:
            return -1
    zone = 0
    while not (suitable >> zone) & 1:
        zone += 1
    return zone


def take_in_zone(
    units: Amounts,
    nanos: Amounts,
    ids: Sequence[int],
    first: int,
    zones: int,
    asked_units: Sequence[int],
    asked_nanos: Sequence[int],
    at: int,
    guaranteed: bool,  # noqa: FBT001
    affine: Sequence[int],
    zone: int,
) -> int:
    """Subtract what a container gets from its zone."""
    for j in range(len(affine)):
        if asked_nanos[at + j] < 0 or (affine[j] and not guaranteed):
            continue
        for z in range(zones):
            k = j * zones + z
            if ids[first + z] == zone and nanos[k] >= 0:
                subtract(units, nanos, k, asked_units[at + j], asked_nanos[at + j])
    return 0


def fitness(
    cycle_state: int,
    cycle_first: int,
    cycle_zones: int,
    cycle_policy: int,
    cycle_scope: int,
    cycle_max_zones: int,
    cycle_costs_first: int,
    cycle_guaranteed: bool,  # noqa: FBT001
    cycle_strategy: int,
    cycle_units: Sequence[int],
    cycle_nanos: Sequence[int],
    cycle_starts: Sequence[int],
    cycle_ids: Sequence[int],
    cycle_costs: Sequence[int],
    cycle_asked_units: Sequence[int],
    cycle_asked_nanos: Sequence[int],
    cycle_weights: Sequence[int],
    cycle_scratch_units: MutableSequence[int],
    cycle_scratch_nanos: MutableSequence[int],
) -> int:
    """0..100, the more the better; LeastNUMANodes may fall below 0 where a node needs more zones than it manages."""
    if not cycle_guaranteed:
        return 100
    if cycle_state != PRESENT:
        return 0
    names = len(cycle_weights)
    units, nanos = cycle_scratch_units, cycle_scratch_nanos
    copy_zones(cycle_units, cycle_nanos, cycle_starts, cycle_first, cycle_zones, units, nanos)
    if cycle_strategy == LEAST_NUMA_NODES:
        return few_zones(
            units,
            nanos,
            cycle_ids,
            cycle_first,
            cycle_zones,
            cycle_costs,
            cycle_costs_first,
            cycle_asked_units,
            cycle_asked_nanos,
            names,
            cycle_scope,
            cycle_max_zones,
        )
    if cycle_policy != SINGLE_NUMA_NODE:
        return 0
    total = 0.0
    counted = 0
    for s in range(len(cycle_asked_nanos) // names if names else 0):
        if (s == 0) != (cycle_scope == POD_SCOPE) or not asks_anything(cycle_asked_nanos, s * names, names):
            continue
        counted += 1
        total += in_one_zone(
            units,
            nanos,
            cycle_zones,
            cycle_asked_units,
            cycle_asked_nanos,
            s * names,
            cycle_weights,
            cycle_strategy,
        )
    return int(total / counted) if counted else 0


def in_one_zone(
    units: Amounts,
    nanos: Amounts,
    zones: int,
    asked_units: Sequence[int],
    asked_nanos: Sequence[int],
    at: int,
    weights: Sequence[int],
    strategy: int,
) -> int:
    """The least score of the zones that have one; 0 if none has."""
    least = 0
    for z in range(zones):
        if strategy == BALANCED_ALLOCATION:
            score = balance(units, nanos, zones, z, asked_units, asked_nanos, at, len(weights))
        else:
            score = allocation(units, nanos, zones, z, asked_units, asked_nanos, at, weights, strategy)
        if score != 0 and (least == 0 or score < least):
            least = score
    return least


def allocation(
    units: Amounts,
    nanos: Amounts,
    zones: int,
    z: int,
    asked_units: Sequence[int],
    asked_nanos: Sequence[int],
    at: int,
    weights: Sequence[int],
    strategy: int,
) -> int:
    """Weighted mean of what is left (Least), or used (Most), in percent; cores and bytes rounded up to whole ones."""
    total = 0
    weight = 0
    for j in range(len(weights)):
        if asked_nanos[at + j] < 0:
            continue
        weight += weights[j]
        k = j * zones + z
        has_units, has_nanos = units[k], nanos[k]
        want_units, want_nanos = asked_units[at + j], asked_nanos[at + j]
        if (
            has_nanos < 0
            or (has_units == 0 and has_nanos == 0)
            or is_less(has_units, has_nanos, want_units, want_nanos)
        ):
            continue
        has, want = rounded_up(has_units, has_nanos), rounded_up(want_units, want_nanos)
        part = has - want if strategy == LEAST_ALLOCATED else want
        total += weights[j] * (part * 100 // has)
    return total // weight


def balance(
    units: Amounts,
    nanos: Amounts,
    zones: int,
    z: int,
    asked_units: Sequence[int],
    asked_nanos: Sequence[int],
    at: int,
    names: int,
) -> int:
    """100 less the unbiased variance of the used fractions, in percent; 0 if one is above 1."""
    fractions = np.empty(names, np.float64)
    n = 0
    for j in range(names):
        if asked_nanos[at + j] < 0:
            continue
        k = j * zones + z
        has = 0 if nanos[k] < 0 else rounded_up(units[k], nanos[k])
        fraction = 1.0 if has == 0 else float(rounded_up(asked_units[at + j], asked_nanos[at + j])) / float(has)
        if fraction > 1:
            return 0
        fractions[n] = fraction
        n += 1
    return int((1 - variance(fractions, n)) * 100.0)


def variance(x: NDArray[np.float64], n: int) -> float:
    """Unbiased, with the correction for the rounding of the mean; of fewer than two values: 0."""
    if n < 2:  # noqa: PLR2004
        return 0.0
    mean = 0.0
    for i in range(n):
        mean += x[i]
    mean /= n
    squares = 0.0
    drift = 0.0
    for i in range(n):
        d = x[i] - mean
        squares += d * d
        drift += d
    return float((squares - drift * drift / n) / (n - 1))


def few_zones(
    units: Amounts,
    nanos: Amounts,
    ids: Sequence[int],
    first: int,
    zones: int,
    costs: Sequence[int],
    costs_first: int,
    asked_units: Sequence[int],
    asked_nanos: Sequence[int],
    names: int,
    scope: int,
    max_zones: int,
) -> int:
    """LeastNUMANodes: by the number of zones that together host the request, and whether they are as near as any."""
    picked = np.empty(zones + 1, np.int64)
    most = 0
    optimal = True
    for s in range(len(asked_nanos) // names if names else 0):
        if (s == 0) != (scope == POD_SCOPE) or not is_zoned(nanos, zones, asked_nanos, s * names, names):
            continue
        found = nearest(units, nanos, zones, costs, costs_first, asked_units, asked_nanos, s * names, names, picked)
        if found == 0:
            return 0
        mask = 0
        in_order = True
        for i in range(found):
            zone = ids[first + picked[i]]
            mask |= 1 << zone
            in_order = in_order and zone < zones
        n = 0
        for zone in range(64):
            n += (mask >> zone) & 1
        most = max(most, n)
        optimal = optimal and picked[zones] == 1
        take_in_turn(units, nanos, ids, first, zones, asked_units, asked_nanos, s * names, names, mask, in_order)
    if most == 0:
        return 100
    step = 100 // max_zones
    return 100 - most * step + (step // 2 if optimal else 0)


def nearest(
    units: Amounts,
    nanos: Amounts,
    zones: int,
    costs: Sequence[int],
    costs_first: int,
    asked_units: Sequence[int],
    asked_nanos: Sequence[int],
    at: int,
    names: int,
    picked: Int64s,
) -> int:
    """How many zones it takes, 0: no number will do. picked[:that] are their indices, picked[zones] is 1 if no
    combination of this size is nearer."""
    for size in range(1, zones + 1):
        if ways(zones, size) > COMBINATIONS_MAX:
            return 0
        best = shortest(costs, costs_first, zones, size)
        combination = np.arange(zones)
        least = np.float32(FAR + 1)
        found = False
        is_more = True
        while is_more:
            if hosts(units, nanos, zones, asked_units, asked_nanos, at, names, combination, size):
                far = distance(costs, costs_first, zones, combination, size)
                if far == best or far < least:
                    picked[:zones] = combination
                    picked[zones] = 1 if far == best else 0
                    least = far
                    found = True
                if far == best:
                    break
            is_more = advance(combination, size, zones)
        if found:
            return size
    return 0


def shortest(costs: Sequence[int], costs_first: int, zones: int, size: int) -> np.float32:
    """The least mean distance of any combination of this size, whoever it can host; FAR at most."""
    best = np.float32(FAR)
    combination = np.arange(zones)
    is_more = True
    while is_more:
        best = min(best, distance(costs, costs_first, zones, combination, size))
        is_more = advance(combination, size, zones)
    return best


def ways(n: int, k: int) -> int:
    """Combinations of k out of n; no more than a little above COMBINATIONS_MAX is told."""
    count = 1
    for i in range(min(k, n - k)):
        count = count * (n - i) // (i + 1)
        if count > COMBINATIONS_MAX:
            return count
    return count


def advance(combination: Int64s, size: int, n: int) -> bool:
    """The next combination in lexicographic order, in place; False after the last."""
    i = size - 1
    while i >= 0 and combination[i] == n - size + i:
        i -= 1
    if i < 0:
        return False
    combination[i] += 1
    for k in range(i + 1, size):
        combination[k] = combination[k - 1] + 1
    return True


def distance(costs: Sequence[int], costs_first: int, zones: int, combination: Int64s, size: int) -> np.float32:
    """Mean over all ordered pairs, of a zone with itself too; single precision, as upstream compares it."""
    total = 0
    for i in range(size):
        for k in range(size):
            total += costs[costs_first + combination[i] * zones + combination[k]]
    return np.float32(np.float32(total) / np.float32(size * size))


def hosts(
    units: Amounts,
    nanos: Amounts,
    zones: int,
    asked_units: Sequence[int],
    asked_nanos: Sequence[int],
    at: int,
    names: int,
    combination: Int64s,
    size: int,
) -> bool:
    """Every zone lists every requested resource, and together they have enough."""
    for j in range(names):
        if asked_nanos[at + j] < 0:
            continue
        has_units = 0
        has_nanos = 0
        for i in range(size):
            k = j * zones + combination[i]
            if nanos[k] < 0:
                return False
            has_units += units[k]
            has_nanos += nanos[k]
        if asked_units[at + j] == 0 and asked_nanos[at + j] == 0:
            continue
        has_units += has_nanos // NANO
        has_nanos %= NANO
        if is_less(has_units, has_nanos, asked_units[at + j], asked_nanos[at + j]):
            return False
    return True


def take_in_turn(
    units: Amounts,
    nanos: Amounts,
    ids: Sequence[int],
    first: int,
    zones: int,
    asked_units: Sequence[int],
    asked_nanos: Sequence[int],
    at: int,
    names: int,
    mask: int,
    in_order: bool,  # noqa: FBT001
) -> int:
    """Take what there is, zone id by zone id. Upstream takes an id for a place in the list, and so do we where it is
    one."""
    for j in range(names):
        rest_units, rest_nanos = asked_units[at + j], asked_nanos[at + j]
        if rest_nanos < 0:
            continue
        for zone in range(64):
            if not (mask >> zone) & 1:
                continue
            z = zone
            if not in_order:
                z = 0
                while ids[first + z] != zone:
                    z += 1
            k = j * zones + z
            if nanos[k] < 0:
                continue
            if is_less(units[k], nanos[k], rest_units, rest_nanos):
                taken_units, taken_nanos = units[k], nanos[k]
            else:
                taken_units, taken_nanos = rest_units, rest_nanos
            subtract(units, nanos, k, taken_units, taken_nanos)
            rest_units -= taken_units
            rest_nanos -= taken_nanos
            if rest_nanos < 0:
                rest_nanos += NANO
                rest_units -= 1
    return 0


def copy_zones(
    all_units: Sequence[int],
    all_nanos: Sequence[int],
    starts: Sequence[int],
    first: int,
    zones: int,
    units: Amounts,
    nanos: Amounts,
) -> int:
    """One node's amounts: resource j of zone z at j * zones + z."""
    for j in range(len(starts)):
        for z in range(zones):
            at = starts[j] + first + z
            units[j * zones + z] = all_units[at] if starts[j] >= 0 else 0
            nanos[j * zones + z] = all_nanos[at] if starts[j] >= 0 else -1
    return 0


def asks_anything(asked_nanos: Sequence[int], at: int, names: int) -> bool:
    for j in range(names):  # noqa: SIM110 - compiled
        if asked_nanos[at + j] >= 0:
            return True
    return False


def is_zoned(nanos: Amounts, zones: int, asked_nanos: Sequence[int], at: int, names: int) -> bool:
    """Any requested resource is listed by any zone."""
    for j in range(names):
        if asked_nanos[at + j] >= 0:
            for z in range(zones):
                if nanos[j * zones + z] >= 0:
                    return True
    return False


def is_less(a_units: int, a_nanos: int, b_units: int, b_nanos: int) -> bool:
    return a_units < b_units or (a_units == b_units and a_nanos < b_nanos)


def subtract(units: Amounts, nanos: Amounts, k: int, by_units: int, by_nanos: int) -> int:
    units[k] -= by_units
    nanos[k] -= by_nanos
    if nanos[k] < 0:
        nanos[k] += NANO
        units[k] -= 1
    return 0


def rounded_up(units: int, nanos: int) -> int:
    """Away from zero: cores and bytes count whole."""
    return units + 1 if nanos > 0 and units >= 0 else units
