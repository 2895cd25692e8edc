"""The status of the policy, written where its author looks: the ConfigMap's annotation, and an event on it.

    {"conditions": [{"type": "PolicyApplied", "status": "True" | "False", "reason", "message", "lastTransitionTime"}],
     "replicas": {REPLICA: {"revision", "hash", "observed", "status"}}}

`revision` is the one in effect in that replica, `observed` the one it was given last. Each replica merges its own
key; the condition is False while any replica that has seen the same text refuses it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from extender.kube import KubeApi
from extender.policy.events import PolicyEvents, shortened
from extender.policy.outcome import Outcome

ANNOTATION = "policy.trimtab.dev/status"
CONDITION = "PolicyApplied"
MESSAGE_BYTES_MAX = 2048
REPLICAS_MAX = 16
"""Replicas come and go with their pods' names; those that wrote longest ago are forgotten first."""
TRIES_MAX = 6
_RETRY_S = 0.05
_MERGE = "application/merge-patch+json"
_CONFLICT = 409
_ABSENT = 404
_TRUE, _FALSE = "True", "False"


class StatusNotWritten(Exception):
    """The API server did not take the status."""


class StatusWriter(Protocol):
    async def write(self, outcome: Outcome) -> None:
        """May raise anything; the policy does not depend on it."""
        ...


class ConfigMapStatusWriter:
    def __init__(
        self, api: KubeApi, namespace: str, name: str, identity: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        """`identity`: this replica's name, its pod's."""
        self._api = api
        self._path = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps/{quote(name, safe='')}"
        self._identity = identity
        self._clock = clock
        self._events = PolicyEvents(api, namespace, name, identity, clock=clock)
        self._uid = ""

    async def write(self, outcome: Outcome) -> None:
        """Annotation, then event. Raises StatusNotWritten, EventNotWritten or KubeError."""
        try:
            await self._annotate(outcome)
        finally:
            # An event is all that is left to say when the ConfigMap is gone or may not be written.
            await self._events.record(outcome, self._uid)

    async def _annotate(self, outcome: Outcome) -> None:
        for attempt in range(TRIES_MAX):
            seen = await self._read()
            if seen is None:
                return
            metadata = seen["metadata"]
            self._uid = str(metadata.get("uid", ""))
            before = (metadata.get("annotations") or {}).get(ANNOTATION, "")
            after = merged(before, self._identity, outcome, self._clock())
            if after == before or await self._write(after, str(metadata["resourceVersion"])):
                return
            await asyncio.sleep(_RETRY_S * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 - spreads replicas
        raise StatusNotWritten(f"{self._path} changed under {TRIES_MAX} attempts to write its status")

    async def _read(self) -> dict[str, Any] | None:
        answer = await self._api.request("GET", self._path)
        if answer.status == _ABSENT:
            return None
        if answer.status != 200:  # noqa: PLR2004
            raise StatusNotWritten(f"GET {self._path}: HTTP {answer.status} {answer.message}")
        seen: dict[str, Any] = msgspec.json.decode(answer.body)
        return seen

    async def _write(self, text: str, version: str) -> bool:
        """False: somebody was faster, read again."""
        patch = {"metadata": {"resourceVersion": version, "annotations": {ANNOTATION: text}}}
        answer = await self._api.request("PATCH", self._path, body=msgspec.json.encode(patch), content_type=_MERGE)
        if answer.status in (_CONFLICT, _ABSENT):
            return False
        if answer.status != 200:  # noqa: PLR2004
            raise StatusNotWritten(
                f"PATCH {self._path}: HTTP {answer.status} {answer.message}; grant get and patch on it"
            )
        return True


def merged(before: str, identity: str, outcome: Outcome, now_s: float) -> str:
    """The annotation with this replica's key brought up to date; the same text when that changes nothing."""
    status = _decoded(before)
    replicas = {key: value for key, value in _mapping(status.get("replicas")).items() if isinstance(value, dict)}
    mine = {
        "revision": outcome.effective_revision,
        "hash": outcome.effective_hash,
        "observed": outcome.desired_revision,
        "status": _status(outcome),
    }
    # Those that wrote last stand last.
    if replicas.get(identity) != mine:
        replicas.pop(identity, None)
        replicas[identity] = mine
    replicas = dict(list(replicas.items())[-REPLICAS_MAX:])
    condition = _condition(status, replicas, outcome, now_s)
    return msgspec.json.encode({"conditions": [condition], "replicas": replicas}).decode()


def _condition(
    status: Mapping[str, Any], replicas: Mapping[str, Mapping[str, Any]], outcome: Outcome, now_s: float
) -> dict[str, Any]:
    conditions = status.get("conditions")
    old = next((c for c in conditions if isinstance(c, dict)), {}) if isinstance(conditions, list) else {}
    refused_elsewhere = outcome.applied and any(
        entry.get("status") == _FALSE and entry.get("observed") == outcome.desired_revision
        for entry in replicas.values()
    )
    if refused_elsewhere and old.get("status") == _FALSE:
        return dict(old)
    now = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    same = old.get("status") == _status(outcome)
    return {
        "type": CONDITION,
        "status": _status(outcome),
        "reason": outcome.reason,
        "message": shortened(outcome.message, MESSAGE_BYTES_MAX),
        "lastTransitionTime": old.get("lastTransitionTime", now) if same else now,
    }


def _status(outcome: Outcome) -> str:
    return _TRUE if outcome.applied else _FALSE


def _decoded(text: str) -> Mapping[str, Any]:
    """What people wrote there by hand is overwritten, not obeyed."""
    try:
        return _mapping(msgspec.json.decode(text or "{}"))
    except msgspec.DecodeError:
        return {}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
