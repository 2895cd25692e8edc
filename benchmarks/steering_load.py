"""Calls at a steady rate to several extenders, as many schedulers would make them, while something else happens."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from benchmarks.programs import BenchmarkFailed
from benchmarks.scene import Extender

_OK = 200
VERBS = ("filter", "prioritize")


class Line:
    """One kept-alive connection to an extender."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)

    def call(self, verb: str, body: bytes) -> bytes:
        """Raises BenchmarkFailed."""
        try:
            self._connection.request("POST", f"/{verb}", body, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as trouble:
            raise BenchmarkFailed(f"{verb}: {trouble!r}") from trouble
        if response.status != _OK:
            raise BenchmarkFailed(f"{verb}: {response.status} {answer[:200]!r}")
        return answer

    def close(self) -> None:
        self._connection.close()


@dataclass(slots=True)
class Load:
    calls: dict[str, int] = field(default_factory=dict)
    """By extender's URL: how many of each verb were answered."""
    failed: list[BaseException] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def per_s(self) -> float:
        return len(VERBS) * sum(self.calls.values()) / self.took_s


@contextmanager
def under_load(
    to: Sequence[Extender], pods: Sequence[dict[str, Any]], names: Sequence[str], per_s: float
) -> Iterator[Load]:
    """`per_s` calls in all: filter, then prioritize, for one pod after the other. Raises BenchmarkFailed in the end."""
    stop, load = threading.Event(), Load()
    bodies = [json.dumps({"Pod": pod, "Nodes": None, "NodeNames": list(names)}).encode() for pod in pods]
    each_s = len(VERBS) * len(to) / per_s

    def ask(url: str, late_s: float) -> None:
        line, count, due = Line(url), 0, time.monotonic() + late_s
        try:
            while not stop.wait(max(0.0, due - time.monotonic())):
                for verb in VERBS:
                    line.call(verb, bodies[count % len(bodies)])
                count += 1
                load.calls[url] = count
                due = max(due + each_s, time.monotonic() - each_s)
        except BaseException as fault:  # noqa: BLE001 - raised below, by who waits for the thread
            load.failed.append(fault)
        finally:
            line.close()

    begin = time.monotonic()
    threads = [
        threading.Thread(target=ask, args=(found.url, number * each_s / len(to)), daemon=True)
        for number, found in enumerate(to)
    ]
    for thread in threads:
        thread.start()
    try:
        yield load
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        load.took_s = time.monotonic() - begin
    if load.failed:
        raise BenchmarkFailed(f"calls during the edits: {load.failed[0]!r}") from load.failed[0]
