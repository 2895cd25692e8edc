"""Objects, their versions and their recent history: what etcd is to an API server.

One counter numbers every change. Objects are never edited in place: a change puts a new one in the old one's
place, so readers and watchers may keep what they hold. Everything runs on one event loop.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from extender.lab import gojson
from extender.lab.kinds import CONTROLLER_REVISIONS, DISRUPTION_BUDGETS, EVENTS, NEW_EVENTS, NODES, PODS, SERVED, Served
from extender.lab.refusal import already_exists, modified, not_found, wrong_uid

Tree = dict[str, Any]

HISTORY_MAX = 4000
"""Changes kept per kind; a watch that asks for older ones is told that they are gone (410)."""
EVENTS_MAX = 1000
"""Events kept of each kind; the oldest go first, as they do by age in a real cluster."""

_FIELDS = {
    PODS: gojson.POD,
    NODES: gojson.NODE,
    EVENTS: gojson.EVENT,
    NEW_EVENTS: gojson.NEW_EVENT,
    DISRUPTION_BUDGETS: gojson.BUDGET,
    CONTROLLER_REVISIONS: gojson.REVISION,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of one object."""

    kind: Served
    key: str
    """namespace/name, or name for cluster-scoped kinds."""
    revision: int
    tree: Tree
    """Without kind and apiVersion."""
    raw: bytes
    """As an item of a list."""
    whole: bytes
    """As an object on its own: with kind and apiVersion."""

    @property
    def name(self) -> str:
        return str(self.tree["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.tree["metadata"].get("namespace", ""))

    @property
    def uid(self) -> str:
        return str(self.tree["metadata"]["uid"])


@dataclass(frozen=True, slots=True)
class Change:
    """What a watch tells."""

    revision: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    old: Stored | None
    new: Stored
    """After a deletion: the last state, with the revision of the deletion."""


Listener = Callable[[Change], None]


class Store:
    """Every object of the simulated cluster. Raises Refusal where an API server would refuse."""

    def __init__(self, history_max: int = HISTORY_MAX) -> None:
        self.revision = 1
        self.listeners: list[Listener] = []
        self._history_max = history_max
        self._objects: dict[Served, dict[str, Stored]] = {kind: {} for kind in SERVED}
        self._history: dict[Served, list[Change]] = {kind: [] for kind in SERVED}
        self._forgotten: dict[Served, int] = dict.fromkeys(SERVED, 0)
        self._waiting: set[asyncio.Event] = set()

    def get(self, kind: Served, namespace: str, name: str) -> Stored:
        found = self.find(kind, namespace, name)
        if found is None:
            raise not_found(kind, name)
        return found

    def find(self, kind: Served, namespace: str, name: str) -> Stored | None:
        return self._objects[kind].get(_key(namespace, name))

    def all(self, kind: Served, namespace: str = "") -> Iterator[Stored]:
        """In no particular order."""
        found = self._objects[kind].values()
        return (o for o in found if o.namespace == namespace) if namespace else iter(found)

    def listed(self, kind: Served, namespace: str = "") -> list[Stored]:
        """In the order of a list: by namespace and name."""
        return sorted(self.all(kind, namespace), key=lambda o: o.key)

    def count(self, kind: Served) -> int:
        return len(self._objects[kind])

    def create(self, kind: Served, tree: Tree, *, dry_run: bool = False) -> Stored:
        """Store a new object as it is; its metadata must hold name and uid. `dry_run`: it gets no version either."""
        meta = tree["metadata"]
        key = _key(meta.get("namespace", ""), meta["name"])
        if key in self._objects[kind]:
            raise already_exists(kind, meta["name"])
        if dry_run:
            return Stored(kind, key, self.revision, tree, *_encoded(kind, tree))
        new = self._put(kind, key, tree)
        self._tell(Change(new.revision, "ADDED", None, new))
        if kind in (EVENTS, NEW_EVENTS) and len(self._objects[kind]) > EVENTS_MAX:
            oldest = next(iter(self._objects[kind].values()))
            self.delete(kind, oldest.namespace, oldest.name)
        return new

    def replace(self, old: Stored, tree: Tree, *, dry_run: bool = False) -> Stored:
        """Put a new version in the place of `old`. One that changes nothing is not stored.

        `dry_run`: nothing is stored, and the answer keeps the version of `old`.
        """
        if self._objects[old.kind].get(old.key) is not old:
            raise modified(old.kind, old.name)
        if tree == old.tree:
            return old
        if dry_run:
            return Stored(old.kind, old.key, old.revision, tree, *_encoded(old.kind, tree))
        new = self._put(old.kind, old.key, tree)
        self._tell(Change(new.revision, "MODIFIED", old, new))
        return new

    def change(self, kind: Served, namespace: str, name: str, edit: Callable[[Tree], Tree]) -> Stored:
        """Read, edit, replace in one step; `edit` returns a new tree and leaves the old one alone."""
        old = self.get(kind, namespace, name)
        return self.replace(old, edit(old.tree))

    def delete(self, kind: Served, namespace: str, name: str, uid: str = "") -> Stored:
        old = self.get(kind, namespace, name)
        if uid and uid != old.uid:
            raise wrong_uid(kind, name, uid, old.uid)
        last = self._put(kind, old.key, old.tree)
        del self._objects[kind][old.key]
        self._tell(Change(last.revision, "DELETED", old, last))
        return last

    def take(self, change: Change) -> None:
        """A change whose objects are encoded already. Raises ValueError unless its revision is the next one."""
        new = change.new
        if change.revision != self.revision + 1 or new.revision != change.revision:
            raise ValueError(f"{new.key}: the next revision is {self.revision + 1}, not {change.revision}")
        self.revision = change.revision
        if change.type == "DELETED":
            del self._objects[new.kind][new.key]
        else:
            self._objects[new.kind][new.key] = new
        self._tell(change)

    def oldest(self, kind: Served) -> int:
        """Watches may begin at this revision or later."""
        return self._forgotten[kind]

    def since(self, kind: Served, revision: int) -> list[Change]:
        """The changes after a revision, which must not be older than `oldest`."""
        history = self._history[kind]
        return history[bisect_right(history, revision, key=lambda c: c.revision) :]

    def waiter(self) -> asyncio.Event:
        """An event that is set at every change from now on, until `release`."""
        event = asyncio.Event()
        self._waiting.add(event)
        return event

    def release(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)

    def _put(self, kind: Served, key: str, tree: Tree) -> Stored:
        self.revision += 1
        tree = {**tree, "metadata": {**tree["metadata"], "resourceVersion": str(self.revision)}}
        raw, whole = _encoded(kind, tree)
        new = Stored(kind, key, self.revision, tree, raw, whole)
        self._objects[kind][key] = new
        return new

    def _tell(self, change: Change) -> None:
        history = self._history[change.new.kind]
        history.append(change)
        if len(history) >= 2 * self._history_max:
            self._forgotten[change.new.kind] = history[self._history_max - 1].revision
            del history[: self._history_max]
        for listener in self.listeners:
            listener(change)
        for event in self._waiting:
            event.set()


def _encoded(kind: Served, tree: Tree) -> tuple[bytes, bytes]:
    if kind.custom:
        whole = gojson.dumps({"apiVersion": kind.api_version, "kind": kind.kind, **tree}, gojson.CUSTOM)
        return whole, whole
    raw = gojson.dumps(tree, _FIELDS.get(kind, gojson.PLAIN))
    return raw, b'{"kind":"%s","apiVersion":"%s",%s' % (kind.kind.encode(), kind.api_version.encode(), raw[1:])


def _key(namespace: str, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
