"""Binding through the API server, once per pod: a repeated call for the same node joins the one under way."""

from __future__ import annotations

import asyncio
from typing import Protocol

from extender.kube import KubeError
from extender.model.pod import Pod


class Binder(Protocol):
    """Creates the Binding. An empty answer means that the API server confirmed it."""

    async def bind(self, namespace: str, name: str, uid: str, node: str, timeout_s: float) -> str: ...

    async def read_pod(self, namespace: str, name: str) -> Pod | None:
        """Raises KubeError."""
        ...


class PodNotHad(Exception):
    """There is no such pod, or it cannot be read now; the message says which."""


class Binds:
    """Binds under way, by pod UID."""

    def __init__(self, binder: Binder) -> None:
        self._binder = binder
        self._under_way: dict[str, tuple[str, asyncio.Future[str]]] = {}

    def __contains__(self, uid: object) -> bool:
        return uid in self._under_way

    def __len__(self) -> int:
        return len(self._under_way)

    async def joined(self, pod: Pod, node: str) -> str | None:
        """The answer of a bind that is already done or under way; None if there is none."""
        if pod.node_name:
            return "" if pod.node_name == node else f"pod {pod.key} is already bound to node {pod.node_name}"
        if pod.uid not in self._under_way:
            return None
        where, answer = self._under_way[pod.uid]
        # Shielded: this caller's leaving must not break off the bind of the other.
        return await asyncio.shield(answer) if where == node else f"pod {pod.key} is being bound to node {where}"

    async def run(self, pod: Pod, node: str, timeout_s: float) -> str:
        """Create the binding. "" only if the API server confirmed it; else the error.

        Only one is created at a time: while one call was held, another for the same pod may have been let by.
        """
        if pod.uid in self._under_way:
            return await self.joined(pod, node) or ""
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._under_way[pod.uid] = (node, answer)
        error = "the bind call was broken off"
        try:
            if timeout_s <= 0:
                error = "no time left to bind"
            else:
                error = await self._binder.bind(pod.namespace, pod.name, pod.uid, node, timeout_s)
        finally:
            del self._under_way[pod.uid]
            answer.set_result(error)
        return error

    async def read(self, namespace: str, name: str, uid: str, timeout_s: float) -> Pod:
        """A pod that the cache does not know, straight from the API server. Raises PodNotHad."""
        try:
            async with asyncio.timeout(timeout_s):
                found = await self._binder.read_pod(namespace, name)
        except TimeoutError:
            raise PodNotHad(f"pod {namespace}/{name} cannot be read: no answer in time") from None
        except KubeError as trouble:
            raise PodNotHad(f"pod {namespace}/{name} cannot be read: {trouble}") from trouble
        if found is None or found.uid != uid:
            raise PodNotHad(f"pod {namespace}/{name} with uid {uid} does not exist")
        return found
