"""A plugin in shadow in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def say(found: Mapping[str, Any], of: str = "") -> str:
    """`found`: numbers of a report (store/shadow.py). `of`: the namespace that they are about, or all."""
    if not found["seen"]:
        return "has not been asked about any decision yet"
    some = found["would_reject"]["pods"] - found["would_reject_all"]["pods"]
    parts = [
        _share("rejected", found["would_reject_all"]["pods"], found["seen"], f"of pods{f' of {of}' if of else ''}"),
        _share("taken nodes from", some, found["seen"], f"of pods{f' of {of}' if of else ''}"),
        _share("moved", found["moved"]["placements"], found["moved"]["of"], "of placements"),
    ]
    told = [part for part in parts if part]
    cost = found["cost_us"]["p50"]
    if not told:
        seen = found["seen"]
        told = [f"changed nothing in {seen} decision{'s' if seen != 1 else ''}{f' of {of}' if of else ''}"]
    return f"would have {', '.join(told)}, cost {cost:.0f} us" if cost is not None else f"would have {', '.join(told)}"


def _share(done: str, part: int, whole: int, of: str) -> str:
    if not part or not whole:
        return ""
    percent = 100 * part / whole
    return f"{done} {'less than 1' if percent < 1 else f'{percent:.0f}'} % {of}"
