"""Programs under measurement: started as users start them, logged, ended by pid."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

REPOSITORY = Path(__file__).resolve().parent.parent
READY_LIMIT_S = 120.0
_STOP_S = 10.0
_TAIL = 3000
_POLL_S = 0.005
_PR_SET_PDEATHSIG = 1

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class BenchmarkFailed(Exception):
    """A program did not do its part; the text says which, and how its log ends."""


class Program:
    """One child process; use as a context manager."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, *, env: dict[str, str] | None = None) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.started_s = time.perf_counter()
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=env,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call between fork and exec
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self.process.pid

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def until(
        self, condition: Callable[[], bool], what: str, limit_s: float = READY_LIMIT_S, every_s: float = _POLL_S
    ) -> float:
        """Seconds since the program's start at which the condition held. Raises BenchmarkFailed.

        `every_s`: how often it is asked; a program that is to work meanwhile should not spend its time on answers.
        """
        until = time.perf_counter() + limit_s
        while not condition():
            if self.process.poll() is not None:
                raise BenchmarkFailed(f"{self.name} ended with {self.process.returncode}:\n{self.tail()}")
            if time.perf_counter() > until:
                raise BenchmarkFailed(f"{self.name}: {what} not within {limit_s:.0f} s:\n{self.tail()}")
            time.sleep(every_s)
        return time.perf_counter() - self.started_s

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-_TAIL:]

    def resident_mb(self) -> float:
        """Resident memory now, in MB (10^6 bytes); 0 where /proc is missing."""
        path = Path(f"/proc/{self.pid}/status")
        if not path.exists():
            return 0.0
        line = next(row for row in path.read_text().splitlines() if row.startswith("VmRSS"))
        return int(line.split()[1]) * 1024 / 1e6


def python(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def get(url: str) -> tuple[int, bytes]:
    """Status and body; 0 when nobody answers."""
    try:
        with _OPENER.open(url, timeout=5) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def post(url: str, body: bytes, *, method: str = "POST", kind: str = "application/json") -> bytes:
    """Raises BenchmarkFailed unless the status is 2xx."""
    request = urllib.request.Request(url, body, {"Content-Type": kind}, method=method)
    try:
        with _OPENER.open(request, timeout=30) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        raise BenchmarkFailed(f"{method} {url}: {error.code} {error.read()[:500]!r}") from None


def listens(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(0.5)
        return one.connect_ex(("127.0.0.1", port)) == 0


def _die_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
