"""High where limits stay within capacity and measured load is unlikely to exceed what was requested.

Per resource the risk is w x (how far limits exceed capacity) + (1 - w) x (probability that load exceeds the requests),
the load beta-distributed with the measured average and deviation. The order of the float64 operations is upstream's.

The probability does not depend on the pod and changes only with the node's load or pods, so the last one of every node
is kept, with what it was computed from.

The incomplete beta function follows Cephes (S. Moshier; NIST DLMF 8.17): a power series where b x <= 1, else one of two
continued fractions of at most FRACTION_TERMS terms, reflected where x lies above the mean.
"""

from __future__ import annotations

import math
from collections.abc import MutableSequence, Sequence

from extender.framework.arithmetic import rounded, within

MEBI = 1.0 / 1024.0 / 1024.0
# Of the largest variance that a distribution on 0..1 with this mean can have.
VARIANCE_SHARE = 0.99
EPSILON = 2.0**-53
FRACTION_TERMS = 301
SERIES_TERMS = 10_000
RESCALED_AT = 2.0**52
# Gamma overflows above; beyond it logarithms are used.
GAMMA_MAX = 171.624376956302725
LOG_MAX = 709.782712893384
LOG_MIN = -745.1332191019412
SMALLEST = 5e-324
# Per resource: capacity, requests, limits, average, deviation, and the probability that they came to.
KEPT = 6
# The computed distribution function may exceed 1 by its last bits, which differ from one libm to another.
EXCESS_MAX = 1e-12
# Gamma overflows below; such a distribution is a point at its end.
SHAPE_MIN = 1e-300


def low_risk(
    node_load_known: bool,  # noqa: FBT001 - a column
    node_load_cpu_valid: bool,  # noqa: FBT001 - a column
    node_load_cpu_avg_pct: float,
    node_load_cpu_std_pct: float,
    node_load_memory_valid: bool,  # noqa: FBT001 - a column
    node_load_memory_avg_pct: float,
    node_load_memory_std_pct: float,
    node_allocatable: Sequence[int],
    cycle_requested_cpu: int,
    cycle_limit_cpu: int,
    cycle_requested_memory: int,
    cycle_limit_memory: int,
    cycle_pod_cpu: int,
    cycle_pod_limit_cpu: int,
    cycle_pod_memory: int,
    cycle_pod_limit_memory: int,
    cycle_cpu_limit_weight: float,
    cycle_memory_limit_weight: float,
    cycle_kept: MutableSequence[float],
    cycle_kept_at: int,
    arg_smoothing_window_size: int,
) -> int:
    """`cycle_requested_*` and `cycle_limit_*` are what stands on the node without the pod. 0 without any metric.

    `cycle_kept` holds 2 x KEPT numbers per node from `cycle_kept_at` on, NaN at first.
    """
    if not node_load_known:
        return 0
    if cycle_pod_cpu == 0 and cycle_pod_memory == 0 and cycle_pod_limit_cpu == 0 and cycle_pod_limit_memory == 0:
        return 0
    cpu, memory = node_allocatable[0], node_allocatable[1]
    risk_cpu, risk_memory = 0.0, 0.0
    if node_load_cpu_valid:
        risk_cpu = load_risk(
            cycle_kept,
            cycle_kept_at,
            1.0,
            cpu,
            min(cycle_requested_cpu, cpu),
            cycle_limit_cpu,
            node_load_cpu_avg_pct,
            node_load_cpu_std_pct,
            arg_smoothing_window_size,
        )
    if node_load_memory_valid:
        risk_memory = load_risk(
            cycle_kept,
            cycle_kept_at + KEPT,
            MEBI,
            memory,
            min(cycle_requested_memory, memory),
            cycle_limit_memory,
            node_load_memory_avg_pct,
            node_load_memory_std_pct,
            arg_smoothing_window_size,
        )
    cpu_limits = limit_risk(cpu, cycle_requested_cpu + cycle_pod_cpu, cycle_limit_cpu + cycle_pod_limit_cpu)
    memory_limits = limit_risk(
        memory, cycle_requested_memory + cycle_pod_memory, cycle_limit_memory + cycle_pod_limit_memory
    )
    worse = max(
        weighed(cpu_limits, risk_cpu, cycle_cpu_limit_weight),
        weighed(memory_limits, risk_memory, cycle_memory_limit_weight),
    )
    return rounded((1 - worse) * 100)


def weighed(risk_limit: float, risk_load: float, limit_weight: float) -> float:
    return within(limit_weight * risk_limit + (1 - limit_weight) * risk_load, 0.0, 1.0)


def limit_risk(capacity: int, requested: int, limit: int) -> float:
    """How far limits exceed capacity, as a share of how far they exceed requests."""
    if limit <= capacity:
        return 0.0
    return float(limit - capacity) / max(float(limit - min(requested, capacity)), 1.0)


def load_risk(
    kept: MutableSequence[float],
    at: int,
    unit: float,
    capacity: int,
    requested: int,
    limit: int,
    average_pct: float,
    deviation_pct: float,
    window: int,
) -> float:
    """Probability that load exceeds the requests: the kept one, if it was computed from the same."""
    if (
        kept[at] != float(capacity)
        or kept[at + 1] != float(requested)
        or kept[at + 2] != float(limit)
        or kept[at + 3] != average_pct
        or kept[at + 4] != deviation_pct
    ):
        mu, sigma = mu_sigma(float(capacity) * unit, average_pct, deviation_pct)
        kept[at + 5] = excess(capacity, requested, limit, mu, sigma, window)
        kept[at], kept[at + 1], kept[at + 2] = float(capacity), float(requested), float(limit)
        kept[at + 3], kept[at + 4] = average_pct, deviation_pct
    return kept[at + 5]


def mu_sigma(capacity: float, average_pct: float, deviation_pct: float) -> tuple[float, float]:
    """Average and deviation of load as shares of capacity."""
    if capacity <= 0:
        return 0.0, 0.0
    mu = within((average_pct * capacity / 100) / capacity, 0.0, 1.0)
    sigma = within((deviation_pct * capacity / 100) / capacity, 0.0, 1.0)
    return mu, sigma


def excess(capacity: int, requested: int, limit: int, mu: float, sigma: float, window: int) -> float:
    """Probability that load exceeds what the pods on the node request, given that it keeps to their limits."""
    sigma = min(sigma * math.sqrt(float(window)), math.sqrt(max_variance(mu) * VARIANCE_SHARE))
    threshold = 0.0
    if capacity > 0:
        threshold = within(float(requested) / float(capacity), 0.0, 1.0)
    a, b = shape(mu, sigma)
    below = 0.0
    if mu == 0 or (sigma == 0 and mu <= threshold):
        below = 1.0
    elif a > 0:
        below = beta_below(threshold, a, b)
    if limit < capacity and requested <= limit:
        limit_share = float(limit) / float(capacity)
        if limit_share == 0:
            below = 1.0
        elif a > 0:
            possible = beta_below(limit_share, a, b)
            if possible > 0:
                below = within(below / possible, 0.0, 1.0)
    return 1 - below


def max_variance(mu: float) -> float:
    """Of any distribution on 0..1 with this mean."""
    return mu * (1 - mu) if 0 < mu < 1 else 0.0


def shape(mu: float, sigma: float) -> tuple[float, float]:
    """a and b of the beta distribution with these moments; (0, 0) if there is none."""
    if mu <= 0 or mu > 1 or sigma == 0:
        return 0.0, 0.0
    variance = (sigma * sigma + mu * mu) - mu * mu
    if variance <= 0 or variance >= mu * (1 - mu):
        return 0.0, 0.0
    size = max(mu * (1 - mu) / variance - 1, SMALLEST)
    return mu * size, (1 - mu) * size


def beta_below(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), 0..1; what cannot be computed is 0."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if a < SHAPE_MIN or b < SHAPE_MIN:
        return 1.0 if a < b else 0.0
    found = incomplete(x, a, b)
    return min(found, 1.0) if 0 <= found <= 1 + EXCESS_MAX else 0.0


def incomplete(x: float, a: float, b: float) -> float:
    if b * x <= 1 and x <= 0.95:  # noqa: PLR2004 - where the series converges fast
        return series(x, a, b)
    if x <= a / (a + b):
        return by_fraction(x, 1 - x, a, b)
    # Above the mean the other tail is the smaller one.
    rest = 1 - x
    tail = series(rest, b, a) if a * rest <= 1 and rest <= 0.95 else by_fraction(rest, x, b, a)  # noqa: PLR2004
    return 1 - EPSILON if tail <= EPSILON else 1 - tail


def series(x: float, a: float, b: float) -> float:
    """x^a (1/a + sum over n of (1-b)...(n-b) x^n / (n! (a+n))) / B(a, b)."""
    factor = (1 - b) * x
    first = factor / (a + 1)
    term, total = first, 0.0
    enough = EPSILON / a
    n = 2.0
    while abs(term) > enough and n < SERIES_TERMS:
        factor *= (n - b) * x / n
        term = factor / (a + n)
        total += term
        n += 1
    total = total + first + 1 / a
    power = a * math.log(x)
    if a + b < GAMMA_MAX and abs(power) < LOG_MAX:
        return total * gamma_ratio(a, b) * math.pow(x, a)
    return exponential(log_gamma_ratio(a, b) + power + math.log(total))


def by_fraction(x: float, rest: float, a: float, b: float) -> float:
    """x^a rest^b / (a B(a, b)) times a continued fraction; `rest` is 1 - x."""
    if x * (a + b - 2) - (a - 1) < 0:
        value = fraction(x, a, a + b, b - 1, 1.0)
    else:
        value = fraction(x / rest, a, b - 1, a + b, -1.0) / rest
    power, rest_power = a * math.log(x), b * math.log(rest)
    if a + b < GAMMA_MAX and abs(power) < LOG_MAX and abs(rest_power) < LOG_MAX:
        return math.pow(rest, b) * math.pow(x, a) / a * value * gamma_ratio(a, b)
    if value <= 0:
        return 0.0
    return exponential(power + rest_power + log_gamma_ratio(a, b) + math.log(value / a))


def fraction(z: float, a: float, up: float, down: float, step: float) -> float:
    """The continued fraction 1 / (1 + d1 / (1 + d2 / ...)), where with m counting from 0

    d(2m+1) = -z (a + m) (up + step m) / ((a + 2m) (a + 2m + 1))
    d(2m+2) =  z (m + 1) (down - step m) / ((a + 2m + 1) (a + 2m + 2))
    """
    before_p, before_q, last_p, last_q = 0.0, 1.0, 1.0, 1.0
    value = 1.0
    for m in range(FRACTION_TERMS):
        at = a + 2.0 * m
        d = -(z * (a + m) * (up + step * m)) / (at * (at + 1))
        p, q = last_p + before_p * d, last_q + before_q * d
        before_p, before_q, last_p, last_q = last_p, last_q, p, q
        d = (z * (1.0 + m) * (down - step * m)) / ((at + 1) * (at + 2))
        p, q = last_p + before_p * d, last_q + before_q * d
        before_p, before_q, last_p, last_q = last_p, last_q, p, q
        if q != 0 and p != 0:
            newer = p / q
            change = abs((value - newer) / newer)
            value = newer
            if change < 3 * EPSILON:
                break
        size = 1.0
        if abs(q) + abs(p) > RESCALED_AT:
            size = 1 / RESCALED_AT
        if abs(q) < 1 / RESCALED_AT or abs(p) < 1 / RESCALED_AT:
            size *= RESCALED_AT
        before_p, before_q, last_p, last_q = before_p * size, before_q * size, last_p * size, last_q * size
    return value


def gamma_ratio(a: float, b: float) -> float:
    """1 / B(a, b), without an overflow on the way."""
    return math.gamma(a + b) / math.gamma(max(a, b)) / math.gamma(min(a, b))


def log_gamma_ratio(a: float, b: float) -> float:
    """-log B(a, b)."""
    return math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)


def exponential(x: float) -> float:
    """e^x, at its ends without overflow."""
    if x < LOG_MIN:
        return 0.0
    return math.exp(min(x, LOG_MAX))
