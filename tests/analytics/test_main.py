"""The sidecar as a process: options, environment, exit codes, start without anything, drain."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from analytics.__main__ import AddressType
from analytics.main import Address
from tests.ports import free_port

REPOSITORY = Path(__file__).parents[2]
LIMIT_S = 60.0


def start(tmp_path: Path, *args: str, **env: str) -> subprocess.Popen[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TRIMTAB_", "KUBERNETES_")) and name not in ("PORT", "HOST")
    }
    return subprocess.Popen(
        [sys.executable, "-m", "analytics", *args],
        cwd=tmp_path,
        env=kept | {"PYTHONPATH": str(REPOSITORY)} | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def fetch(port: int, path: str) -> bytes:
    until = time.monotonic() + LIMIT_S
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                body: bytes = answer.read()
                return body
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


def test_it_starts_without_journal_folder_and_without_extender_and_drains_on_sigterm(
    tmp_path: Path, ports: tuple[int, int]
) -> None:
    process = start(
        tmp_path,
        f"--listen=127.0.0.1:{ports[0]}",
        f"--metrics=127.0.0.1:{ports[1]}",
        f"--journal={tmp_path / 'not' / 'there'}",
        f"--journal={tmp_path / 'nor-this'}",
        f"--store={tmp_path / 'store.duckdb'}",
    )
    try:
        assert json.loads(fetch(ports[0], "/health"))["status"] == "healthy"
        assert json.loads(fetch(ports[1], "/health"))["checks"].items() >= {"store": "ok", "ingest": "ok"}.items()
        assert json.loads(fetch(ports[0], "/api/decisions"))["data"] == {"decisions": [], "total": 0, "limit": 50}
        assert fetch(ports[0], "/api/flowchart").startswith(b"flowchart TD")
        assert b"trimtab_ingest_frames_total" in fetch(ports[1], "/metrics")
        stream = urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/api/v1/events", timeout=30)
        assert stream.readline() == b"retry: 2000\n"
    finally:
        code, out, err = ended(process)
    assert (code, err) == (0, "")
    assert all(json.loads(line)["tool"] for line in out.splitlines())


def test_options_come_from_flag_then_prefixed_then_named_variable(tmp_path: Path, ports: tuple[int, int]) -> None:
    store = {"TRIMTAB_STORE": str(tmp_path / "s.duckdb"), "TRIMTAB_METRICS": f"127.0.0.1:{ports[1]}"}
    by_name = start(tmp_path, PORT=str(ports[0]), HOST="127.0.0.1", **store)
    try:
        assert fetch(ports[0], "/health")
    finally:
        assert ended(by_name)[0] == 0
    other = free_port()
    by_prefix = start(tmp_path, PORT=str(ports[0]), TRIMTAB_LISTEN=f"127.0.0.1:{other}", **store)
    try:
        assert fetch(other, "/health")
    finally:
        assert ended(by_prefix)[0] == 0
    by_flag = start(tmp_path, f"--listen=127.0.0.1:{ports[0]}", TRIMTAB_LISTEN="127.0.0.1:1", **store)
    try:
        assert fetch(ports[0], "/health")
    finally:
        assert ended(by_flag)[0] == 0


@pytest.mark.parametrize(
    "args",
    [
        ("--listen=nonsense",),
        ("--listen=127.0.0.1:70000",),
        ("--retention=forever",),
        ("--extender=ftp://x",),
        ("--no-such-option",),
    ],
)
def test_wrong_usage_exits_with_two_and_names_the_option(tmp_path: Path, args: tuple[str, ...]) -> None:
    process = start(tmp_path, *args)
    _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 2
    assert args[0].partition("=")[0] in err


def test_what_cannot_be_had_exits_with_three_and_says_what_to_do(tmp_path: Path, ports: tuple[int, int]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start(tmp_path, f"--listen=127.0.0.1:{port}", f"--metrics=127.0.0.1:{ports[1]}")
        _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 3
    assert f"127.0.0.1:{port}" in err
    assert "another address" in err

    process = start(
        tmp_path,
        f"--listen=127.0.0.1:{ports[0]}",
        f"--metrics=127.0.0.1:{ports[1]}",
        "--store=mysql://somewhere/else",
    )
    _, err = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 3
    assert "--store" in err


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("[::1]:8080", Address("::1", 8080)),
        (":8080", Address("0.0.0.0", 8080)),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, address: Address) -> None:
    assert AddressType().convert(text, None, None) == address


def test_inside_a_cluster_it_listens_on_all_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    from analytics.__main__ import _default_metrics, default_listen

    for name in ("HOST", "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert (default_listen(), _default_metrics()) == (Address("0.0.0.0", 8080), Address("0.0.0.0", 8081))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    assert (default_listen(), _default_metrics()) == (Address("127.0.0.1", 8080), Address("127.0.0.1", 8081))
