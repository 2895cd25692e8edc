"""All installed plugins, compiled: what offline commands need."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from extender.native.folders import Folders

if TYPE_CHECKING:
    from extender.framework.compiled import CompiledPlugin


def installed_plugins(folders: Folders) -> dict[str, CompiledPlugin]:
    """Built-in and third-party plugins by name; those that cannot be used are named on stderr.

    Raises NotLoaded if there is nothing to compile them with.
    """
    from extender.engine.natives import FUNCTIONS
    from extender.framework.compiled import compile_all
    from extender.plugins import installed

    plugins, refused = installed()
    # With the functions of the wire, though nothing is served: so it is the library that the extender has.
    compiled = compile_all(plugins, folders.cache, refused, prebuilt=folders.prebuilt, beside=FUNCTIONS)
    for name, why in refused.items():
        print(f"trimtab: plugin {name} is left out: {why}", file=sys.stderr)
    return compiled
