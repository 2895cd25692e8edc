"""The books of all installed plugins.

They are fed with every change whether a plugin is on or not, so that switching one on finds its book right.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from extender.framework.declaration import Book, NodeBook, Plugin, Reserve, ReserveOnNode
from extender.model.events import Object
from extender.model.node import Node
from extender.model.pod import Pod
from extender.model.verdict import Phase
from extender.telemetry import metrics

_LOG = logging.getLogger(__name__)


class Books:
    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self._plugins = {p.name: p for p in plugins}
        self._books: dict[str, Book] = {p.name: p.book() for p in self._plugins.values() if p.book is not None}
        self.looks = 0
        """Rises whenever a book is charged or handed out: whoever looks at one may also write in it."""
        self._nodes = [(name, book.node_changed) for name, book in self._books.items() if isinstance(book, NodeBook)]

    @contextmanager
    def quietly(self) -> Iterator[None]:
        """Who asks quietly writes in no book: looks within do not count."""
        looks = self.looks
        try:
            yield
        finally:
            self.looks = looks

    def of(self, plugin: str) -> Book | None:
        self.looks += 1
        return self._books.get(plugin)

    def all(self) -> Mapping[str, Book]:
        self.looks += 1
        return self._books

    def pod_listeners(self) -> Iterator[Callable[[Pod | None, Pod | None], None]]:
        """One per book."""
        return (self._guarded(name, book.pod_changed) for name, book in self._books.items())

    def _guarded(
        self, name: str, changed: Callable[[Pod | None, Pod | None], None]
    ) -> Callable[[Pod | None, Pod | None], None]:
        def pod_changed(old: Pod | None, new: Pod | None) -> None:
            try:
                changed(old, new)
            except Exception:  # noqa: BLE001 - counted and logged with its trace in _failed
                self._failed(name, "pod")

        return pod_changed

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:
        for name, book in self._books.items():
            try:
                book.object_changed(kind, key, old, new)
            except Exception:  # noqa: BLE001 - as above
                self._failed(name, "object")

    def node_changed(self, old: Node | None, new: Node | None) -> None:
        for name, changed in self._nodes:
            try:
                changed(old, new)
            except Exception:  # noqa: BLE001 - as above
                self._failed(name, "node")

    def take(self, plugin: str, pod: Pod, node: str = "") -> None:
        """Charge a pod in a plugin's book, on `node` where that matters. Raises whatever the plugin raises."""
        self.looks += 1
        match self._plugins[plugin].reserve:
            case Reserve() as reserve:
                reserve.take(self._books.get(plugin), pod)
            case ReserveOnNode() as reserve:
                reserve.take(self._books.get(plugin), pod, node)

    def bound(self, plugin: str, pod: Pod, node: str) -> None:
        """Tell a plugin that the API server confirmed a Binding. Never raises: the pod is bound."""
        part = self._plugins[plugin].post_bind
        if part is None:
            return
        self.looks += 1
        try:
            part.done(self._books.get(plugin), pod, node)
        except Exception:  # noqa: BLE001 - as above
            metrics.PLUGIN_FAILURES.labels(plugin, Phase.POST_BIND, "raised").inc()
            _LOG.exception("plugin %s failed to hear that pod %s was bound", plugin, pod.uid)

    def give_back(self, plugin: str, uid: str) -> None:
        """Undo `take`. Never raises: time, a new policy and the promises of other plugins go on."""
        reserve = self._plugins[plugin].reserve
        if reserve is None:
            return
        self.looks += 1
        try:
            reserve.release(self._books.get(plugin), uid)
        except Exception:  # noqa: BLE001 - as above
            metrics.PLUGIN_FAILURES.labels(plugin, Phase.RESERVE, "raised").inc()
            _LOG.exception("plugin %s failed to give back what pod %s was promised", plugin, uid)

    def _failed(self, plugin: str, what: str) -> None:
        """A book that raises must not stop the writer: the other books and the columns still have to follow."""
        metrics.PLUGIN_FAILURES.labels(plugin, "book", what).inc()
        _LOG.exception("the book of plugin %s refused a change of a %s", plugin, what)
