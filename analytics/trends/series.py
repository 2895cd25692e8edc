"""Figures at even steps of time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SECOND_US = 1_000_000
MOST_STEPS = 200_000
"""Of one series: four months of minutes."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """`values[i]` is the figure of the step that begins at `start_us + i * step_s * 1_000_000`.

    Infinite values are kept as NaN. Raises ValueError where the step is not positive or `values` has not one dimension.
    """

    start_us: int
    """Microseconds since 1970: begin of the first step."""
    step_s: int
    values: Floats
    """NaN: nothing was measured in that step."""

    def __post_init__(self) -> None:
        if self.step_s <= 0:
            raise ValueError(f"step_s: {self.step_s}; want a positive number of seconds")
        values = np.asarray(self.values, dtype=np.float64)
        if values.ndim != 1:
            raise ValueError(f"values: {values.ndim} dimensions; want one")
        finite = np.isfinite(values)
        object.__setattr__(self, "values", values if finite.all() else np.where(finite, values, np.nan))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def step_us(self) -> int:
        return self.step_s * SECOND_US

    @property
    def end_us(self) -> int:
        """Behind the last step."""
        return self.start_us + len(self.values) * self.step_us

    @property
    def at_us(self) -> NDArray[np.int64]:
        """Begin of each step, shape of `values`."""
        return self.start_us + np.arange(len(self.values), dtype=np.int64) * self.step_us

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which steps were measured."""
        return np.isfinite(self.values)

    @classmethod
    def of(cls, points: Iterable[tuple[int, float]], step_s: int, since_us: int, until_us: int) -> Series:
        """Steps from the one that holds `since_us` to the one before `until_us`; they begin at multiples of the step.

        `points` are (microseconds since 1970, figure) in any order; of several in one step the last given wins, points
        outside are left out, and steps without one are NaN. Raises ValueError on a wrong step or on too long a range.
        """
        if step_s <= 0:
            raise ValueError(f"step_s: {step_s}; want a positive number of seconds")
        step_us = step_s * SECOND_US
        start_us = since_us - since_us % step_us
        steps = max(0, -((start_us - until_us) // step_us)) if until_us > since_us else 0
        if steps > MOST_STEPS:
            raise ValueError(f"step_s: {steps} steps of {step_s} s; want {MOST_STEPS} at most")
        values = np.full(steps, np.nan)
        for at_us, value in points:
            place = (at_us - start_us) // step_us
            if 0 <= place < steps:
                values[place] = value
        return cls(start_us, step_s, values)
