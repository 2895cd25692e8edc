"""The loop over candidate rows, generated around a rule: a native function (extender/native), compiled with it.

The loop is text around one call of the rule; rule and loop become one piece of code, so the call costs nothing.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from typing import Any

from extender.framework.binding import Parameter, Source
from extender.framework.normalize import add_weighted
from extender.native.function import NativeFunction, NotLoaded
from extender.native.kinds import INT, SCALARS, Kind
from extender.native.portable import Unfit, plain

_SCORE = """def loop(rows, out{names}):
    for i in range(len(rows)):
        row = rows[i]
        if row < 0:
            out[i] = 0
        else:
            out[i] = rule({values})
    return 0
"""

# Anything but 0..limit would be decoded as the reason of another plugin: -1 - i names the candidate instead.
_FILTER = """def loop(rows, codes, base, limit{names}):
    rejected = 0
    for i in range(len(rows)):
        row = rows[i]
        if row < 0 or codes[i] != 0:
            continue
        answer = rule({values})
        if answer == 0:
            continue
        if answer < 0 or answer > limit:
            return -1 - i
        codes[i] = base + answer
        rejected += 1
    return rejected
"""

_WHOLE = """def loop(raw, out):
    return rule(raw, out)
"""

_ROWS = Kind("int32", 1, is_written=False)
_CODES = Kind("int16", 1)
_RAW = Kind("int64", 1, is_written=False)
_SCORES = Kind("int64", 1)

SCORE_HEAD = (_ROWS, _SCORES)
"""What a loop takes before the rule's own values."""
FILTER_HEAD = (_ROWS, _CODES, INT, INT)

Loop = NativeFunction


class LoopError(Exception):
    """A rule cannot be compiled; the message holds what the compiler said."""


def score_loop(rule: Callable[..., int], parameters: Sequence[Parameter]) -> Loop:
    """loop(rows, out, *values): out[i] = the rule's raw score of the node in rows[i]; row -1 scores 0.

    Raises LoopError if the rule is no plain function.
    """
    return _loop(rule, _SCORE.format(**_spelled(parameters)), (*SCORE_HEAD, *map(_kind, parameters)))


def filter_loop(rule: Callable[..., int], parameters: Sequence[Parameter]) -> Loop:
    """loop(rows, codes, base, limit, *values) -> rejected; see CompiledPlugin.filter_rows.

    -1 - i: the rule answered outside 0..limit for candidate i. Raises LoopError as above.
    """
    return _loop(rule, _FILTER.format(**_spelled(parameters)), (*FILTER_HEAD, *map(_kind, parameters)))


def vector_loop(rule: Callable[..., int]) -> Loop:
    """loop(raw, out): the rule over the whole vector (a normaliser). Raises LoopError as above."""
    return _loop(rule, _WHOLE, (_RAW, _SCORES))


def weighing() -> Loop:
    """loop(scores, totals, weight): normalize.add_weighted."""
    return NativeFunction(plain(add_weighted), (_RAW, _SCORES, INT), _nobody_loaded(add_weighted))


def _spelled(parameters: Sequence[Parameter]) -> dict[str, str]:
    return {
        "names": "".join(f", {p.name}" for p in parameters),
        "values": ", ".join(f"{p.name}[row]" if p.by_row else p.name for p in parameters),
    }


def _kind(parameter: Parameter) -> Kind:
    scalar = SCALARS[parameter.kind]
    if parameter.source is Source.NODE_ROW:
        return Kind(scalar.element, 2)
    if parameter.by_row or parameter.source is Source.CYCLE_VECTOR:
        return Kind(scalar.element, 1)
    return scalar


def _loop(rule: Callable[..., int], text: str, kinds: tuple[Kind, ...]) -> Loop:
    try:
        known = {"rule": plain(rule)}
    except Unfit as why:
        raise LoopError(str(why)) from None
    made: dict[str, Any] = known
    exec(compile(text, f"<loop around {rule.__module__}.{rule.__qualname__}>", "exec"), made)
    loop = made["loop"]
    assert isinstance(loop, types.FunctionType)  # noqa: S101 - each text above defines it
    loop.__module__, loop.__qualname__ = rule.__module__, rule.__qualname__
    return NativeFunction(loop, kinds, _nobody_loaded(loop))


def _nobody_loaded(loop: Callable[..., int]) -> Callable[[], None]:
    def refuse() -> None:
        raise NotLoaded(f"the loop around {loop.__module__}.{loop.__qualname__} is called before it is compiled")

    return refuse
