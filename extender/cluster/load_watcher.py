"""load-watcher's document, from its service or out of a file that somebody writes."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
from yarl import URL

from extender.cluster import load_fetch
from extender.cluster.load_fetch import Had, Unavailable, fetch, http_url
from extender.cluster.readings import Reading, Readings, end_of, reading_of, readings_of

# Splitting a longer document is left to a thread. The entries themselves are always read here, a few at a time:
# a busy thread would hold the interpreter for longer than that.
_LONG_BYTES = 2**18
_NODES_PER_STEP = 16

_Split = dict[str, msgspec.Raw]
_SPLIT: msgspec.json.Decoder[_Split] = msgspec.json.Decoder(_Split)


class WatcherFeed:
    """GET <address>/watcher."""

    def __init__(self, address: str) -> None:
        """Raises ValueError."""
        self._url = _watcher_url(address)

    async def poll(self) -> Had:
        return Had(await document_read(await fetch(self._url)))


class FileFeed:
    """The same document in a file, read when it changes."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._stamp: tuple[int, int, int] | None = None

    async def poll(self) -> Had:
        try:
            found = await asyncio.to_thread(self._path.stat)
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                return Had(None)
            if found.st_size > load_fetch.DOCUMENT_BYTES_MAX:
                raise Unavailable("size", f"{self._path}: longer than {load_fetch.DOCUMENT_BYTES_MAX} bytes")
            raw = await asyncio.to_thread(self._path.read_bytes)
        except OSError as trouble:
            raise Unavailable("file", f"{self._path}: {trouble.strerror or trouble}") from trouble
        readings = await document_read(raw)
        self._stamp = stamp
        return Had(readings)


def _watcher_url(text: str) -> URL:
    address = http_url(text, "a load-watcher", "http://load-watcher:2020")
    return address if address.path.rstrip("/").endswith("/watcher") else address / "watcher"


async def document_read(raw: bytes) -> Readings:
    """Take the readings a few nodes at a time. Raises one of resource.UNREADABLE."""
    try:
        window, entries = (await asyncio.to_thread(_split, raw)) if len(raw) > _LONG_BYTES else _split(raw)
    except msgspec.DecodeError:
        # NaN and Infinity are no JSON, but Python writes and reads them; they count as odd values then.
        tree = await asyncio.to_thread(json.loads, raw)
        if not isinstance(tree, dict):
            raise
        return readings_of(tree)
    nodes: dict[str, Reading] = {}
    for count, (name, entry) in enumerate(entries.items(), 1):
        reading = reading_of(msgspec.json.decode(entry))
        if reading is not None:
            nodes[name] = reading
        if count % _NODES_PER_STEP == 0:
            await asyncio.sleep(0)
    return Readings(end_of(window), nodes)


def _split(raw: bytes) -> tuple[object, _Split]:
    """(window, node -> JSON of its entry), in either spelling."""
    top = _SPLIT.decode(raw)
    window = top.get("window", top.get("Window"))
    data = top.get("data", top.get("Data"))
    parts = _SPLIT.decode(data) if data is not None and bytes(data).lstrip()[:1] == b"{" else {}
    nodes = parts.get("NodeMetricsMap", parts.get("nodeMetricsMap"))
    if nodes is not None:
        parts = _SPLIT.decode(nodes) if bytes(nodes).lstrip()[:1] == b"{" else {}
    return (None if window is None else msgspec.json.decode(window)), parts
