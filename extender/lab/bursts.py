"""Bursts of pod changes: many at once each second, as a watch brings them after a reconnect or a rollout.

Nothing happens until somebody POSTs to /lab/bursts: {"events": 2000, "pods": [...]}. `pods` are patterns; from them a
pool of running pods is made, spread over the nodes, which stays for the run. Then, each second, so many changes are
made in one turn of the loop: of ten, six pods change their readiness, two go and two that went come back.
{"events": 0} stops it.

What a pod looks like ready and not ready is encoded once; a change only puts its new revision in. So the server
spends its time on telling of changes, which is what is wanted, and not on making them.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import orjson
from starlette.requests import Request
from starlette.responses import Response

from extender.lab.identity import Identities
from extender.lab.kinds import NAMESPACES, NODES, PODS
from extender.lab.store import Change, Store, Stored
from extender.lab.trees import Tree, with_condition
from extender.lab.writing import Writer

NAMESPACE = "bursts"
EVERY_S = 1.0
_SPARE = 5
"""One pod of so many is away at any time: the next burst brings it back."""


@dataclass(slots=True)
class _Pod:
    """One pod of the pool: its two looks, and the one that is stored now or was last."""

    looks: tuple[Stored, Stored]
    """Not ready, ready."""
    stored: Stored
    is_ready: bool = True


class Bursts:
    """`strike` makes one burst; `run` lets one happen each second."""

    def __init__(self, store: Store, writer: Writer, identities: Identities) -> None:
        self._store = store
        self._writer = writer
        self._new = identities
        self._patterns: list[Tree] = []
        self._present: deque[_Pod] = deque()
        self._away: deque[_Pod] = deque()
        self.events = 0
        """Changes in each burst; 0: none."""
        self._ordered = asyncio.Event()
        self.struck = 0
        """Bursts so far."""

    def order(self, events: int, patterns: Sequence[Tree] = ()) -> str:
        """From now on so many changes each second. Returns why not, or nothing."""
        if events < 0:
            return f"events: {events} is negative"
        if events and not (patterns or self._patterns):
            return "pods: the first order must say what the pods look like"
        if events and not self._store.count(NODES):
            return "there is no node for the pods to run on"
        if patterns:
            self._patterns = list(patterns)
        missing = events - len(self._present) - len(self._away)
        if missing > 0:
            self._recruit(missing)
        self.events = events
        self._ordered.set()
        return ""

    def strike(self) -> None:
        """Make one burst: exactly `events` changes, without a pause for others."""
        coming = min(self.events // _SPARE, len(self._away))
        going = min(self.events // _SPARE, len(self._present))
        for _ in range(going):
            pod = self._present.popleft()
            self._take(pod, "DELETED", pod.stored)
            self._away.append(pod)
        for _ in range(coming):
            pod = self._reborn(self._away.popleft())
            self._take(pod, "ADDED", pod.looks[pod.is_ready])
            self._present.append(pod)
        for _ in range(self.events - coming - going):
            pod = self._present.popleft()
            pod.is_ready = not pod.is_ready
            self._take(pod, "MODIFIED", pod.looks[pod.is_ready])
            self._present.append(pod)
        self.struck += 1

    async def run(self) -> None:
        """Until cancelled. A new order begins at once; then there is a burst each second."""
        while True:
            self._ordered.clear()
            if self.events:
                self.strike()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ordered.wait(), EVERY_S)

    async def ordered(self, request: Request) -> Response:
        """POST /lab/bursts: 200 with what is in effect now, or 400 with what is wrong."""
        try:
            told = orjson.loads(await request.body())
            events, patterns = int(told["events"]), list(told.get("pods") or ())
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            return Response(b'{"error":"want {\\"events\\": NUMBER, \\"pods\\": [PODS]}"}', 400)
        if wrong := self.order(events, patterns):
            return Response(orjson.dumps({"error": wrong}), 400)
        return Response(orjson.dumps({"events": self.events, "struck": self.struck, "pods": self._store.count(PODS)}))

    def _recruit(self, count: int) -> None:
        if self._store.find(NAMESPACES, "", NAMESPACE) is None:
            self._writer.add(NAMESPACES, "", {"metadata": {"name": NAMESPACE}})
        nodes = [node.name for node in self._store.listed(NODES)]
        first = len(self._present) + len(self._away)
        for number in range(first, first + count):
            pattern = self._patterns[number % len(self._patterns)]
            self._present.append(self._recruited(pattern, number, nodes[number % len(nodes)]))

    def _recruited(self, pattern: Tree, number: int, node: str) -> _Pod:
        meta = {**pattern["metadata"], "name": f"burst-{number:05d}", "namespace": NAMESPACE}
        tree = {"metadata": meta, "spec": {**pattern["spec"], "nodeName": node}, "status": {"phase": "Running"}}
        made = self._writer.add(PODS, NAMESPACE, tree)
        condition = {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": self._new.now()}
        ready = self._store.replace(made, with_condition(made.tree, condition))
        return _Pod((made, ready), ready)

    def _take(self, pod: _Pod, kind: Literal["ADDED", "MODIFIED", "DELETED"], look: Stored) -> None:
        old = None if kind == "ADDED" else pod.stored
        pod.stored = _at(look, self._store.revision + 1)
        self._store.take(Change(pod.stored.revision, kind, old, pod.stored))

    def _reborn(self, pod: _Pod) -> _Pod:
        """The same name for another pod, as a StatefulSet makes it."""
        uid, old = self._new.uid(), pod.stored.uid
        away, back = (_edited(look, old, uid) for look in pod.looks)
        return _Pod((away, back), back)


def _at(look: Stored, revision: int) -> Stored:
    """The look with another revision."""
    old, new = b'"resourceVersion":"%d"' % look.revision, b'"resourceVersion":"%d"' % revision
    tree = {**look.tree, "metadata": {**look.tree["metadata"], "resourceVersion": str(revision)}}
    return replace(
        look, revision=revision, tree=tree, raw=look.raw.replace(old, new, 1), whole=look.whole.replace(old, new, 1)
    )


def _edited(look: Stored, old: str, uid: str) -> Stored:
    """The look with another uid."""
    was, now = old.encode(), uid.encode()
    tree = {**look.tree, "metadata": {**look.tree["metadata"], "uid": uid}}
    return replace(look, tree=tree, raw=look.raw.replace(was, now, 1), whole=look.whole.replace(was, now, 1))
