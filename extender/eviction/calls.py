"""The calls to the API server that one eviction takes. Each says how it ended; none raises."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec

from extender.kube import KubeApi, KubeError, Response
from extender.kube.client import retry_after
from extender.model.pod import Pod

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
_OK_BELOW = 300
_NOT_FOUND, _CONFLICT, _INVALID, _TOO_MANY = 404, 409, 422, 429


class Ended(StrEnum):
    DONE = "done"
    GONE = "gone"
    """The pod is no longer there, or another one has its name."""
    LATER = "later"
    """A disruption budget, or a busy server, says not now."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Answer:
    ended: Ended
    message: str = ""
    retry_after_s: float = 0.0


class PodCalls:
    """Every call carries the pod's UID, so that a pod of the same name is never meant."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    async def mark_preempted(self, pod: Pod, message: str, now_s: float) -> Answer:
        """Add the condition DisruptionTarget, as the scheduler's own preemption does."""
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": "PreemptionByScheduler",
            "message": message,
            "lastTransitionTime": datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        # Strategic: conditions are merged by type, where a plain merge would take the others away.
        return await self._patch_status(pod, {"conditions": [condition]}, STRATEGIC)

    async def delete(self, pod: Pod) -> Answer:
        """Delete whatever budgets say. No resourceVersion: a status update of its kubelet must not save a victim."""
        return await self._send("DELETE", _path(pod), {"preconditions": {"uid": pod.uid}})

    async def evict(self, pod: Pod) -> Answer:
        """Ask for an eviction: the server says no while a disruption budget would be broken."""
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": {"preconditions": {"uid": pod.uid}},
        }
        return await self._send("POST", f"{_path(pod)}/eviction", body)

    async def nominate(self, pod: Pod, node: str) -> Answer:
        """Keep room for it there; an empty node takes the nomination back."""
        return await self._patch_status(pod, {"nominatedNodeName": node or None}, MERGE)

    async def _patch_status(self, pod: Pod, status: dict[str, Any], content_type: str) -> Answer:
        body = {"metadata": {"uid": pod.uid}, "status": status}
        return await self._send("PATCH", f"{_path(pod)}/status", body, content_type)

    async def _send(self, method: str, path: str, body: Any, content_type: str = "application/json") -> Answer:
        try:
            answer = await self._api.request(method, path, body=msgspec.json.encode(body), content_type=content_type)
        except KubeError as trouble:
            return Answer(Ended.FAILED, str(trouble))
        return _read(answer)


def _read(answer: Response) -> Answer:
    if answer.status < _OK_BELOW:
        return Answer(Ended.DONE)
    said = f"{answer.status} {answer.message}"
    # Another pod has the name now: preconditions answer with a conflict that names the UID, patches call it immutable.
    if answer.status == _NOT_FOUND or (answer.status in (_CONFLICT, _INVALID) and "uid" in answer.message.lower()):
        return Answer(Ended.GONE, said)
    if answer.status == _CONFLICT:
        return Answer(Ended.LATER, said)
    if answer.status == _TOO_MANY:
        return Answer(Ended.LATER, _told(answer), retry_after(answer.headers.get("retry-after", "")))
    return Answer(Ended.FAILED, said)


class _Cause(msgspec.Struct, gc=False):
    message: str = ""


class _Details(msgspec.Struct, gc=False):
    causes: list[_Cause] = []


class _Status(msgspec.Struct, gc=False):
    details: _Details | None = None


def _told(answer: Response) -> str:
    """The server names the budget and its numbers among the causes only."""
    try:
        details = msgspec.json.decode(answer.body, type=_Status).details
    except msgspec.DecodeError:
        details = None
    causes = [cause.message for cause in details.causes if cause.message] if details else []
    return "; ".join([f"{answer.status} {answer.message}", *causes])


def _path(pod: Pod) -> str:
    return f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}"
