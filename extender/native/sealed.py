"""Files that prove that they are whole: content, a JSON note, and a checksum at the end.

A library with something behind it is still a library: the loader reads what the head of the file names.
A file that breaks off, or was changed, is no file: loading code from it would end the process.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

_MAGIC = b"trimtab\1"
_LENGTH_BYTES, _DIGEST_BYTES = 8, 32
_TAIL_BYTES = _LENGTH_BYTES + _DIGEST_BYTES + len(_MAGIC)


def sealed(content: bytes, note: Any) -> bytes:
    told = json.dumps(note).encode()
    body = content + told + len(told).to_bytes(_LENGTH_BYTES, "little")
    return body + hashlib.sha256(body).digest() + _MAGIC


def opened(whole: bytes) -> tuple[bytes, Any] | None:
    """(content, note), or None: broken."""
    if len(whole) < _TAIL_BYTES or not whole.endswith(_MAGIC):
        return None
    body, digest = whole[: -_DIGEST_BYTES - len(_MAGIC)], whole[-_DIGEST_BYTES - len(_MAGIC) : -len(_MAGIC)]
    if hashlib.sha256(body).digest() != digest:
        return None
    told_bytes = int.from_bytes(body[-_LENGTH_BYTES:], "little")
    content, told = body[: -_LENGTH_BYTES - told_bytes], body[-_LENGTH_BYTES - told_bytes : -_LENGTH_BYTES]
    return content, json.loads(told)


def read_sealed(path: Path) -> tuple[bytes, Any] | None:
    """None: absent, unreadable or broken."""
    try:
        return opened(path.read_bytes())
    except OSError:
        return None


def write_whole(path: Path, whole: bytes) -> None:
    """Others see the old file or the new one. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".new")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(whole)
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).chmod(0o644)
        Path(fresh).replace(path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise
