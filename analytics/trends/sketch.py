"""Quantiles of counts in logarithmic buckets (as DDSketch, Masson et al. 2019).

A value v > 0 is in bucket ceil(ln v / ln g), g = (1 + a) / (1 - a), and is told as the middle of its bucket, which is
within the share a of v. Merging is adding counts by bucket, on any engine; the bound holds after any merge. A bucket is
one number that orders as the values do: OFFSET is added to those of positive values, 0 is the bucket of 0, and those of
negative values are the negated ones of their size.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.trends.series import Floats

ALPHA = 0.02
"""Most that a quantile may be off, as a share of it."""
OFFSET = 20_000
SMALLEST = 1e-300
"""Nearer to 0 counts as 0."""
_LN_GAMMA = math.log1p(ALPHA) - math.log1p(-ALPHA)
_LN_MIDDLE = math.log1p(-ALPHA)
"""From the upper end of a bucket to its middle, 2 / (g + 1) = 1 - a."""
_LARGEST = float(np.finfo(np.float64).max)
_LN_LARGEST = math.log(_LARGEST)
_FIRST = OFFSET + math.ceil(math.log(SMALLEST) / _LN_GAMMA)
_LAST = OFFSET + math.ceil(_LN_LARGEST / _LN_GAMMA)

Ints = NDArray[np.int64]


def bucket_of(values: ArrayLike) -> Ints:
    """Shape of `values`. Infinite values count as the largest float. Raises ValueError on NaN."""
    given = np.asarray(values, dtype=np.float64)
    if np.isnan(given).any():
        raise ValueError("values: NaN is no value")
    size = np.minimum(np.abs(given), _LARGEST)
    counts = size >= SMALLEST
    places = np.ceil(np.log(np.where(counts, size, 1.0)) / _LN_GAMMA).astype(np.int64) + OFFSET
    found: Ints = np.where(counts, np.sign(given).astype(np.int64) * places, 0)
    return found


def value_of(buckets: ArrayLike) -> Floats:
    """The middle of each bucket, shape of `buckets`. Raises ValueError for a number that is no bucket."""
    given = np.asarray(buckets, dtype=np.int64)
    size = np.abs(given)
    if np.any((given != 0) & ((size < _FIRST) | (size > _LAST))):
        raise ValueError(f"buckets: want 0, or {_FIRST} to {_LAST} of either sign")
    exponents = np.minimum((size - OFFSET) * _LN_GAMMA + _LN_MIDDLE, _LN_LARGEST)
    return np.sign(given) * np.exp(exponents)


def sketch(values: ArrayLike) -> tuple[Ints, Ints]:
    """(buckets in order, how many values each has). Raises ValueError on NaN."""
    buckets, counts = np.unique(bucket_of(values), return_counts=True)
    return buckets, counts.astype(np.int64)


def merged(buckets: ArrayLike, counts: ArrayLike) -> tuple[Ints, Ints]:
    """Rows of several sketches, one after the other -> one sketch: counts added by bucket."""
    given = np.asarray(buckets, dtype=np.int64)
    places, into = np.unique(given, return_inverse=True)
    total = np.zeros(len(places), dtype=np.int64)
    np.add.at(total, into, np.asarray(counts, dtype=np.int64))
    return places, total


def quantile(buckets: ArrayLike, counts: ArrayLike, q: float) -> float | None:
    """Within ALPHA of the value of rank ceil(q n), the least for q = 0; None where nothing was counted.

    `buckets` may come in any order and more than once. Raises ValueError for a `q` outside 0 to 1, for counts below 0
    and for lists of different length.
    """
    if not 0 <= q <= 1:
        raise ValueError(f"q: {q}; want 0 to 1")
    places, many = np.asarray(buckets, dtype=np.int64).ravel(), np.asarray(counts, dtype=np.int64).ravel()
    if len(places) != len(many):
        raise ValueError(f"counts: {len(many)} for {len(places)} buckets")
    if np.any(many < 0):
        raise ValueError("counts: want 0 or more")
    order = np.argsort(places, kind="stable")
    running = np.cumsum(many[order])
    if len(running) == 0 or running[-1] == 0:
        return None
    rank = max(1, math.ceil(q * int(running[-1])))
    return float(value_of(places[order][np.searchsorted(running, rank)]))
