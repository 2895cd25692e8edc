"""List and watch of one resource: every object becomes an event of the state, in steps of at most about a millisecond.

Events are applied one by one, but for those of the first list: while nobody is served they come in groups.

A stream that lists and watches in one (Kubernetes 1.32+) where the server has it, else pages and then a watch. A
watch that ends, errs or falls silent is taken up at the last resource version; 410 Gone means a new list.
After a list, objects that vanished in between are deleted.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import msgspec

from extender.cluster.backoff import Backoff
from extender.cluster.resource import UNREADABLE, Meta, NodeFrame, PodFrame, Resource
from extender.cluster.seen import Seen
from extender.cluster.state import ClusterState
from extender.cluster.turn import FIRST_TURN_S, TURN_S, Turn
from extender.kube import KubeApi, KubeError
from extender.kube.client import retry_after
from extender.model.events import Event
from extender.model.node import KubeNode
from extender.model.pod import KubePod
from extender.telemetry.metrics import OBJECTS_REFUSED, WATCH_EVENTS, WATCH_RESTARTS

log = logging.getLogger(__name__)

# Splitting a page into objects is one step on the loop: 1 MiB takes about 0.7 ms.
PAGE_BYTES = 2**20
PAGE_FIRST, PAGE_LEAST, PAGE_MOST = 50, 5, 500
PAGE_TIMEOUT_S = 30.0
# Bookmarks come about once a minute, so a longer silence is a dead connection.
SILENCE_S = 100.0
WATCH_S = (300, 600)
# A server without streaming lists may ignore the wish and say nothing more after its first events.
INITIAL_SILENCE_S = 10.0
STREAM_TRIES = 2
ABSENT_RETRY_S = 30.0
# An optional kind that we may not list counts as absent, but only when RBAC had time to be set up.
FORBIDDEN_SETTLES_S = 10.0
# Watches in a row that end in trouble before we distrust the resource version itself.
RELIST_AFTER = 5
_SHORT_WATCH_S = 1.0
# Objects of the first list that are applied together, about a millisecond of work: each listener's code and tables are
# at hand for all of them. More gain nothing.
TOGETHER_MOST = 25
# Looking at the clock costs as much as looking at a key.
_LOOK_EVERY = 64
_BAD_REQUEST, _FORBIDDEN, _NOT_FOUND, _GONE, _UNPROCESSABLE = 400, 403, 404, 410, 422
_INITIAL_END = "k8s.io/initial-events-end"


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class _Head(msgspec.Struct, gc=False):
    metadata: _Meta


class _Frame(msgspec.Struct, gc=False):
    type: str
    object: msgspec.Raw


_AnyFrame = _Frame | NodeFrame | PodFrame


class _PageMeta(msgspec.Struct, gc=False, rename={"resource_version": "resourceVersion", "token": "continue"}):
    resource_version: str = ""
    token: str = ""


class _Page(msgspec.Struct, gc=False):
    metadata: _PageMeta
    items: list[msgspec.Raw] | None = None


class _BookmarkMeta(msgspec.Struct, gc=False, rename="camel"):
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class _Bookmark(msgspec.Struct, gc=False):
    metadata: _BookmarkMeta


class _Status(msgspec.Struct, gc=False):
    code: int = 0
    message: str = ""


Found = msgspec.Raw | KubeNode | KubePod
"""An object as it was read: what has a type of its own is decoded, what has none, or was misshapen, is not."""

_HEAD = msgspec.json.Decoder(_Head)
_FRAME = msgspec.json.Decoder(_Frame)
_PAGE = msgspec.json.Decoder(_Page)
_BOOKMARK = msgspec.json.Decoder(_Bookmark)
_STATUS = msgspec.json.Decoder(_Status)


@dataclass(slots=True)
class _Listing:
    """A list that has begun."""

    held: list[str]
    """Keys that the state had of others."""
    seen: Seen | None
    """Which keys it has named; None: nothing was known when it began, so nothing can be gone."""

    def add(self, key: str) -> None:
        if self.seen is not None:
            self.seen.add(key)


class _StreamRefusedError(Exception):
    """The server cannot list in a stream."""


class Informer:
    """Run `run` once, in a task that somebody holds on to."""

    def __init__(
        self,
        api: KubeApi,
        state: ClusterState,
        resource: Resource,
        clock: Callable[[], float],
        queue: asyncio.Lock,
        held: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        """`queue`: where it waits for its turn. `held`: keys that the state has of others, as pods of our own binds."""
        self.resource = resource
        self.synced = False
        """A whole list has been applied, or the optional kind is known to be absent."""
        self.present = True
        """The cluster has the kind, and we may read it."""
        self.error = ""
        """The last trouble, until it is over."""
        self.said_at_s = clock()
        """When the server last said anything."""
        self._api = api
        self._state = state
        self._clock = clock
        self._held = held
        self._known: dict[str, str] = {}
        """key -> resource version, of every object that the server has."""
        self._bad: set[str] = set()
        """Keys whose newest version could not be decoded; an earlier one that could stays in the state."""
        self._trusts = True
        """A version that is known already needs no second look."""
        self._turn = Turn(queue, FIRST_TURN_S)
        self._version = ""
        """Where to take the watch up; empty: list first."""
        self._streams = True
        self._stream_failures = 0
        self._troubles = 0
        self._forbidden_since_s: float | None = None
        self._backoff = Backoff()
        # Bounded whatever the server says, and not looked up for every event.
        self._counters = {
            kind: WATCH_EVENTS.labels(resource.name, kind) for kind in ("ADDED", "MODIFIED", "DELETED", "other")
        }

    @property
    def objects(self) -> int:
        return len(self._known)

    async def run(self) -> None:
        """Keep the state up to date until cancelled."""
        while True:
            began_s = self._clock()
            try:
                cause = await self._once()
                self.error = ""
            except KubeError as trouble:
                cause = await self._in_trouble(trouble)
            except _StreamRefusedError as refusal:
                log.info("%s: lists come in pages: %s", self.resource.name, refusal)
                self._streams = False
                continue
            WATCH_RESTARTS.labels(self.resource.name, cause).inc()
            if cause == "ended" and self._clock() - began_s < _SHORT_WATCH_S:
                await asyncio.sleep(self._backoff.next_s())

    async def _once(self) -> str:
        """One watch, after a list where one is due. Returns why it ended."""
        if self._version:
            return await self._watch(listing=False)
        if self._streams:
            return await self._watch(listing=True)
        await self._list_pages()
        return await self._watch(listing=False)

    async def _in_trouble(self, trouble: KubeError) -> str:
        """Wait as long as the trouble asks for; returns its name."""
        if trouble.status == _GONE:
            self._version = ""
            log.info("%s: %s; listing again", self.resource.name, trouble)
            await asyncio.sleep(self._backoff.next_s())
            return "gone"
        if str(trouble) != self.error:
            log.warning("%s: %s", self.resource.name, trouble)
        self.error = str(trouble)
        if self.resource.optional and trouble.status == _NOT_FOUND:
            await self._absent()
            return "absent"
        if self.resource.optional and trouble.status == _FORBIDDEN and self._is_settled_as_forbidden():
            await self._absent()
            return "forbidden"
        self._troubles += 1
        if self._troubles >= RELIST_AFTER:
            self._version, self._troubles = "", 0
        await asyncio.sleep(max(trouble.retry_after_s, self._backoff.next_s()))
        return "status" if trouble.status else "transport"

    def _is_settled_as_forbidden(self) -> bool:
        if self._forbidden_since_s is None:
            self._forbidden_since_s = self._clock()
        return self.synced or self._clock() - self._forbidden_since_s >= FORBIDDEN_SETTLES_S

    async def _absent(self) -> None:
        self.present, self.synced, self._version = False, True, ""
        async with self._turn:
            await self._delete_all(list(self._known))
        await asyncio.sleep(ABSENT_RETRY_S)

    def begin_again(self) -> None:
        """Trust nothing that was read before: the next list applies every object anew."""
        self._version, self._trusts = "", False

    # Lists.

    async def _list_pages(self) -> None:
        listing = self._begin_list()
        token, limit = "", PAGE_FIRST
        while True:
            page, size = await self._page(token, limit)
            async with self._turn:
                for group in self._groups(page.items or []):
                    self._take(group, listing)
                    if self._turn.is_over:
                        await self._turn.rest()
            token = page.metadata.token
            if not token:
                break
            limit = max(PAGE_LEAST, min(PAGE_MOST, limit * PAGE_BYTES // max(1, size)))
        async with self._turn:
            await self._listed(listing, page.metadata.resource_version)

    async def _page(self, token: str, limit: int) -> tuple[_Page, int]:
        path = self.resource.path
        query = self._query(limit=str(limit), **({"continue": token} if token else {}))
        answer = await self._api.request("GET", path, query=query, timeout_s=PAGE_TIMEOUT_S)
        self.said_at_s = self._clock()
        if answer.status != 200:  # noqa: PLR2004
            raise KubeError(
                f"GET {path}: {answer.status} {answer.message}",
                status=answer.status,
                retry_after_s=retry_after(answer.headers.get("retry-after", "")),
            )
        try:
            return _PAGE.decode(answer.body), len(answer.body)
        except UNREADABLE as trouble:
            raise KubeError(f"GET {path}: not a list: {trouble}") from trouble

    def _begin_list(self) -> _Listing:
        """Before the first object of a list is asked for."""
        held = list(self._held())
        return _Listing(held, Seen() if held or self._known else None)

    def _groups(self, items: list[msgspec.Raw]) -> Iterator[list[msgspec.Raw]]:
        """The objects of a page as they are to be applied."""
        size = 1 if self.synced else TOGETHER_MOST
        return (items[at : at + size] for at in range(0, len(items), size))

    async def _listed(self, listing: _Listing, version: str) -> None:
        """The list is whole. Whatever was known when it began and is not on it, is gone. Needs the turn."""
        if listing.seen is not None:
            await self._delete_all([key for key in listing.held if key not in listing.seen])
            await self._delete_all(await self._vanished(listing.seen))
        self._version = version
        self.synced = self.present = self._trusts = True
        self._turn.length_s = TURN_S
        self._stream_failures, self._forbidden_since_s = 0, None
        self._went_well()

    async def _vanished(self, seen: Seen) -> list[str]:
        """Known keys that a list did not name. Only this task changes which are known."""
        vanished = []
        for count, key in enumerate(self._known):
            if key not in seen:
                vanished.append(key)
            if count % _LOOK_EVERY == 0 and self._turn.is_over:
                await self._turn.rest()
        return vanished

    async def _delete_all(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._drop(key)
            if self._turn.is_over:
                await self._turn.rest()

    # Watches.

    async def _watch(self, *, listing: bool) -> str:
        """Follow one stream; `listing`: it begins with everything there is."""
        try:
            return await self._follow(listing=listing)
        except TimeoutError:
            raise _StreamRefusedError(f"no end of the list within {INITIAL_SILENCE_S:g} s of silence") from None
        except KubeError as trouble:
            if listing and not self._version and self._gives_up_streaming(trouble):
                raise _StreamRefusedError(str(trouble)) from trouble
            raise

    def _gives_up_streaming(self, trouble: KubeError) -> bool:
        """Refused, or cut off before its end again and again (a server drops readers that are too slow)."""
        if trouble.status is None:
            self._stream_failures += 1
        return trouble.status in (_BAD_REQUEST, _UNPROCESSABLE) or self._stream_failures >= STREAM_TRIES

    async def _follow(self, *, listing: bool) -> str:
        wanted = self._watch_query(listing=listing)
        began = self._begin_list() if listing else None
        stream = self._api.lines(self.resource.path, query=wanted, read_timeout_s=SILENCE_S)
        async with aclosing(stream) as reads:
            while True:
                lines = await (_soon(reads) if began else anext(reads, None))
                if lines is None:
                    break
                self.said_at_s = self._clock()
                async with self._turn:
                    for frames in self._steps(lines):
                        first = frames[0]
                        if isinstance(first, _Frame) and first.type == "BOOKMARK":
                            if self._bookmark(first.object, listing=began is not None) and began:
                                await self._listed(began, self._version)
                                began = None
                        else:
                            self._changed(frames, began)
                        if self._turn.is_over:
                            await self._turn.rest()
        if began:
            raise KubeError(f"WATCH {self.resource.path}: ended before the list was whole")
        return "ended"

    def _watch_query(self, *, listing: bool) -> dict[str, str]:
        query = self._query(
            watch="true",
            allowWatchBookmarks="true",
            # Spread, so that the watches of all replicas do not end together.
            timeoutSeconds=str(random.randint(*WATCH_S)),  # noqa: S311
        )
        if listing:
            return query | {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        return query | {"resourceVersion": self._version}

    def _query(self, **fields: str) -> dict[str, str]:
        return fields | ({"fieldSelector": self.resource.selector} if self.resource.selector else {})

    def _steps(self, lines: list[bytes]) -> Iterator[list[_AnyFrame]]:
        """The events of some lines, one by one; until the first list is whole, what is added comes in groups."""
        added: list[_AnyFrame] = []
        for line in lines:
            frame = self._frame(line)
            is_listed = frame.type == "ADDED" and not self.synced
            if is_listed:
                added.append(frame)
            if added and (not is_listed or len(added) == TOGETHER_MOST):
                yield added
                added = []
            if not is_listed:
                yield [frame]
        if added:
            yield added

    def _frame(self, line: bytes) -> _AnyFrame:
        if self.resource.frames is not None:
            try:
                typed = self.resource.frames.decode(line)
                if typed.type in ("ADDED", "MODIFIED"):
                    return typed
            except UNREADABLE:
                pass  # the way of other kinds says what is wrong, and with how much of it
        return self._raw_frame(line)

    def _raw_frame(self, line: bytes) -> _Frame:
        try:
            frame = _FRAME.decode(line)
        except UNREADABLE as trouble:
            # An event is lost in it: take the watch up again before it, rather than go on after it.
            raise KubeError(f"WATCH {self.resource.path}: not an event: {line[:80]!r}: {trouble}") from trouble
        if frame.type == "ERROR":
            raise self._told_error(frame.object)
        return frame

    def _told_error(self, raw: msgspec.Raw) -> KubeError:
        try:
            status = _STATUS.decode(raw)
        except UNREADABLE:
            status = _Status(message="an error that is no Status")
        return KubeError(f"WATCH {self.resource.path}: {status.code} {status.message}", status=status.code or None)

    def _bookmark(self, raw: msgspec.Raw, *, listing: bool) -> bool:
        """Take the version; True if the list that the stream began with is now whole."""
        try:
            meta = _BOOKMARK.decode(raw).metadata
        except UNREADABLE as trouble:
            raise KubeError(f"WATCH {self.resource.path}: not a bookmark: {trouble}") from trouble
        is_end = (meta.annotations or {}).get(_INITIAL_END) == "true"
        if listing and not is_end:
            # Only a server that overlooked our wish sends a plain bookmark before the end of the list.
            raise _StreamRefusedError("a plain bookmark came before the end of the list")
        if meta.resource_version:
            self._version = meta.resource_version
            self._went_well()
        return listing and is_end

    def _changed(self, frames: list[_AnyFrame], listing: _Listing | None) -> None:
        """Apply one change, or several objects of a list."""
        first = frames[0]
        self._counters.get(first.type, self._counters["other"]).inc(len(frames))
        if isinstance(first, _Frame) and first.type == "DELETED":
            meta = self._meta(first.object)
            if meta and (key := self.resource.key(meta)):
                self._drop(key)
            version = meta.resource_version if meta else ""
        else:
            key = self._take([frame.object for frame in frames], listing)
            version = self._known.get(key, "")
        if listing is None:
            self._version = version or self._version
            self._went_well()

    def _went_well(self) -> None:
        self._troubles, self.error = 0, ""
        self._backoff.reset()

    # Objects.

    def _meta(self, found: Found) -> Meta | None:
        if not isinstance(found, msgspec.Raw):
            return found.metadata
        try:
            return _HEAD.decode(found).metadata
        except UNREADABLE as trouble:
            OBJECTS_REFUSED.labels(self.resource.name).inc()
            log.warning("one of %s is left out, it has no readable metadata: %s", self.resource.name, trouble)
            return None

    def _take(self, found: Sequence[Found], listing: _Listing | None) -> str:
        """Apply objects that are there; returns the key of the last, or an empty string if it cannot be named."""
        key, events = "", []
        for each in found:
            key, event = self._read(each)
            if listing is not None:
                listing.add(key)
            if event is not None:
                events.append(event)
        if events:
            self._state.apply_all(events, self._clock())
        return key

    def _read(self, found: Found) -> tuple[str, Event | None]:
        """The key of an object that is there, empty if it cannot be named; what it says, if that is news."""
        meta = self._meta(found)
        if meta is None:
            return "", None
        key, version = self.resource.key(meta), meta.resource_version
        if not key:
            OBJECTS_REFUSED.labels(self.resource.name).inc()
            log.warning("one of %s is left out: it has neither name nor UID", self.resource.name)
            return "", None
        before = self._known.get(key)
        if version and before == version and self._trusts:
            return key, None
        self._known[key] = version
        try:
            whole = self.resource.decode(memoryview(found)) if isinstance(found, msgspec.Raw) else found
            event = self.resource.upserted(key, whole, self._state)
        except UNREADABLE as trouble:
            self._refuse(key, meta, trouble, was_read=before is not None)
            return key, None
        self._bad.discard(key)
        return key, event

    def _refuse(self, key: str, meta: Meta, trouble: Exception, *, was_read: bool) -> None:
        OBJECTS_REFUSED.labels(self.resource.name).inc()
        if key in self._bad:
            return
        self._bad.add(key)
        log.warning(
            "%s %s/%s cannot be read, %s: %s",
            self.resource.name,
            meta.namespace,
            meta.name,
            "its last good version stays in use" if was_read else "it is left out",
            trouble,
        )

    def _drop(self, key: str) -> None:
        self._known.pop(key, None)
        self._bad.discard(key)
        self._state.apply(self.resource.deleted(key), self._clock())

    def status(self) -> dict[str, Any]:
        """For people and probes."""
        return {
            "resource": self.resource.name,
            "synced": self.synced,
            "present": self.present,
            "lag_s": round(max(0.0, self._clock() - self.said_at_s), 3),
            "objects": len(self._known),
            "refused": len(self._bad),
            "error": self.error,
        }


async def _soon(reads: AsyncIterator[list[bytes]]) -> list[bytes] | None:
    """The next lines, or None at the end. Raises TimeoutError after INITIAL_SILENCE_S."""
    async with asyncio.timeout(INITIAL_SILENCE_S):
        return await anext(reads, None)
