"""Kubernetes events about the policy ConfigMap (events.k8s.io/v1)."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec

from extender.kube import KubeApi
from extender.policy.outcome import APPLIED, Outcome

CONTROLLER = "trimtab.dev/extender"
ACTION = "Reload"
NOTE_BYTES_MAX = 1024
"""The API server says characters and counts bytes of UTF-8."""
INSTANCE_BYTES_MAX = 128
REMEMBERED_MAX = 64
"""Events that a repetition is added to; older ones are posted anew."""
SERIES_S = 1800.0
"""A repetition after a longer time is a new event. The API server keeps events for an hour."""
_MERGE = "application/merge-patch+json"


class EventNotWritten(Exception):
    """The API server did not take the event."""


@dataclass(slots=True)
class _Posted:
    name: str
    count: int
    at_s: float


class PolicyEvents:
    """One event for every outcome; the same outcome again raises the count of the first."""

    def __init__(
        self, api: KubeApi, namespace: str, name: str, identity: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._api = api
        self._folder = f"/apis/events.k8s.io/v1/namespaces/{quote(namespace, safe='')}/events"
        self._regarding = {"apiVersion": "v1", "kind": "ConfigMap", "namespace": namespace, "name": name}
        self._namespace = namespace
        self._identity = shortened(identity, INSTANCE_BYTES_MAX)
        self._clock = clock
        self._posted: OrderedDict[tuple[str, str, str], _Posted] = OrderedDict()

    async def record(self, outcome: Outcome, uid: str = "") -> None:
        """`uid`: the ConfigMap's, if known. Raises EventNotWritten; KubeError when the API server cannot be reached."""
        key = (outcome.reason, outcome.message, outcome.desired_revision)
        now_s = self._clock()
        posted = self._posted.get(key)
        if posted is not None and now_s - posted.at_s < SERIES_S and await self._repeat(posted, now_s):
            return
        name = await self._post(outcome, now_s, uid)
        self._posted[key] = _Posted(name, 1, now_s)
        self._posted.move_to_end(key)
        while len(self._posted) > REMEMBERED_MAX:
            self._posted.popitem(last=False)

    async def _post(self, outcome: Outcome, now_s: float, uid: str) -> str:
        # Random, because replicas tell the same outcome at the same moment.
        name = f"{self._regarding['name'][:200]}.{secrets.token_hex(8)}"
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": self._namespace},
            "eventTime": micro_time(now_s),
            "reportingController": CONTROLLER,
            "reportingInstance": self._identity,
            "action": ACTION,
            "reason": f"Policy{outcome.reason}",
            "regarding": {**self._regarding, **({"uid": uid} if uid else {})},
            "note": shortened(outcome.message, NOTE_BYTES_MAX),
            "type": "Normal" if outcome.reason == APPLIED else "Warning",
        }
        await self._send("POST", self._folder, event, "application/json", (201, 202, 200))
        return name

    async def _repeat(self, posted: _Posted, now_s: float) -> bool:
        """False: the event is gone from the server."""
        series = {"series": {"count": posted.count + 1, "lastObservedTime": micro_time(now_s)}}
        status = await self._send("PATCH", f"{self._folder}/{posted.name}", series, _MERGE, (200, 404))
        if status == 404:  # noqa: PLR2004
            return False
        posted.count, posted.at_s = posted.count + 1, now_s
        return True

    async def _send(self, method: str, path: str, body: Any, content_type: str, fine: tuple[int, ...]) -> int:
        answer = await self._api.request(method, path, body=msgspec.json.encode(body), content_type=content_type)
        if answer.status not in fine:
            raise EventNotWritten(f"HTTP {answer.status} {answer.message}; grant create and patch on events")
        return answer.status


def micro_time(seconds: float) -> str:
    """A Kubernetes MicroTime: exactly six digits."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def shortened(text: str, bytes_max: int) -> str:
    """The text, cut to so many bytes of UTF-8 with an ellipsis where it is longer."""
    raw = text.encode()
    if len(raw) <= bytes_max:
        return text
    return raw[: bytes_max - len("…".encode())].decode(errors="ignore") + "…"
