"""The one place where questions meet what the watch has brought."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from analytics.cluster.view import ClusterView

NOWHERE = "this console was started without a cluster: give --kubeconfig"


class Cluster:
    """Gives views of the newest state, from any thread."""

    def __init__(self, look: Callable[[], ClusterView], status: Callable[[], dict[str, Any]]) -> None:
        """`look` may be called from any thread, often: it answers the same value while nothing has changed."""
        self._look = look
        self._status = status

    @classmethod
    def of(cls, view: ClusterView) -> Cluster:
        """One that stands still."""
        return cls(lambda: view, lambda: {"known": view.known})

    @classmethod
    def nowhere(cls, why: str = NOWHERE) -> Cluster:
        return cls.of(ClusterView(at_us=time.time_ns() // 1000, known=False, why_not=why))

    def attach(self, look: Callable[[], ClusterView], status: Callable[[], dict[str, Any]]) -> None:
        """From now on it is this one: who asks may hold on to it before the watch can begin."""
        self._look, self._status = look, status

    def view(self) -> ClusterView:
        return self._look()

    def status(self) -> dict[str, Any]:
        """For /health and people: what is followed, how old it is, what is wrong."""
        return self._status()
