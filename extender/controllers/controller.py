"""What a controller is, what it gets, and how it is kept alive."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from extender.cluster.backoff import Backoff
from extender.cluster.state import ClusterState
from extender.engine.engine import Engine
from extender.eviction import Evictions
from extender.kube import KubeApi
from extender.record.frames import Frame
from extender.telemetry import metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What controllers work with. `clock` gives unix seconds; `offer` takes journal frames."""

    engine: Engine
    state: ClusterState
    api: KubeApi
    evictions: Evictions
    """Its loop is run by main."""
    offer: Callable[[Frame], None]
    clock: Callable[[], float]


class Controller(Protocol):
    @property
    def name(self) -> str:
        """For metrics and /configz."""
        ...

    async def run(self) -> None:
        """Act until cancelled."""
        ...

    def status(self) -> dict[str, Any]:
        """What it does now, for /configz."""
        ...


async def kept_alive(controller: Controller) -> None:
    """Run it; one that falls is counted, told and started again, later each time."""
    backoff = Backoff()
    while True:
        try:
            await controller.run()
        except Exception:  # the other controllers and the scheduler's calls go on
            metrics.CONTROLLER_FAULTS.labels(controller.name).inc()
            log.exception("controller %s fell; it is started again", controller.name)
        await asyncio.sleep(backoff.next_s())
