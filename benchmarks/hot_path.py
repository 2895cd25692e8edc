"""Filter and prioritize: ours beside the Go extender and the C floor, in one run, one client."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.programs import BenchmarkFailed, Program, free_port, listens, post
from benchmarks.scene import Extender
from benchmarks.tools import Tools

_CLIENT_LIMIT_S = 180


def measure(
    ours: Extender, tools: Tools, folder: Path, sizes: Sequence[int], *, rounds: int, seconds: float
) -> list[dict[str, Any]]:
    """Rows of the Go client, for every size and mode. Needs tools.go; the folder holds names.json and pods.json."""
    if tools.go is None:
        return []
    rows: list[dict[str, Any]] = []
    go_port = free_port()
    command = [str(tools.go), "server", f"-addr=127.0.0.1:{go_port}", f"-names={folder / 'names.json'}"]
    with Program("go-server", command, folder, env={"BALLAST_MB": "256"}) as go:
        go.until(lambda: listens(go_port), "listening")
        go_url = f"http://127.0.0.1:{go_port}"
        for size in sizes:
            with ExitStack() as stack:
                targets = {"go": go_url, "ours": ours.url}
                pids = [go.pid, ours.program.pid]
                if tools.floor is not None:
                    port = free_port()
                    floor = stack.enter_context(_floor(tools.floor, port, go_url, folder, size))
                    targets["floor"] = f"http://127.0.0.1:{port}"
                    pids.append(floor.pid)
                for mode in ("bytes", "full"):
                    rows += _client(
                        tools.go, targets, pids, folder, size=size, mode=mode, rounds=rounds, seconds=seconds
                    )
    return rows


def _floor(binary: Path, port: int, go_url: str, folder: Path, size: int) -> Program:
    """Answers of the size that the Go server gives."""
    names = json.loads((folder / "names.json").read_text())[:size]
    pod = json.loads((folder / "pods.json").read_text())[0]
    body = json.dumps({"Pod": pod, "Nodes": None, "NodeNames": names}).encode()
    paths = []
    for verb in ("filter", "prioritize"):
        paths.append(folder / f"answer-{verb}-{size}.json")
        paths[-1].write_bytes(post(f"{go_url}/{verb}", body))
    program = Program(f"floor-{size}", [str(binary), str(port), *map(str, paths)], folder)
    program.until(lambda: listens(port), "listening")
    return program


def _client(
    binary: Path,
    targets: dict[str, str],
    pids: Sequence[int],
    folder: Path,
    *,
    size: int,
    mode: str,
    rounds: int,
    seconds: float,
) -> list[dict[str, Any]]:
    block = 40 if size <= 1000 else 15
    command = [
        str(binary),
        "client",
        "-targets=" + ",".join(f"{name}={url}" for name, url in targets.items()),
        f"-size={size}",
        f"-mode={mode}",
        f"-rounds={rounds}",
        f"-block={block}",
        f"-limit={seconds}s",
        f"-names={folder / 'names.json'}",
        f"-pods={folder / 'pods.json'}",
        "-pids=" + " ".join(map(str, pids)),
    ]
    done = subprocess.run(
        command, env={"BALLAST_MB": "256"}, capture_output=True, text=True, timeout=_CLIENT_LIMIT_S, check=False
    )
    if done.returncode != 0:
        raise BenchmarkFailed(f"the client: {done.stderr.strip()[-1000:]}")
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows
