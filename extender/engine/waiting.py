"""Pods whose last filter call left them no node because of us.

Noted by the filter verb; forgotten when the pod passes, is bound, is going or is gone. Whoever can make room
(preemption) or sees it come (waking) starts here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from extender.engine.trace import Trace
from extender.model.pod import Pod
from extender.telemetry import metrics

# Waiting pods that we remember; the one that was refused longest ago leaves first and is counted.
REMEMBERED_MAX = 20_000


@dataclass(slots=True)
class WaitingPod:
    """Refused on every candidate of its last filter call. Times are unix seconds."""

    pod: Pod
    """As the scheduler last sent it."""
    plugins: frozenset[str]
    """Those that rejected a candidate in that call."""
    reason: str
    """The rejection that most candidates had."""
    since_s: float
    """The first refusal since the pod last passed."""
    refused_s: float
    """The newest refusal."""
    refusals: int = 1
    """Refusals since the pod last passed."""
    nominated: bool = False
    """So far only its nominated node was asked for: other nodes may still take it in the same scheduling cycle."""

    @property
    def uid(self) -> str:
        return self.pod.uid


class Waiting:
    """The waiting pods by UID, the one refused longest ago first. Single writer: the event loop."""

    def __init__(self, remembered_max: int = REMEMBERED_MAX) -> None:
        self._remembered_max = remembered_max
        self._pods: OrderedDict[str, WaitingPod] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, uid: object) -> bool:
        return uid in self._pods

    def __iter__(self) -> Iterator[WaitingPod]:
        """Over a copy: the caller may forget pods, or let others run, on the way."""
        return iter(tuple(self._pods.values()))

    def get(self, uid: str) -> WaitingPod | None:
        return self._pods.get(uid)

    def refused(self, pod: Pod, codes: NDArray[np.int16], trace: Trace, now_s: float, *, nominated: bool) -> WaitingPod:
        """Every candidate was rejected. `codes`: as run_filters gives them, at least one and none of them 0."""
        counts = np.bincount(codes, minlength=1)
        plugins = frozenset(trace.owners[code - 1] for code in np.flatnonzero(counts).tolist())
        reason = trace.rejections[int(counts.argmax()) - 1].reason
        before = self._pods.pop(pod.uid, None)
        noted = WaitingPod(
            pod,
            plugins,
            reason,
            since_s=before.since_s if before else now_s,
            refused_s=now_s,
            refusals=before.refusals + 1 if before else 1,
            nominated=nominated,
        )
        self._pods[pod.uid] = noted
        while len(self._pods) > self._remembered_max:
            self._pods.popitem(last=False)
            metrics.WAITING_FORGOTTEN.inc()
        return noted

    def forget(self, uid: str) -> None:
        self._pods.pop(uid, None)

    def forget_all(self) -> None:
        self._pods.clear()
