"""Which tools are on: their workers run, their metrics are shown, their pages and APIs answer (R-246)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry

from analytics.config import metrics
from analytics.views.declaration import View
from analytics.views.sources import Sources
from analytics.workers import Workers

_LOG: Final = logging.getLogger(__name__)


class Switches:
    """Safe from any thread. A tool that is off has no worker, no collector, and whoever asks `on` hears so."""

    def __init__(self, views: Sequence[View], sources: Sources, registry: CollectorRegistry) -> None:
        """All are off at first; `switch` turns on."""
        self._views: dict[str, list[View]] = {}
        for view in (view for view in views if view.tool):
            self._views.setdefault(view.tool, []).append(view)
            metrics.ENABLED.labels(view.tool).set(0)
        self._sources = sources
        self._registry = registry
        self._running: dict[str, Workers] = {}
        self._lock = threading.Lock()

    @property
    def tools(self) -> Sequence[str]:
        """Those that are installed here, on or off."""
        return tuple(self._views)

    def on(self, tool: str) -> bool:
        """Also of what belongs to no tool."""
        return not tool or tool in self._running

    def switch(self, off: Collection[str]) -> None:
        """All tools on but these."""
        with self._lock:
            for tool in self._views:
                if tool in off and tool in self._running:
                    self._end(tool)
                elif tool not in off and tool not in self._running:
                    self._begin(tool)

    def checks(self) -> Mapping[str, str]:
        """Worker -> `ok`, or what ended it last."""
        return {name: said for workers in list(self._running.values()) for name, said in workers.checks().items()}

    def stop(self) -> None:
        with self._lock:
            for tool in list(self._running):
                self._end(tool)

    def _begin(self, tool: str) -> None:
        views = self._views[tool]
        for view in views:
            for collector in view.collectors:
                self._registry.register(collector)
        workers = Workers([worker for view in views for worker in view.workers], self._sources)
        self._running[tool] = workers
        workers.start()
        metrics.ENABLED.labels(tool).set(1)
        _LOG.info("%s is on", tool, extra={"tool": tool})

    def _end(self, tool: str) -> None:
        workers = self._running.pop(tool)
        for view in self._views[tool]:
            for collector in view.collectors:
                self._registry.unregister(collector)
        workers.stop()
        metrics.ENABLED.labels(tool).set(0)
        _LOG.info("%s is off", tool, extra={"tool": tool})
