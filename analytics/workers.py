"""What the tools do without being asked: a thread each, started with the sidecar and ended with it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping

from analytics.views.declaration import Worker
from analytics.views.sources import Sources

AGAIN_S = 1.0
AGAIN_MAX_S = 60.0
_LOG = logging.getLogger(__name__)


class Workers:
    """`start` and `stop`. One that raises is told and run again, each time later; the others do not notice."""

    def __init__(self, workers: Iterable[Worker], sources: Sources) -> None:
        self._sources = sources
        self._stop = threading.Event()
        self._trouble = {worker.name: "ok" for worker in workers}
        self._threads = [
            threading.Thread(target=self._keep_running, args=(worker,), name=worker.name, daemon=True)
            for worker in workers
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, within_s: float = 10.0) -> None:
        """Ask all to end, and wait for each."""
        self._stop.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(within_s)

    def checks(self) -> Mapping[str, str]:
        """Worker -> `ok`, or what ended it last."""
        return dict(self._trouble)

    def _keep_running(self, worker: Worker) -> None:
        wait_s = AGAIN_S
        while not self._stop.is_set():
            try:
                worker.run(self._sources, self._stop)
            except Exception as fault:  # noqa: BLE001 - one tool's fault is not another's
                _LOG.error("%s failed, and is run again in %g s", worker.name, wait_s, exc_info=fault)
                self._trouble[worker.name] = f"{type(fault).__name__}: {fault}"[:300]
            self._stop.wait(wait_s)
            wait_s = min(2 * wait_s, AGAIN_MAX_S)
