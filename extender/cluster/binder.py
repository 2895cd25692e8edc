"""Binding a pod to a node, and being sure of it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec

from extender.cluster.resource import UNREADABLE
from extender.cluster.state import ClusterState
from extender.kube import KubeApi, KubeError, Response
from extender.model.events import PodAssumed
from extender.model.pod import Pod, decode_pod
from extender.telemetry import metrics

# Share of the caller's time for the POST; the rest is for reading the pod back when its outcome is unknown.
_POST_SHARE = 0.6
_READ_TIMEOUT_S = 5.0
# An API server that is busy or restarting gets the Binding once more, while the caller waits: to a gang that was let
# go, a Binding that fails is a member that is missing. Pauses double.
TRIES, PAUSE_S = 4, 0.1
_LEAST_S = 0.005
_OK, _CREATED, _MULTIPLE = 200, 201, 300
_FORBIDDEN, _NOT_FOUND, _CONFLICT, _BUSY, _SERVER_FAULT = 403, 404, 409, 429, 500
# Names go into a path as they are.
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)


class Binder(Protocol):
    async def bind(self, namespace: str, name: str, uid: str, node: str, timeout_s: float) -> str:
        """An empty string when the pod is confirmed to be on the node, else what is wrong. Never raises."""
        ...

    async def read_pod(self, namespace: str, name: str) -> Pod | None:
        """The pod straight from the source of truth, or None. Raises KubeError."""
        ...


@dataclass(frozen=True, slots=True)
class _Outcome:
    error: str
    passing: bool = False
    """A second try may well succeed: the fault is the server's or the network's, and the pod is not bound."""


class KubernetesBinder:
    """Creates the Binding with the pod's UID as precondition; binding twice to one node is binding once."""

    def __init__(self, api: KubeApi) -> None:
        self._api = api

    async def bind(self, namespace: str, name: str, uid: str, node: str, timeout_s: float) -> str:
        """See Binder. Takes no longer than `timeout_s`; without time left nothing is sent."""
        wrong = _misnamed(namespace, name, node) or ("" if uid else f"pod {namespace}/{name} came without a UID")
        if wrong:
            return wrong
        deadline_s = time.monotonic() + timeout_s
        if timeout_s < _LEAST_S:
            return f"binding {namespace}/{name} to {node}: no time left before the caller gives up"
        for pause_s in (PAUSE_S * 2**i for i in range(TRIES - 1)):
            outcome = await self._try(namespace, name, uid, node, deadline_s)
            if not outcome.passing or deadline_s - time.monotonic() < 2 * pause_s:
                return outcome.error
            metrics.BINDINGS_REPEATED.inc()
            await asyncio.sleep(pause_s)
        return (await self._try(namespace, name, uid, node, deadline_s)).error

    async def _try(self, namespace: str, name: str, uid: str, node: str, deadline_s: float) -> _Outcome:
        try:
            answer = await self._post(namespace, name, uid, node, deadline_s)
        except KubeError as trouble:
            return await self._read_back(namespace, name, uid, node, deadline_s, _Outcome(str(trouble), passing=True))
        if answer.status == _CREATED:
            return _Outcome("")
        said = f"binding {namespace}/{name} to {node}: {answer.status} {answer.message}"
        if answer.status == _NOT_FOUND:
            return _Outcome(f"pod {namespace}/{name} is gone: {answer.message}")
        if answer.status == _FORBIDDEN:
            return _Outcome(f"{said} (the extender needs create on pods/binding)")
        if answer.status < _MULTIPLE or answer.status == _CONFLICT or answer.status >= _SERVER_FAULT:
            # Any other success did not come from an API server: something in between has answered.
            unsettled = _Outcome(said, passing=answer.status >= _SERVER_FAULT)
            return await self._read_back(namespace, name, uid, node, deadline_s, unsettled)
        return _Outcome(said, passing=answer.status == _BUSY)

    async def read_pod(self, namespace: str, name: str, timeout_s: float = _READ_TIMEOUT_S) -> Pod | None:
        """The pod as the API server has it now, or None. Raises KubeError when it cannot be had or read."""
        if wrong := _misnamed(namespace, name):
            raise KubeError(wrong)
        path = _pod_path(namespace, name)
        answer = await self._api.request("GET", path, timeout_s=timeout_s)
        if answer.status == _NOT_FOUND:
            return None
        if answer.status != _OK:
            raise KubeError(f"GET {path}: {answer.status} {answer.message}", status=answer.status)
        try:
            return decode_pod(answer.body)
        except UNREADABLE as trouble:
            raise KubeError(f"GET {path}: not a pod: {trouble}") from trouble

    async def _post(self, namespace: str, name: str, uid: str, node: str, deadline_s: float) -> Response:
        body = msgspec.json.encode(
            {
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"namespace": namespace, "name": name, "uid": uid},
                "target": {"apiVersion": "v1", "kind": "Node", "name": node},
            }
        )
        left_s = _POST_SHARE * (deadline_s - time.monotonic())
        return await self._api.request(
            "POST", f"{_pod_path(namespace, name)}/binding", body=body, timeout_s=max(_LEAST_S, left_s)
        )

    async def _read_back(
        self, namespace: str, name: str, uid: str, node: str, deadline_s: float, trouble: _Outcome
    ) -> _Outcome:
        """The answer did not settle it: the pod itself does."""
        try:
            pod = await self.read_pod(namespace, name, max(_LEAST_S, deadline_s - time.monotonic()))
        except KubeError as again:
            return _Outcome(f"{trouble.error}; whether the pod is bound is unknown: {again}", trouble.passing)
        if pod is None:
            return _Outcome(f"pod {namespace}/{name} is gone")
        if pod.uid != uid:
            return _Outcome(
                f"pod {namespace}/{name} was replaced by another of the same name (UID {pod.uid}, not {uid})"
            )
        if pod.node_name == node:
            return _Outcome("")
        if pod.node_name:
            return _Outcome(f"pod {namespace}/{name} is already bound to node {pod.node_name}")
        return trouble


class FileBinder:
    """For a cluster that comes out of a file: there is no API server, so the state alone is the truth.

    A pod that the file does not have (a scheduler sent it) is confirmed as well; whoever decided knows its
    requests and takes it into the state with an own PodAssumed.
    """

    def __init__(self, state: ClusterState, clock: Callable[[], float] = time.time) -> None:
        self._state = state
        self._clock = clock

    async def bind(self, namespace: str, name: str, uid: str, node: str, timeout_s: float) -> str:  # noqa: ARG002
        """See Binder."""
        if self._state.nodes.row(node) < 0:
            return f"node {node} is not in the cluster file"
        pod = self._state.find_pod(namespace, name)
        if pod is None:
            return ""
        if pod.uid != uid:
            return f"pod {namespace}/{name} was replaced by another of the same name (UID {pod.uid}, not {uid})"
        if pod.node_name and pod.node_name != node:
            return f"pod {namespace}/{name} is already bound to node {pod.node_name}"
        if not pod.node_name:
            now_s = self._clock()
            self._state.apply(PodAssumed(msgspec.structs.replace(pod, node_name=node), now_s), now_s)
        return ""

    async def read_pod(self, namespace: str, name: str) -> Pod | None:
        """The pod as the state has it."""
        return self._state.find_pod(namespace, name)


def _pod_path(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def _misnamed(*names: str) -> str:
    for name in names:
        if not _NAME.fullmatch(name) or ".." in name:
            return f"{name[:80]!r} is not a Kubernetes name"
    return ""
