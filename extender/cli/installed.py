"""All installed plugins, compiled: what offline commands need."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from extender.framework.compiled import CompiledPlugin


def installed_plugins(cache: Path) -> dict[str, CompiledPlugin]:
    """Built-in and third-party plugins by name; those that cannot be used are named on stderr.

    Raises KernelCacheError if the folder cannot be written.
    """
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache / "numba"))  # before numba is imported
    from extender.framework.compiled import compile_all
    from extender.plugins import installed

    plugins, refused = installed()
    compiled = compile_all(plugins, cache, refused)
    for name, why in refused.items():
        print(f"trimtab: plugin {name} is left out: {why}", file=sys.stderr)
    return compiled
