"""One tool as a process of its own, as a person starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.ports import free_port

REPOSITORY = Path(__file__).parents[2]
WITHIN_S = 60.0


def environment(**more: str) -> dict[str, str]:
    """Without what a machine may have set for our programs."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TRIMTAB_", "KUBERNETES_")) and name not in ("PORT", "HOST", "KUBECONFIG")
    }
    return kept | {"PYTHONPATH": str(REPOSITORY)} | more


def ran(name: str, *args: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """To its end."""
    return subprocess.run(
        [sys.executable, "-m", "analytics.programs", name, *args],
        cwd=cwd, env=environment(**env), capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip


class Tool:
    def __init__(self, process: subprocess.Popen[str], port: int, metrics_port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.metrics_port = metrics_port
        self.log = log
        self._client = httpx.Client(trust_env=False, timeout=30)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, *, port: int = 0) -> httpx.Response:
        """As soon as somebody listens there."""
        until = time.monotonic() + WITHIN_S
        while True:
            try:
                return self._client.get(f"http://127.0.0.1:{port or self.port}{path}")
            except httpx.TransportError:
                assert self.process.poll() is None, self.log.read_text()
                assert time.monotonic() < until, self.log.read_text()
                time.sleep(0.05)

    def post(self, path: str) -> httpx.Response:
        return self._client.post(f"{self.url}{path}")

    def until(self, path: str, code: int) -> httpx.Response:
        """The first answer with this status."""
        until = time.monotonic() + WITHIN_S
        while (answer := self.get(path)).status_code != code:
            assert time.monotonic() < until, (path, answer.status_code, self.log.read_text())
            time.sleep(0.1)
        return answer

    def metric(self, name: str) -> bool:
        return any(line.startswith(name) for line in self.get("/metrics").text.splitlines())

    def close(self) -> int:
        self._client.close()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WITHIN_S)


@contextmanager
def running(
    name: str, folder: Path, *args: str, port: int = 0, metrics: bool = True, store: str = ""
) -> Iterator[Tool]:
    """`metrics` False: the tool has no metrics port of its own. Ends by SIGTERM, and well."""
    port, metrics_port = port or free_port(), free_port() if metrics else 0
    log = folder / f"{name}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "analytics.programs", name, f"--port={port}",
                *([f"--metrics=127.0.0.1:{metrics_port}"] if metrics else []),
                f"--store={store or folder / 'store.duckdb'}", f"--extender=http://127.0.0.1:{free_port()}", *args,
            ],
            cwd=folder, env=environment(), stdout=out, stderr=out, text=True,
        )  # fmt: skip
        tool = Tool(process, port, metrics_port or port, log)
        try:
            yield tool
            assert tool.close() == 0, log.read_text()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
