"""All installed plugins, compiled: what offline commands need."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extender.framework.compiled import CompiledPlugin


def installed_plugins(cache: Path) -> dict[str, CompiledPlugin]:
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache / "numba"))  # before numba is imported
    from extender.framework.compiled import compile_all
    from extender.plugins import PLUGINS

    return compile_all(PLUGINS, cache)
