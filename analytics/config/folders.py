"""A ConfigMap as kubelet mounts it: a folder with one file per key, changed by swapping a link."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from analytics.config.values import Problem

VALUE_BYTES_MAX: Final = 64 << 10


class Unreadable(Exception):
    """The folder cannot be read; what was read before stays."""


def read_folder(folder: Path) -> tuple[dict[str, str], list[Problem]]:
    """Key -> text, and the files that are none. Raises Unreadable. Dot files are kubelet's own."""
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    try:
        paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as why:
        raise Unreadable(f"cannot be read: {why.strerror}; what was read before stays in effect") from why
    for path in paths:
        try:
            if not path.is_file():
                continue
            body = path.read_bytes()
        except OSError as why:
            problems.append(Problem(str(folder), path.name, f"cannot be read: {why.strerror}"))
            continue
        if len(body) > VALUE_BYTES_MAX:
            problems.append(Problem(str(folder), path.name, f"longer than {VALUE_BYTES_MAX} bytes, not used"))
            continue
        try:
            texts[path.name] = body.decode()
        except UnicodeDecodeError:
            problems.append(Problem(str(folder), path.name, "is not UTF-8 text, not used"))
    return texts, problems
