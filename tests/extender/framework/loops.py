"""Loops for tests: compiled as they are in the extender."""

from __future__ import annotations

from pathlib import Path

from extender.framework.loop import Loop, LoopError
from extender.native.folders import Folders
from extender.native.library import load


def loaded(loop: Loop, kernels: Path) -> Loop:
    """Raises LoopError if it does not compile."""
    load([loop], Folders(kernels))
    if loop.refused:
        raise LoopError(loop.refused)
    return loop
