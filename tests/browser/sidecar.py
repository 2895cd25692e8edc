"""The real sidecar as a process, on a journal that the test writes as an extender would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from extender.journal import Journal
from extender.record.frames import Frame
from tests.ports import free_port

REPOSITORY = Path(__file__).parents[2]
START_LIMIT_S = 60.0


class Sidecar:
    def __init__(self, directory: Path, *options: str) -> None:
        """`options`: more of the command line."""
        self._directory = directory
        self._journal = Journal(directory / "journal", sync="never")
        self._port, self._metrics_port = free_port(), free_port()
        self._log = (directory / "sidecar.log").open("wb")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "analytics",
                f"--listen=127.0.0.1:{self._port}",
                f"--metrics=127.0.0.1:{self._metrics_port}",
                f"--journal={directory / 'journal'}",
                f"--store={directory / 'store.duckdb'}",
                f"--extender=http://127.0.0.1:{free_port()}",
                *options,
            ],
            cwd=REPOSITORY,
            env={name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self._metrics_port}"

    def wait_ready(self) -> None:
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise AssertionError(f"the sidecar did not start:\n{(self._directory / 'sidecar.log').read_text()}")

    def record(self, frames: Iterable[Frame]) -> None:
        """Write frames to the journal; the sidecar follows it."""
        for frame in frames:
            self._journal.offer(frame)

    def ask(self, path: str) -> Any:
        """The data of an answer. Raises urllib.error.HTTPError."""
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)["data"]

    def wait(self, holds: Callable[[], object]) -> None:
        """Until it holds."""
        until = time.monotonic() + START_LIMIT_S
        while not holds():
            assert time.monotonic() < until, (self._directory / "sidecar.log").read_text()
            time.sleep(0.05)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(30)
        self._journal.close()
        self._log.close()
        return code
