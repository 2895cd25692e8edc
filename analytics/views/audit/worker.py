"""Follows the audit logs that the settings name, until the sidecar ends."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from threading import Event
from typing import Any, Final
from weakref import WeakKeyDictionary

from analytics.ingest.audit import metrics
from analytics.ingest.audit.tail import Tail
from analytics.store import Store
from analytics.views.audit.context import intake
from analytics.views.sources import Sources

POLL_S: Final = 0.5
_LOG: Final = logging.getLogger(__name__)
_TAILS: Final[WeakKeyDictionary[Store, dict[Path, Tail]]] = WeakKeyDictionary()
_LOCK: Final = threading.Lock()


def follow(sources: Sources, stop: Event) -> None:
    """The worker. Logs that are added to the settings, or taken from them, count at once."""
    tails: dict[Path, Tail] = {}
    with _LOCK:
        _TAILS[sources.store] = tails
    lost = len(sources.store.moved_aside)
    try:
        while not stop.is_set():
            if len(sources.store.moved_aside) != lost:
                lost = len(sources.store.moved_aside)
                _LOG.warning("the store was lost: the audit logs that are there are read again")
                intake(sources).begin_again()
                _close(tails)
            _choose(sources, tails)
            busy = sum([tail.step() for tail in list(tails.values())])
            metrics.BEHIND_BYTES.set(sum(tail.behind_bytes() for tail in tails.values()))
            if not busy:
                stop.wait(POLL_S)
    finally:
        _close(tails)


def states(store: Store) -> list[dict[str, Any]]:
    """How far each log has been read, and what is wrong."""
    with _LOCK:
        tails = list(_TAILS.get(store, {}).values())
    return [tail.status() for tail in tails]


def _choose(sources: Sources, tails: dict[Path, Tail]) -> None:
    wanted = sources.settings().audit_logs
    with _LOCK:
        for path in wanted:
            if path not in tails:
                tails[path] = Tail(path, sources.store, intake(sources))
        for path in [path for path in tails if path not in wanted]:
            tails.pop(path).close()


def _close(tails: dict[Path, Tail]) -> None:
    with _LOCK:
        for tail in tails.values():
            tail.close()
        tails.clear()
