"""Where libraries of native functions are. Imports nothing heavy: the command line names the usual place."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Folders:
    cache: Path
    """Written when it can be; made when it is missing."""
    prebuilt: Path | None = None
    """Only read."""


def usual_cache() -> Path:
    """In the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "trimtab" / "kernels"
