"""Watch: the changes after a revision, one JSON object per line, until the client leaves or the time is up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

from extender.lab import gojson
from extender.lab.kinds import NODES, PODS, Served
from extender.lab.paths import Target
from extender.lab.reading import version_of
from extender.lab.refusal import Refusal, invalid_options, status_body, version_gone
from extender.lab.selectors import Selector, selector
from extender.lab.store import Change, Store

BOOKMARK_EVERY_S = 15.0
"""A quiet watch hears the current revision this often, however busy other kinds are (a real server: once a minute)."""
TIMEOUT_S = 1800.0
"""How long a watch lasts at least when the client does not say; at most twice that, as in a real server."""

_PIECE = 100
"""Objects of a list that is streamed, in one chunk."""

_EMPTY: dict[Served, dict[str, object]] = {
    PODS: {"spec": {"containers": None}, "status": {}},
    NODES: {
        "spec": {},
        "status": {
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
            "nodeInfo": {
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
                "kernelVersion": "",
                "osImage": "",
                "containerRuntimeVersion": "",
                "kubeletVersion": "",
                "kubeProxyVersion": "",
                "operatingSystem": "",
                "architecture": "",
            },
        },
    },
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A watch that has been checked and may start."""

    target: Target
    chosen: Selector
    after: int | None
    """Changes after this revision; None: what is there now, then changes."""
    bookmarks: bool
    initial_end: bool
    """Say with a bookmark when everything that is there now has been sent."""
    timeout_s: float


class Watcher:
    """Plans and runs watches over one store."""

    def __init__(self, store: Store, seed: int = 0, clock: Callable[[], float] = monotonic) -> None:
        """`clock` gives seconds."""
        self._store = store
        self._clock = clock
        self._random = random.Random(f"watches/{seed}")
        self.open = 0
        """Watches running now."""

    def plan(self, target: Target, query: Mapping[str, str]) -> Plan:
        """Check the options. Raises Refusal."""
        initial = query.get("sendInitialEvents", "").lower() in ("true", "1")
        match = query.get("resourceVersionMatch", "")
        if "sendInitialEvents" in query and match != "NotOlderThan":
            raise invalid_options(
                "resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
            )
        if match and "sendInitialEvents" not in query:
            raise invalid_options(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            )
        text = query.get("resourceVersion", "")
        try:
            version = version_of(text) if text else 0
        except Refusal as refusal:  # for a watch, the real server has no reason and calls it its own fault
            raise Refusal(500, "", refusal.message) from None
        timeout = query.get("timeoutSeconds", "")
        return Plan(
            target=target,
            chosen=selector(target.kind, query.get("fieldSelector", ""), query.get("labelSelector", "")),
            after=None if initial or not version else version,
            bookmarks=query.get("allowWatchBookmarks", "").lower() in ("true", "1"),
            initial_end=initial,
            timeout_s=float(timeout) if timeout.isdecimal() else TIMEOUT_S * (1 + self._random.random()),
        )

    async def run(self, plan: Plan) -> AsyncIterator[bytes]:
        """The lines of one watch, several to a chunk where several are ready."""
        kind, bell = plan.target.kind, self._store.waiter()
        self.open += 1
        try:
            if plan.after is None:
                seen = self._store.revision
                for lines in self._present(plan, seen):
                    yield lines
            else:
                seen = plan.after
            due_s = self._clock() + BOOKMARK_EVERY_S
            async with asyncio.timeout(plan.timeout_s):
                while True:
                    bell.clear()
                    if seen < self._store.oldest(kind):
                        yield _error(version_gone(seen, self._store.oldest(kind)))
                        return
                    lines = b"".join(self._lines(plan, seen))
                    seen = max(seen, self._store.revision)
                    if lines or self._clock() >= due_s:
                        if lines or plan.bookmarks:
                            yield lines or bookmark(kind, seen)
                        due_s = self._clock() + BOOKMARK_EVERY_S
                    await _rings(bell, due_s - self._clock())
        except TimeoutError:
            return
        finally:
            self.open -= 1
            self._store.release(bell)

    def _present(self, plan: Plan, revision: int) -> Iterator[bytes]:
        """What is there now, some objects at a time: a reader begins with the first while the others are written."""
        target = plan.target
        found = self._store.listed(target.kind, target.namespace)
        for at in range(0, len(found), _PIECE):
            lines = [_line("ADDED", o.whole) for o in found[at : at + _PIECE] if plan.chosen(o.tree)]
            if lines:
                yield b"".join(lines)
        if plan.initial_end and plan.bookmarks:
            yield bookmark(target.kind, revision, initial_end=True)

    def _lines(self, plan: Plan, seen: int) -> list[bytes]:
        namespace = plan.target.namespace
        found = (
            _told(change, plan.chosen)
            for change in self._store.since(plan.target.kind, seen)
            if not namespace or change.new.namespace == namespace
        )
        return [line for line in found if line]


async def _rings(bell: asyncio.Event, within_s: float) -> None:
    """Return when anything has changed, of whatever kind, or when the time is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, within_s)):
            await bell.wait()


def _told(change: Change, chosen: Selector) -> bytes:
    """The line for a watch with a selector: an object that enters its view is added, one that leaves is deleted."""
    was = change.old is not None and chosen(change.old.tree)
    now = change.type != "DELETED" and chosen(change.new.tree)
    if now:
        return _line("MODIFIED" if was else "ADDED", change.new.whole)
    if was:
        return _line("DELETED", _at_revision(change))
    return b""


def _at_revision(change: Change) -> bytes:
    """A vanished object is shown as it last was, with the revision at which it vanished."""
    old = change.old
    if change.type == "DELETED" or old is None:
        return change.new.whole
    before = b'"resourceVersion":"%d"' % old.revision
    return old.whole.replace(before, b'"resourceVersion":"%d"' % change.revision, 1)


def bookmark(kind: Served, revision: int, *, initial_end: bool = False) -> bytes:
    meta: dict[str, object] = {"resourceVersion": str(revision)}
    if initial_end:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    tree = {"kind": kind.kind, "apiVersion": kind.api_version, "metadata": meta, **_EMPTY.get(kind, {})}
    fields = {PODS: gojson.POD, NODES: gojson.NODE}.get(kind, gojson.CUSTOM if kind.custom else gojson.PLAIN)
    return _line("BOOKMARK", gojson.dumps(tree, fields))


def _error(refusal: Refusal) -> bytes:
    return _line("ERROR", status_body("Failure", refusal).rstrip())


def _line(kind: str, whole: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), whole)
