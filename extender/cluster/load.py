"""Node load, polled: from a load-watcher service or from a file that somebody writes."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from extender.cluster.readings import Digest, Reading, Readings, end_of, reading_of, readings_of
from extender.cluster.resource import UNREADABLE
from extender.cluster.state import METRICS_STALE_S, ClusterState
from extender.model.events import MetricsReplaced
from extender.telemetry.metrics import METRICS_AGE, METRICS_FAILURES

log = logging.getLogger(__name__)

POLL_EVERY_S = 30.0
# How often age and staleness are looked at between polls.
TICK_S = 5.0
FETCH_TIMEOUT_S = 10.0
DOCUMENT_BYTES_MAX = 64 * 2**20
# Splitting a longer document is left to a thread. The entries themselves are always read here, a few at a time:
# a busy thread would hold the interpreter for longer than that.
_LONG_BYTES = 2**18
_NODES_PER_STEP = 16

_Split = dict[str, msgspec.Raw]
_SPLIT: msgspec.json.Decoder[_Split] = msgspec.json.Decoder(_Split)


class _Unavailable(Exception):
    """No document; `cause` is a metric label."""

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class LoadMetrics:
    """Replaces the load of all nodes every half minute, and blanks it when nothing new came for METRICS_STALE_S.

    `url`: address of a load-watcher, whose /watcher is asked. `file`: the same document in a file, read when it
    changes; with `static` it never grows stale, as beside a cluster that is a file itself.
    """

    def __init__(
        self,
        state: ClusterState,
        *,
        url: str | None = None,
        file: str | Path | None = None,
        static: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if (url is None) == (file is None):
            raise ValueError("load metrics come from either a URL or a file")
        self._state = state
        self._url = None if url is None else _watcher_url(url)
        self._file = None if file is None else Path(file)
        self._static = static
        self._clock = clock
        self._had_at_s: float | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._is_blank = True
        self._nodes = 0
        self._failures = 0
        self.error = ""
        """The last failure, until a document comes again."""

    async def run(self) -> None:
        """Poll until cancelled."""
        next_poll_s = 0.0
        while True:
            if time.monotonic() >= next_poll_s:
                next_poll_s = time.monotonic() + POLL_EVERY_S
                await self.poll()
            self.check_age()
            await asyncio.sleep(TICK_S)

    async def poll(self) -> bool:
        """Get one document and apply it; False, with `error` set, when there is none. Never raises."""
        try:
            if self._url is not None:
                self._take(await _readings_of(await _fetch(self._url)))
            elif self._file is not None:
                await self._poll_file(self._file)
        except _Unavailable as trouble:
            self._failed(trouble.cause, str(trouble))
        except UNREADABLE as trouble:
            self._failed("document", f"{self._url or self._file}: not a load-watcher document: {trouble}")
        except Exception as fault:
            log.exception("load metrics failed")
            self._failed("fault", f"{fault!r}")
        else:
            self.error = ""
            return True
        return False

    def check_age(self) -> None:
        """Show the age, and let what is too old tell nothing any more."""
        if self._had_at_s is None:
            METRICS_AGE.set(-1)
            return
        now_s = self._clock()
        age_s = now_s - self._had_at_s
        METRICS_AGE.set(age_s)
        if age_s > METRICS_STALE_S and not self._is_blank and not self._static:
            log.warning("load metrics are %d s old and are not used any more: %s", age_s, self.error or "nothing new")
            self._is_blank, self._nodes = True, 0
            # An event like any other, so that a replay sees it too.
            self._state.apply(MetricsReplaced({}, now_s), now_s)

    def status(self) -> dict[str, Any]:
        """For people and probes: source, age_s (None before the first document), nodes, failures, error."""
        age_s = None if self._had_at_s is None else round(self._clock() - self._had_at_s, 1)
        return {
            "source": str(self._url or self._file),
            "age_s": age_s,
            "nodes": self._nodes,
            "failures": self._failures,
            "error": self.error,
        }

    def _take(self, readings: Readings) -> None:
        now_s = self._clock()
        self._had_at_s, self._is_blank, self._nodes = now_s, False, len(readings.nodes)
        self._state.apply(MetricsReplaced(Digest(readings), now_s), now_s)

    def _failed(self, cause: str, message: str) -> None:
        METRICS_FAILURES.labels(cause).inc()
        self._failures += 1
        if message != self.error:
            log.warning("no new load metrics: %s", message)
        self.error = message

    async def _poll_file(self, path: Path) -> None:
        """Take the file's document unless it is the one that was taken last."""
        try:
            found = await asyncio.to_thread(path.stat)
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                return
            if found.st_size > DOCUMENT_BYTES_MAX:
                raise _Unavailable("size", f"{path}: longer than {DOCUMENT_BYTES_MAX} bytes")
            raw = await asyncio.to_thread(path.read_bytes)
        except OSError as trouble:
            raise _Unavailable("file", f"{path}: {trouble.strerror or trouble}") from trouble
        self._take(await _readings_of(raw))
        self._stamp = stamp


async def _fetch(url: URL) -> bytes:
    timeout = aiohttp.ClientTimeout(total=FETCH_TIMEOUT_S)
    local = url.host in ("localhost", "127.0.0.1", "::1")
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=not local) as session,
            session.get(url, headers={"Accept": "application/json"}, allow_redirects=False) as answer,
        ):
            if answer.status != 200:  # noqa: PLR2004
                raise _Unavailable("status", f"GET {url}: HTTP {answer.status}")
            pieces: list[bytes] = []
            size = 0
            async for piece in answer.content.iter_any():
                size += len(piece)
                if size > DOCUMENT_BYTES_MAX:
                    raise _Unavailable("size", f"GET {url}: longer than {DOCUMENT_BYTES_MAX} bytes")
                pieces.append(piece)
            return b"".join(pieces)
    except TimeoutError as trouble:
        raise _Unavailable("timeout", f"GET {url}: no answer within {FETCH_TIMEOUT_S:g} s") from trouble
    except (aiohttp.ClientError, OSError) as trouble:
        raise _Unavailable("transport", f"GET {url}: {trouble}") from trouble


def _watcher_url(url: str) -> URL:
    address = URL(url)
    if address.scheme not in ("http", "https") or not address.host:
        raise ValueError(f"{url!r} is no address of a load-watcher: want for example http://load-watcher:2020")
    return address if address.path.rstrip("/").endswith("/watcher") else address / "watcher"


async def _readings_of(raw: bytes) -> Readings:
    """Take the readings a few nodes at a time. Raises one of UNREADABLE."""
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
