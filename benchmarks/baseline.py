"""The two servers that ours stands beside: the Go extender, and the C floor with ready-made answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import Feed
from benchmarks.programs import Program, free_port, listens, post


@dataclass(frozen=True, slots=True)
class Server:
    url: str
    pid: int


@contextmanager
def go_server(binary: Path, feed: Feed, folder: Path, *options: str) -> Iterator[Server]:
    """`options` are its own, for TLS. Like the policy that is measured beside it, it keeps every node."""
    port = free_port()
    command = [str(binary), "server", f"-addr=127.0.0.1:{port}", f"-names={feed.names}", "-spare", *options]
    with Program(f"go-{port}", command, folder, env={"BALLAST_MB": "256"}) as program:
        program.until(lambda: listens(port), "listening")
        scheme = "https" if any(option.startswith("-cert=") for option in options) else "http"
        yield Server(f"{scheme}://127.0.0.1:{port}", program.pid)


@contextmanager
def floor(binary: Path, like: Server, feed: Feed, folder: Path, size: int) -> Iterator[Server]:
    """Its answers are those of `like` to one request for `size` names, whatever it is asked."""
    names = json.loads(feed.names.read_text())[:size]
    pod = json.loads(feed.pods.read_text())[0]
    body = json.dumps({"Pod": pod, "Nodes": None, "NodeNames": names}).encode()
    paths = []
    for verb in ("filter", "prioritize"):
        paths.append(folder / f"answer-{verb}-{size}.json")
        paths[-1].write_bytes(post(f"{like.url}/{verb}", body))
    port = free_port()
    with Program(f"floor-{size}-{port}", [str(binary), str(port), *map(str, paths)], folder) as program:
        program.until(lambda: listens(port), "listening")
        yield Server(f"http://127.0.0.1:{port}", program.pid)
