"""The demo as a process: a simulated cluster, the extender and the console, with a policy that can be changed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from tests.browser.sidecar import REPOSITORY
from tests.ports import free_port

START_LIMIT_S = 150.0
"""The first start compiles every plugin."""


class Refused(Exception):
    """The API refused a call."""

    def __init__(self, code: int, body: dict[str, Any]) -> None:
        super().__init__(f"{code}: {body.get('message')}")
        self.code = code
        self.body = body


class Demo:
    def __init__(self, directory: Path, *, pods_per_second: float = 4.0) -> None:
        self.directory = directory
        self._port = free_port()
        directory.mkdir(parents=True, exist_ok=True)
        # Beside the folder: a demo that starts deletes the logs in it.
        self._told = directory.with_name(f"{directory.name}.log")
        self._log = self._told.open("wb")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from extender.cli.demo import demo; demo()",
                "--no-browser",
                "--nodes=20",
                f"--pods-per-second={pods_per_second}",
                f"--directory={directory}",
                f"--port={self._port}",
                f"--listen=127.0.0.1:{free_port()}",
                f"--admin=127.0.0.1:{free_port()}",
                f"--metrics=127.0.0.1:{free_port()}",
            ],
            cwd=REPOSITORY,
            env={name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        until = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until and self._process.poll() is None:
            try:
                policy = self.policy()
                # An extender that starts answers already, and knows no plugin yet.
                if any(replica["hash"] == policy["desired"]["hash"] != "" for replica in policy["effective"]):
                    return self
            except (Refused, urllib.error.URLError, OSError):
                pass
            time.sleep(0.2)
        self.__exit__()
        raise AssertionError(f"the demo did not start:\n{self._told.read_text()}")

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
        self._log.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def policy_file(self) -> Path:
        return self.directory / "policy.yaml"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """An answer of the API; text goes as YAML, all else as JSON. Raises Refused."""
        sent = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        kind = "application/yaml" if isinstance(body, str) else "application/json"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}", sent, named | ({"Content-Type": kind} if sent else {}), method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                found: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.code, json.load(error)) from error
        return found

    def policy(self) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", "policy")["data"]
        return found

    def put(self, text: str, reason: str = "") -> dict[str, Any]:
        """Store a policy over whatever stands there."""
        query = f"?reason={reason}" if reason else ""
        return self.call("PUT", f"policy{query}", text, If_Match="*")

    def phases(self, plugin: str) -> set[str]:
        """In which the plugin is on."""
        enabled = self.call("GET", "plugins")["data"]["enabled_plugins"]
        return {phase for phase, names in enabled.items() if plugin in names}

    def args(self, plugin: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", "plugins")["data"]["plugin_configs"].get(plugin, {})
        return found
