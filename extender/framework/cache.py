"""The folder of generated loops and of what numba compiled of them. Imports no numba, to be able to speak early."""

from __future__ import annotations

import os
from pathlib import Path


class KernelCacheError(Exception):
    """The kernel cache folder cannot be used; the message says what to set."""


def prepare_cache(cache_dir: Path) -> None:
    """Make the folder and make sure that it takes files. Raises KernelCacheError."""
    probe = cache_dir / f".probe-{os.getpid()}"
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as wrong:
        raise unusable(cache_dir, wrong) from None


def unusable(cache_dir: Path, wrong: OSError) -> KernelCacheError:
    return KernelCacheError(
        f"the kernel cache folder {cache_dir} cannot be written ({wrong.strerror or wrong}); "
        "set --kernel-cache to a writable folder with a few MB of room"
    )
