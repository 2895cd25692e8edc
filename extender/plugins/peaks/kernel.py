"""How much more power a node would draw with the pod on it.

power(x) = k0 + k1 e^(k2 x), x the CPU utilisation in percent; the raw score is the jump from now to then in units of
1e-15. Lower is better: the normaliser turns it round.
"""

from __future__ import annotations

import math

SCALE = 1e15
# e^x is infinite in float64 above.
EXPONENT_MAX = 709.782712893384
# What amd64 makes of a float64 that does not fit int64, NaN included.
OUT_OF_RANGE = -(2**63)
FITS_BELOW = 9223372036854775808.0


def power_jump(
    node_load_cpu_known: bool,  # noqa: FBT001 - a column
    node_load_cpu_first_pct: float,
    node_capacity_cpu_milli: int,
    cycle_pod_milli: int,
    cycle_has_model: bool,  # noqa: FBT001 - a column
    cycle_k1: float,
    cycle_k2: float,
    cycle_unjudged: int,
) -> int:
    """`unjudged` for a node without a measurement or a model, or that would exceed 100 %."""
    if not node_load_cpu_known or not cycle_has_model:
        return cycle_unjudged
    now = node_load_cpu_first_pct
    then = 0.0
    if node_capacity_cpu_milli != 0:
        capacity = float(node_capacity_cpu_milli)
        then = 100 * ((now / 100) * capacity + float(cycle_pod_milli)) / capacity
    if then > 100:  # noqa: PLR2004 - percent
        return cycle_unjudged
    return whole(cycle_k1 * (exponential(cycle_k2 * then) - exponential(cycle_k2 * now)) * SCALE)


def exponential(x: float) -> float:
    """e^x; infinite where it does not fit."""
    if x > EXPONENT_MAX:
        return math.inf
    return math.exp(x)


def whole(x: float) -> int:
    """Toward zero, as Go on amd64 converts."""
    if -FITS_BELOW <= x < FITS_BELOW:
        return int(x)
    return OUT_OF_RANGE
