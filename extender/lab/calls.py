"""Calls to the extender over HTTP, as kube-scheduler makes them: same bytes, same headers, kept-alive connections."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence

import httpx
import orjson

from extender.lab import gojson
from extender.lab.answers import (
    ExtenderFailed,
    FilterAnswer,
    Victims,
    bind_answer,
    filter_answer,
    preempt_answer,
    scores_answer,
)
from extender.lab.trees import Tree

TIMEOUT_S = 5.0
"""httpTimeout of the first stanza, its default."""
BIND_TIMEOUT_S = 90.0
"""httpTimeout of the second stanza, which only binds and may hold a pod back for its gang (scheduler-config)."""
BINDS_MAX = 1000
"""Binds under way at once, held ones included; more wait their turn, and fail like any other when time is over."""
_IDLE_S = 90.0
_LATENCIES_KEPT = 1000
_OK = 200


class ExtenderCalls:
    """One extender. Filter, prioritize and preempt share one connection; binds have a pool of their own."""

    def __init__(
        self,
        url: str,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.AsyncBaseTransport | None = None,
        bind_timeout_s: float = BIND_TIMEOUT_S,
    ) -> None:
        self.url = url.rstrip("/")
        self.latencies_ms: dict[str, deque[float]] = {
            verb: deque(maxlen=_LATENCIES_KEPT) for verb in ("filter", "prioritize", "preempt", "bind")
        }
        self._cycle = _client(1, timeout_s, transport)
        self._binds = _client(BINDS_MAX, bind_timeout_s, transport)

    async def close(self) -> None:
        await self._cycle.aclose()
        await self._binds.aclose()

    async def filter(self, pod: Tree, names: Sequence[str]) -> FilterAnswer:
        """Raises ExtenderFailed."""
        body = await self._post(self._cycle, "filter", _args(pod, names))
        return filter_answer(self.url, body, names)

    async def prioritize(self, pod: Tree, names: Sequence[str]) -> dict[str, int]:
        """Raises ExtenderFailed."""
        return scores_answer(await self._post(self._cycle, "prioritize", _args(pod, names)))

    async def preempt(
        self, pod: Tree, victims: Mapping[str, Victims], pods_on: Mapping[str, Collection[str]]
    ) -> dict[str, Victims]:
        """Raises ExtenderFailed."""
        meta = {
            name: {"Pods": [{"UID": uid} for uid in v.uids], "NumPDBViolations": v.pdb_violations}
            for name, v in victims.items()
        }
        body = await self._post(self._cycle, "preempt", gojson.preemption_args(pod, meta))
        return preempt_answer(self.url, body, pods_on)

    async def bind(self, namespace: str, name: str, uid: str, node: str) -> None:
        """Raises ExtenderFailed."""
        tree = {"PodName": name, "PodNamespace": namespace, "PodUID": uid, "Node": node}
        bind_answer(await self._post(self._binds, "bind", gojson.dumps(tree, gojson.BINDING_ARGS)))

    async def _post(self, client: httpx.AsyncClient, verb: str, body: bytes) -> bytes:
        url = f"{self.url}/{verb}"
        # Built by hand: the client's own defaults (Accept, Connection, its name) are not what Go sends.
        headers = {
            "User-Agent": "Go-http-client/1.1",
            "Content-Length": str(len(body)),
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip",
        }
        begin = time.perf_counter()
        try:
            response = await client.send(httpx.Request("POST", url, headers=headers, content=body))
        except httpx.TimeoutException:
            raise ExtenderFailed(
                f'Post "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
            ) from None
        except httpx.ConnectError:
            place = httpx.URL(url)
            raise ExtenderFailed(
                f'Post "{url}": dial tcp {place.host}:{place.port}: connect: connection refused'
            ) from None
        except httpx.HTTPError as error:
            raise ExtenderFailed(f'Post "{url}": EOF ({type(error).__name__})') from None
        if response.status_code != _OK:
            raise ExtenderFailed(f"failed {verb} with extender at URL {url}, code {response.status_code}")
        self.latencies_ms[verb].append(1000 * (time.perf_counter() - begin))
        return response.content


def _client(connections: int, timeout_s: float, transport: httpx.AsyncBaseTransport | None) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=2, keepalive_expiry=_IDLE_S)
    return httpx.AsyncClient(limits=limits, timeout=timeout_s, trust_env=False, transport=transport)


def _args(pod: Tree, names: Sequence[str]) -> bytes:
    """ExtenderArgs of a cache-capable extender; node names need no escapes."""
    return b'{"Pod":' + gojson.dumps(pod, gojson.POD) + b',"Nodes":null,"NodeNames":' + orjson.dumps(list(names)) + b"}"
