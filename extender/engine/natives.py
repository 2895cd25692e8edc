"""Every native function that is no plugin's: what goes into the library beside the plugins' loops."""

from __future__ import annotations

from extender.engine.best import native as engine_functions
from extender.wire.kernels import native as wire_functions

FUNCTIONS = (*wire_functions, *engine_functions)
