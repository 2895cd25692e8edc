"""Numbers as Go's strconv.ParseFloat reads them, cut to int64 as amd64 does."""

from __future__ import annotations

import math
import re

_D = "[0-9](?:_?[0-9])*"
_H = "[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_DECIMAL = re.compile(rf"[+-]?(?:{_D}(?:\.(?:{_D})?)?|\.{_D})(?:[eE][+-]?{_D})?", re.ASCII)
_HEX = re.compile(rf"[+-]?0[xX](?:_?{_H}(?:\.(?:{_H})?)?|\.{_H})[pP][+-]?{_D}", re.ASCII)
_INT64 = 2.0**63


def whole_number(text: str) -> int | None:
    """The number toward zero; None for what is no number, or none that an int64 above -2^63 holds.

    Underscores may stand between digits (and behind `0x`); a hexadecimal number needs its `p` exponent. Inf, NaN and
    everything out of range become -2^63 in Go on amd64, which is its word for "no value".
    """
    number = _float(text)
    if number is None or not -_INT64 < number < _INT64:
        return None
    return math.trunc(number)


def _float(text: str) -> float | None:
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _HEX.fullmatch(text):
        try:
            return float.fromhex(text.replace("_", ""))
        except OverflowError:
            return None
    return None
