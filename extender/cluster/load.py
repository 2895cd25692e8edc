"""Node load, polled: one collector for every plugin, whichever source is wanted at the moment."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from extender.cluster.load_fetch import Had, LoadFeed, Unavailable
from extender.cluster.readings import Digest, Readings
from extender.cluster.resource import UNREADABLE
from extender.cluster.state import METRICS_STALE_S, ClusterState
from extender.model.events import MetricsReplaced
from extender.model.load_source import LoadSource
from extender.telemetry.metrics import METRICS_AGE, METRICS_FAILURES, METRICS_NODES

log = logging.getLogger(__name__)

POLL_EVERY_S = 30.0
# How often the wanted source, age and staleness are looked at between polls.
TICK_S = 1.0


class LoadMetrics:
    """Replaces the load of all nodes every half minute, and blanks it when nothing new came for METRICS_STALE_S.

    `wanted` says which source to ask now: it may change with every policy. `feed_for` opens one (ValueError if it
    cannot be asked). With `static` load never grows stale, as beside a cluster that is a file itself.
    """

    def __init__(
        self,
        state: ClusterState,
        wanted: Callable[[], LoadSource | None],
        feed_for: Callable[[LoadSource], LoadFeed],
        *,
        static: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._wanted = wanted
        self._feed_for = feed_for
        self._static = static
        self._clock = clock
        self._source: LoadSource | None = None
        self._feed: LoadFeed | None = None
        self._had_at_s: float | None = None
        self._is_blank = True
        self._nodes = 0
        self._failures = 0
        self.error = ""
        """The last failure, until a poll succeeds in whole."""

    async def run(self) -> None:
        """Poll until cancelled; at once when another source is wanted."""
        next_poll_s = 0.0
        while True:
            if time.monotonic() >= next_poll_s or self._wanted() != self._source:
                next_poll_s = time.monotonic() + POLL_EVERY_S
                await self.poll()
            self.check_age()
            await asyncio.sleep(TICK_S)

    async def poll(self) -> bool:
        """Ask the wanted source once and apply what it says; False, with `error` set, without a whole answer.

        Never raises.
        """
        try:
            self._follow_wanted()
            if self._feed is None:
                return False
            had = await self._feed.poll()
            await self._take(had)
        except Unavailable as trouble:
            self._failed(trouble.cause, str(trouble))
        except UNREADABLE as trouble:
            self._failed("document", f"{self._source}: not what it should answer: {trouble}")
        except Exception as fault:
            log.exception("load metrics failed")
            self._failed("fault", f"{fault!r}")
        else:
            return not had.troubles
        return False

    def check_age(self) -> None:
        """Show the age, and let what is too old tell nothing any more."""
        METRICS_NODES.set(self._nodes)
        if self._had_at_s is None:
            METRICS_AGE.set(-1)
            return
        now_s = self._clock()
        age_s = now_s - self._had_at_s
        METRICS_AGE.set(age_s)
        if age_s > METRICS_STALE_S and not self._is_blank and not self._static:
            log.warning("load metrics are %d s old and are not used any more: %s", age_s, self.error or "nothing new")
            self._is_blank, self._nodes = True, 0
            METRICS_NODES.set(0)
            # An event like any other, so that a replay sees it too.
            self._state.apply(MetricsReplaced({}, now_s), now_s)

    def status(self) -> dict[str, Any]:
        """For people and probes: source, age_s (None before the first), stale, nodes, failures, error."""
        age_s = None if self._had_at_s is None else round(self._clock() - self._had_at_s, 1)
        return {
            "source": "" if self._source is None else str(self._source),
            "age_s": age_s,
            "stale": self._had_at_s is not None and self._is_blank,
            "nodes": self._nodes,
            "failures": self._failures,
            "error": self.error or ("" if self._source else "no source is configured"),
        }

    def _follow_wanted(self) -> None:
        """Raises Unavailable if the wanted source cannot be asked."""
        source = self._wanted()
        if source != self._source:
            log.info("node load comes from %s", source or "nowhere: no plugin that is on reads it")
            self._source, self._feed, self.error = source, None, ""
        if source is not None and self._feed is None:
            try:
                self._feed = self._feed_for(source)
            except ValueError as wrong:
                raise Unavailable("address", str(wrong)) from wrong

    async def _take(self, had: Had) -> None:
        if had.readings is not None:
            await self._show(had.readings)
        for trouble in had.troubles:
            self._failed(trouble.cause, str(trouble))
        if not had.troubles:
            self.error = ""

    async def _show(self, readings: Readings) -> None:
        digest = await Digest.of(readings)
        now_s = self._clock()
        self._had_at_s, self._is_blank, self._nodes = now_s, False, len(readings.nodes)
        METRICS_NODES.set(self._nodes)
        self._state.apply(MetricsReplaced(digest, now_s), now_s)

    def _failed(self, cause: str, message: str) -> None:
        METRICS_FAILURES.labels(cause).inc()
        self._failures += 1
        if message != self.error:
            log.warning("no new load metrics: %s", message)
        self.error = message
