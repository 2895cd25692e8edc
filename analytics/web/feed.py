"""What feeds the live events: asks the store what is new, at most twice a second, and only while somebody listens.

Asking the store rather than the ingest keeps it right when another sidecar does the writing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import anyio.to_thread

from analytics.store import Store, StoreError
from analytics.store.decisions import Decisions
from analytics.store.evictions import Evictions
from analytics.store.findings import Findings
from analytics.web import metrics
from analytics.web.envelopes import encode
from analytics.web.live import Broadcaster

POLL_S: Final = 0.5
CHANGES_MAX: Final = 200
"""Ids in one event. When as many changed, the event says `more` and readers load afresh what they show."""
SUMMARIES_MAX: Final = 50
_LOG: Final = logging.getLogger(__name__)


class Feed:
    def __init__(self, store: Store, broadcaster: Broadcaster) -> None:
        self._decisions = Decisions(store)
        self._evictions = Evictions(store)
        self._findings = Findings(store)
        self._broadcaster = broadcaster
        self._seen_us: int | None = None
        self._evicted_us = 0
        """The same for evictions, which are asked for at another moment."""
        self._found_us = 0
        """The same for findings of the audit log."""

    async def run(self) -> None:
        """Until cancelled. A store that does not answer is asked again; readers then load afresh."""
        lost = False
        while True:
            if self._broadcaster.clients:
                await asyncio.sleep(POLL_S)
            else:
                if self._seen_us is not None:
                    self._broadcaster.pause()
                self._seen_us = None
                await self._broadcaster.somebody()
            try:
                await self._turn()
                if lost:
                    self._broadcaster.resync("gone")
                lost = False
            except StoreError as trouble:
                if not lost:
                    _LOG.warning("live events wait for the store: %s", trouble)
                lost = True

    async def _turn(self) -> None:
        if self._seen_us is None:
            # What came before, readers load by themselves: at this `hello`, for a list they asked for at their own
            # first one may be older than where the store stands here.
            self._seen_us = self._evicted_us = await anyio.to_thread.run_sync(self._decisions.newest_change_us)
            self._found_us = await anyio.to_thread.run_sync(self._findings.newest_since, 0)
            self._broadcaster.publish("hello", b"{}")
            return
        event, self._seen_us = await anyio.to_thread.run_sync(self._news, self._seen_us)
        if event is not None:
            self._broadcaster.publish("decisions", encode(event))
        evicted_us = await anyio.to_thread.run_sync(self._evictions.newest_since, self._evicted_us)
        if evicted_us:
            self._evicted_us = evicted_us
            self._broadcaster.publish("evictions", b"{}")
        found_us = await anyio.to_thread.run_sync(self._findings.newest_since, self._found_us)
        if found_us:
            self._found_us = found_us
            self._broadcaster.publish("findings", b"{}")

    def _news(self, after_us: int) -> tuple[dict[str, Any] | None, int]:
        ids, seen_us = self._decisions.changed(after_us, limit=CHANGES_MAX)
        if not ids:
            return None, seen_us
        more = len(ids) == CHANGES_MAX
        if more:
            metrics.LIVE_RESYNCS.labels("burst").inc()
        newest = self._decisions.get_many(ids[-SUMMARIES_MAX:])
        return {"ids": ids, "more": more, "decisions": list(newest.values())}, seen_us
