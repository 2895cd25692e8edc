"""Which decision a call belongs to. The protocol has no ids: they are joined by pod UID and time.

A decision opens at the first filter for a UID, or, where filter is not ours, with each prioritize. A call for the
single nominated node and the full call that follows it within the same scheduling cycle are one decision. prioritize,
preempt, bind and the outcome join the newest decision of their UID.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from extender.model.pod import Pod
from extender.record.frames import PodRef
from extender.telemetry import metrics

if TYPE_CHECKING:
    from extender.engine.variants import Choice

# A full filter call this soon after a rejected nominated call is the same scheduling cycle.
SAME_CYCLE_S = 2.0
# Pods with an open decision that we remember; the oldest leave first and are counted.
REMEMBERED_MAX = 200_000

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@dataclass(slots=True)
class Attempt:
    decision: str
    ordinal: int
    pod: Pod
    opened_s: float
    nominated_only: bool = False
    """So far only the single nominated node was asked for."""
    ended: bool = False
    filtered: bool = True
    """It was opened by a filter call."""
    choice: Choice | None = None
    """Which plugins count for it, where that is not the same for all pods at all times."""


class Attempts:
    def __init__(self, started_s: float) -> None:
        self._boot = _base36(int(started_s * 1000))
        self._count = 0
        self._by_uid: dict[str, Attempt] = {}

    def __len__(self) -> int:
        return len(self._by_uid)

    def get(self, uid: str) -> Attempt | None:
        return self._by_uid.get(uid)

    def filtered(self, pod: Pod, *, nominated: bool, now_s: float) -> Attempt:
        """The decision of a filter call."""
        last = self._by_uid.get(pod.uid)
        if last is not None and last.nominated_only and not last.ended and now_s - last.opened_s <= SAME_CYCLE_S:
            last.pod, last.nominated_only = pod, nominated
            return last
        return self._open(pod, (last.ordinal if last else 0) + 1, nominated=nominated, now_s=now_s)

    def scored(self, pod: Pod, now_s: float) -> Attempt:
        """The decision of a prioritize call. A scheduler that never asks us to filter opens one with each."""
        last = self._by_uid.get(pod.uid)
        if last is not None and last.filtered:
            return last
        opened = self._open(pod, (last.ordinal if last else 0) + 1, nominated=False, now_s=now_s)
        opened.filtered = False
        return opened

    def joined(self, pod: Pod, now_s: float) -> Attempt:
        """The decision of a later call; one is opened if filter was not ours or came before a restart."""
        return self._by_uid.get(pod.uid) or self._open(pod, 1, nominated=False, now_s=now_s)

    def forget(self, uid: str) -> None:
        self._by_uid.pop(uid, None)

    def _open(self, pod: Pod, ordinal: int, *, nominated: bool, now_s: float) -> Attempt:
        self._count += 1
        attempt = Attempt(f"{self._boot}-{self._count}", ordinal, pod, now_s, nominated_only=nominated)
        self._by_uid.pop(pod.uid, None)
        self._by_uid[pod.uid] = attempt
        if len(self._by_uid) > REMEMBERED_MAX:
            del self._by_uid[next(iter(self._by_uid))]
            metrics.DECISIONS_FORGOTTEN.inc()
        return attempt


def pod_ref(pod: Pod) -> PodRef:
    return PodRef(pod.namespace, pod.name, pod.uid, pod.scheduler_name, pod.priority, pod.resource_version, pod.owner)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
