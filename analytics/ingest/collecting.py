"""No garbage collection while a batch is made: it makes many objects, none of them in a cycle, and to look for cycles
among them again and again takes longer than some of what is done with them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_LOCK = Lock()
_held: list[bool] = []
"""One for each that is under way, in whichever thread: whether it was on before."""


@contextmanager
def no_collecting() -> Iterator[None]:
    """It is as it was when the last of those that overlap has ended."""
    with _LOCK:
        _held.append(_held[0] if _held else gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _LOCK:
            if _held.pop() and not _held:
                gc.enable()
