"""The demo's child processes: they die with us, log to files, and end in order."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

_STOP_S = 8.0
"""After SIGTERM; then SIGKILL."""
_TAIL_BYTES = 3000
_PR_SET_PDEATHSIG = 1

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ChildEnded(Exception):
    """A program that should still run has ended."""


class Child:
    """One program of the demo."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=_environment(),
                # Ctrl-C in the terminal reaches the whole foreground group; the children should hear it from us alone.
                start_new_session=True,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call between fork and exec
            )

    def check(self) -> None:
        """Raises ChildEnded with the end of its log."""
        code = self.process.poll()
        if code is not None:
            raise ChildEnded(f"the {self.name} ended with exit code {code}; the end of {self.log}:\n{self.tail()}")

    def tail(self) -> str:
        with self.log.open("rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - _TAIL_BYTES))
            return log.read().decode(errors="replace").strip() or "(the log is empty)"


class Children:
    """All of them, in the order in which they were started."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []

    def start(self, name: str, *arguments: str) -> None:
        self._children.append(Child(name, arguments, self._logs / f"{name}.log"))

    def check(self) -> None:
        """Raises ChildEnded if one has ended."""
        for child in self._children:
            child.check()

    def stop(self) -> None:
        """SIGTERM to all, latest first, and SIGKILL to those that do not end in time."""
        for child in reversed(self._children):
            with contextlib.suppress(ProcessLookupError):
                child.process.send_signal(signal.SIGTERM)
        until = time.monotonic() + _STOP_S
        for child in reversed(self._children):
            try:
                child.process.wait(max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self._children.clear()


def _environment() -> dict[str, str]:
    """Ours, with the demo's own choices taken out: the children get theirs as options."""
    ours = ("PORT", "SEED", "NODES", "SECONDS", "LISTEN", "ADMIN", "METRICS", "DIRECTORY")
    kept = {key: value for key, value in os.environ.items() if key.removeprefix("TRIMTAB_") not in ours}
    return kept | {"PYTHONUNBUFFERED": "1"}


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
