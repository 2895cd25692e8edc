"""From native functions to code: a child process compiles what no earlier one has, the C compiler links it.

Objects are kept per function, so that a new plugin or a changed rule compiles alone. A function that does not compile
is kept as its reason. A folder that cannot be written costs time at the next start, nothing else.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
import pickle
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from extender.native.kinds import Kind
from extender.native.portable import Portable
from extender.native.sealed import read_sealed, sealed, write_whole

log = logging.getLogger(__name__)

CPU_NAME, CPU_FEATURES = "generic", ""
"""What every machine of the architecture has: a library travels in images, and node types differ."""
OBJECTS_KEPT_MAX = 2048
JOBS_OF_ONE_PROCESS = 6

_OBJECTS = "objects"
_COMPILERS = ("numba", "llvmlite", "numpy")
_SOURCES = ("build.py", "entry.py", "intrinsics.py", "kinds.py", "runtime.py")
_LINK_OPTIONS = ("-shared", "-Wl,-z,defs", "-Wl,-z,noexecstack", "-lm")


class CannotCompile(Exception):
    """The compiling process failed as a whole; the message says how."""


class CannotLink(Exception):
    """No C compiler, or it refused; the message says which and how."""


@dataclass(frozen=True, slots=True)
class Job:
    function: Portable
    kinds: tuple[Kind, ...]

    @property
    def digest(self) -> str:
        """Of all that the code depends on."""
        told = "\0".join((surroundings(), self.function.digest, *map(repr, self.kinds)))
        return hashlib.sha256(told.encode()).hexdigest()[:40]

    @property
    def symbol(self) -> str:
        return f"trimtab_{self.digest}"


@functools.cache
def surroundings() -> str:
    """What code depends on beside its function: this Python, the compiler, the machine, and how entries are made."""
    here = Path(__file__).parent
    sources = hashlib.sha256(b"".join((here / name).read_bytes() for name in _SOURCES)).hexdigest()
    return "\0".join(
        (sys.version, *map(_version, _COMPILERS), sys.platform, platform.machine(), CPU_NAME, CPU_FEATURES, sources)
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def objects_of(jobs: Sequence[Job], folder: Path | None) -> dict[str, bytes | str]:
    """{digest: object code, or why there is none}, from `folder` where it has them. Raises CannotCompile."""
    found: dict[str, bytes | str] = {}
    for job in jobs:
        kept = read_sealed(_path(folder, job.digest)) if folder else None
        if kept is not None:
            code, why = kept
            found[job.digest] = why or code
    missing = {job.digest: job for job in jobs if job.digest not in found}
    if missing:
        started = time.monotonic()
        fresh = _compiled(list(missing.values()))
        log.info("%d native functions compiled in %.1f s", len(fresh), time.monotonic() - started)
        found |= fresh
        if folder is not None:
            _keep(fresh, folder)
    return found


def linked(objects: Mapping[str, bytes]) -> bytes:
    """One shared library with the symbols of all objects. Raises CannotLink."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    try:
        with tempfile.TemporaryDirectory(prefix="trimtab-") as folder:
            names = []
            for digest, code in objects.items():
                names.append(f"{digest}.o")
                (Path(folder) / names[-1]).write_bytes(code)
            command = [*compiler, "-o", "library.so", *names, *_LINK_OPTIONS]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                raise CannotLink(f"{compiler[0]} does not link: {done.stderr.strip()[-300:]}")
            return (Path(folder) / "library.so").read_bytes()
    except OSError as wrong:
        raise CannotLink(f"{compiler[0]}: {wrong.strerror or wrong}") from None


def _compiled(jobs: list[Job]) -> dict[str, bytes | str]:
    """By two processes if there is much to do: each needs a core, and 300 MB."""
    many = len(jobs) > JOBS_OF_ONE_PROCESS and (os.cpu_count() or 1) > 1
    jobs.sort(key=lambda job: job.function.size, reverse=True)
    shares = [jobs[0::2], jobs[1::2]] if many else [jobs]
    with ThreadPoolExecutor(len(shares)) as side_by_side:
        fresh = list(side_by_side.map(_compiled_apart, shares))
    return {digest: made for share in fresh for digest, made in share.items()}


def _compiled_apart(jobs: list[Job]) -> dict[str, bytes | str]:
    environment = os.environ | {
        "NUMBA_CPU_NAME": CPU_NAME,
        "NUMBA_CPU_FEATURES": CPU_FEATURES,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    command = [sys.executable, "-m", "extender.native.build"]
    try:
        done = subprocess.run(
            command, input=pickle.dumps(tuple(jobs)), capture_output=True, env=environment, check=False
        )
    except OSError as wrong:
        raise CannotCompile(f"{sys.executable} does not start: {wrong.strerror or wrong}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        raise CannotCompile(f"the process that compiles native functions ended with {done.returncode}: {said}")
    fresh: dict[str, bytes | str] = pickle.loads(done.stdout)  # noqa: S301 - from the child process
    return fresh


def _keep(fresh: Mapping[str, bytes | str], folder: Path) -> None:
    try:
        for digest, made in fresh.items():
            content, why = (b"", made) if isinstance(made, str) else (made, "")
            write_whole(_path(folder, digest), sealed(content, why))
        leave_newest(folder / _OBJECTS, "*.o", OBJECTS_KEPT_MAX)
    except OSError as wrong:
        log.debug("%s does not keep objects: %s", folder, wrong)


def leave_newest(folder: Path, pattern: str, count: int) -> None:
    """Remove the oldest files beyond `count`. Raises OSError."""
    found = sorted(folder.glob(pattern), key=_written_at)
    for path in found[: max(0, len(found) - count)]:
        path.unlink(missing_ok=True)


def _written_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another process removes too
        return 0.0


def _path(folder: Path, digest: str) -> Path:
    return folder / _OBJECTS / f"{digest}.o"
