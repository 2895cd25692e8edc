"""Builds the Go baseline with its client, and the C floor, where the machine has the compilers."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINARIES = HERE / "bin"
_BUILD_LIMIT_S = 240


@dataclass(frozen=True, slots=True)
class Tools:
    """What could be built; None: not on this machine."""

    go: Path | None
    floor: Path | None
    why: dict[str, str]
    """By `go` and `floor`, where one is missing."""


def build() -> Tools:
    BINARIES.mkdir(exist_ok=True)
    why: dict[str, str] = {}
    go = _built("go", ["go", "build", "-o", str(BINARIES / "bench"), "."], BINARIES / "bench", why, HERE / "go")
    compiler = os.environ.get("CC", "cc")
    source = str(HERE / "c" / "floor.c")
    command = [compiler, "-O2", "-o", str(BINARIES / "floor"), source, "-lpthread"]
    floor = _built("floor", command, BINARIES / "floor", why, HERE)
    return Tools(go, floor, why)


def _built(name: str, command: list[str], result: Path, why: dict[str, str], folder: Path) -> Path | None:
    if shutil.which(command[0]) is None:
        why[name] = f"{command[0]} is not on this machine"
        return None
    # encoding/json on the v2 engine: the default from Go 1.27 on, and the faster one.
    env = {**os.environ, "GOEXPERIMENT": "jsonv2", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=_BUILD_LIMIT_S, check=False
    )
    if done.returncode != 0:
        why[name] = f"{command[0]} could not build it: {done.stderr.strip()[-500:]}"
        return None
    return result
