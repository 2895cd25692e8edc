"""What each figure should reach, and how far the results are: reads budgets.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().with_name("budgets.toml")
COLUMNS = ("must", "goal", "moonshot")
"""From the least to the most."""
BELOW, UNMEASURED = "below must", "not measured"


@dataclass(frozen=True, slots=True)
class Budget:
    """One figure. All three columns have its unit."""

    id: str
    what: str
    unit: str
    better: str
    """`lower` or `higher`."""
    must: float
    goal: float
    moonshot: float
    at: tuple[str, ...]
    """Where it stands in the results, keys joined by dots; of several the worst counts."""

    def reaches(self, value: float, column: str) -> bool:
        wanted: float = getattr(self, column)
        return value <= wanted if self.better == "lower" else value >= wanted


@dataclass(frozen=True, slots=True)
class Verdict:
    budget: Budget
    value: float | None
    low: float | None
    high: float | None
    """Bounds of the value, where its part gives them."""
    word: str
    """`below must`, the highest column that is reached, or `not measured`."""
    why: str = ""
    """Of `not measured`."""

    def tree(self) -> dict[str, Any]:
        budget = self.budget
        columns = {column: getattr(budget, column) for column in COLUMNS}
        told = {"id": budget.id, "what": budget.what, "unit": budget.unit, **columns}
        return {**told, "value": self.value, "low": self.low, "high": self.high, "verdict": self.word, "why": self.why}


def load(path: Path = FILE) -> list[Budget]:
    """In the order of the file. Raises ValueError, which says which figure is wrong and how."""
    found = [_budget(row) for row in tomllib.loads(path.read_text())["figure"]]
    ids = [budget.id for budget in found]
    if twice := {name for name in ids if ids.count(name) > 1}:
        raise ValueError(f"{path.name}: {sorted(twice)} stand there twice")
    return found


def _budget(row: Mapping[str, Any]) -> Budget:
    try:
        budget = Budget(**{**row, "at": tuple(row["at"])})
    except (TypeError, KeyError) as wrong:
        raise ValueError(f"{FILE.name}: {row.get('id', row)}: {wrong}") from None
    if budget.better not in ("lower", "higher"):
        raise ValueError(f"{FILE.name}: {budget.id}: better = {budget.better!r}; want lower or higher")
    if not budget.reaches(budget.goal, "must") or not budget.reaches(budget.moonshot, "goal"):
        raise ValueError(f"{FILE.name}: {budget.id}: want must, goal and moonshot ever {budget.better}")
    return budget


def judge(budget: Budget, results: Mapping[str, Any]) -> Verdict:
    """`results["left_out"]` says of a part, or of a server beside ours, why it is not in the results."""
    found = [_found(results, path) for path in budget.at]
    if missing := [path for path, value in zip(budget.at, found, strict=True) if value is None]:
        left_out = results.get("left_out", {})
        named = (left_out[key] for key in missing[0].split(".") if key in left_out)
        why = next(named, f"{missing[0]} is not in the results")
        return Verdict(budget, None, None, None, UNMEASURED, why)
    worst = (max if budget.better == "lower" else min)((value for value in found if value), key=lambda one: one[0])
    value, low, high = worst
    reached = [column for column in COLUMNS if budget.reaches(value, column)]
    return Verdict(budget, value, low, high, reached[-1] if reached else BELOW)


def _found(results: Mapping[str, Any], path: str) -> tuple[float, float | None, float | None] | None:
    """A plain number, or a tree with `value` and perhaps `low` and `high`."""
    place: Any = results
    for key in path.split("."):
        if not isinstance(place, Mapping) or key not in place:
            return None
        place = place[key]
    if isinstance(place, Mapping):
        return (float(place["value"]), place.get("low"), place.get("high")) if "value" in place else None
    return (float(place), None, None) if isinstance(place, int | float) else None
