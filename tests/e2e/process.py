"""Child processes of the tests: each writes a log, dies with the test run, and is awaited until it answers."""

from __future__ import annotations

import ctypes
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

READY_LIMIT_S = 120
POLL_S = 0.05
LOG_TAIL = 4000

_LIBC = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class Process:
    """One program, from start to end. Its log is appended to, so that a restart keeps what was before."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name = name
        self.directory = directory
        self.log = directory / f"{name}.log"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, command: list[str], env: Mapping[str, str] | None = None, cwd: Path | None = None) -> None:
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=cwd or self.directory,
                env=env,
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - one system call, no locks
            )

    @property
    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """Raises RuntimeError before the first start."""
        if self._child is None:
            raise RuntimeError(f"{self.name} was not started, so it has no pid")
        return self._child.pid

    def wait_ready(self, url: str, limit_s: float = READY_LIMIT_S) -> None:
        """Until `url` answers 200. Raises RuntimeError with the end of the log."""
        until = time.monotonic() + limit_s
        while True:
            if not self.alive:
                raise RuntimeError(f"{self.name} ended before it was ready:\n{self.log_tail()}")
            try:
                read_url(url)
            except (urllib.error.URLError, OSError) as trouble:
                if time.monotonic() > until:
                    raise RuntimeError(f"{self.name}: {url} after {limit_s} s: {trouble}\n{self.log_tail()}") from None
                time.sleep(POLL_S)
            else:
                return

    def terminate(self, limit_s: float) -> None:
        """SIGTERM, and SIGKILL when it does not end in time."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """SIGKILL: no chance to tidy up."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-LOG_TAIL:] if self.log.exists() else "(no log)"


def read_url(url: str, timeout_s: float = 5) -> str:
    """Body of a 200 answer from loopback. No credentials go out, so any certificate will do."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(url, timeout=timeout_s) as response:
        body: bytes = response.read()
        return body.decode()


def read_metric(url: str, name: str, **labels: str) -> float:
    """Sum of all samples of a metric that carry these labels; 0 when there is none."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        float(line.rpartition(" ")[2])
        for line in read_url(url).splitlines()
        if line.partition("{")[0].partition(" ")[0] == name and all(label in line for label in wanted)
    )


def eventually(what: str, condition: Callable[[], object], limit_s: float, details: Callable[[], object] = str) -> None:
    """Until `condition` is true. Raises AssertionError naming `what` and the `details` of the last look."""
    until = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(f"not within {limit_s} s: {what}\n{details()}")
        time.sleep(POLL_S)


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
