"""A small real HTTP server with the list and watch manners of an API server, good and bad."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from kubernetes.aio.client import Configuration

from extender.kube import KubeApi

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]
PODS, NODES = "/api/v1/pods", "/api/v1/nodes"


def a_node(name: str, **fields: Any) -> dict[str, Any]:
    has = {"cpu": "4", "memory": "8Gi", "pods": "110"}
    return {"metadata": {"name": name}, "spec": {}, "status": {"capacity": has, "allocatable": has}} | fields


def a_pod(name: str, node: str = "", uid: str = "", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "ns", "uid": uid or f"uid-{name}"},
        "spec": {"containers": [{"resources": {"requests": {"cpu": "100m"}}}], **({"nodeName": node} if node else {})},
        "status": {"phase": "Pending"} | status,
    }


class FakeApi:
    """Objects by path; every change gets a version and goes to all watches of the path."""

    def __init__(self) -> None:
        self.version = 100
        self.objects: dict[str, dict[str, Any]] = {PODS: {}, NODES: {}}
        self.history: list[tuple[int, str, str, Any]] = []
        """(version, path, type, object)."""
        self.compacted = 0
        """Watches from before this version get 410."""
        self.stream_lists = "refuse"
        """refuse | ignore | support."""
        self.expire_continue = 0
        """So many continue tokens are refused with 410."""
        self.page_most = 500
        self.scripts: list[tuple[str, Answer]] = []
        """(path, handler): each answers one coming watch of its path in place of the server."""
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.refuse: dict[str, tuple[int, dict[str, str]]] = {}
        """path -> (status, headers) for every call."""
        self.posts: Answer | None = None
        self._changed = asyncio.Event()

    def put(self, path: str, found: dict[str, Any], kind: str = "") -> None:
        """Add or change; the object's version becomes the newest."""
        self.version += 1
        key = found["metadata"].get("namespace", "") + "/" + found["metadata"]["name"]
        found = found | {"metadata": found["metadata"] | {"resourceVersion": str(self.version)}}
        kind = kind or ("MODIFIED" if key in self.objects[path] else "ADDED")
        self.objects[path][key] = found
        self._record(path, kind, found)

    def drop(self, path: str, key: str) -> None:
        self.version += 1
        gone = self.objects[path].pop(key)
        gone = gone | {"metadata": gone["metadata"] | {"resourceVersion": str(self.version)}}
        self._record(path, "DELETED", gone)

    def forget(self) -> None:
        """Compact: whoever lags behind must list again."""
        self.compacted = self.version
        self.history.clear()

    def watches(self, path: str) -> list[dict[str, str]]:
        return [query for asked, query in self.requests if asked == path and "watch" in query]

    def lists(self, path: str) -> list[dict[str, str]]:
        return [query for asked, query in self.requests if asked == path and "watch" not in query]

    def _record(self, path: str, kind: str, found: Any) -> None:
        self.history.append((self.version, path, kind, found))
        self._changed.set()
        self._changed = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        path, query = request.path, dict(request.query)
        self.requests.append((path, query))
        if path in self.refuse:
            status, headers = self.refuse[path]
            return a_status(status, "refused", headers)
        if request.method == "POST" and self.posts:
            return await self.posts(request)
        if path not in self.objects:
            return self._one(path)
        if "watch" not in query:
            return self._list(path, query)
        for index, (of, script) in enumerate(self.scripts):
            if of == path:
                del self.scripts[index]
                return await script(request)
        return await self._watch(request, path, query)

    def _one(self, path: str) -> web.Response:
        name = path.rpartition("/")[2]
        found = self.objects[PODS].get(f"ns/{name}")
        return web.json_response(found) if found and "/pods/" in path else a_status(404, f"{path} not found")

    def _list(self, path: str, query: dict[str, str]) -> web.Response:
        token = query.get("continue", "")
        if token and self.expire_continue:
            self.expire_continue -= 1
            return a_status(410, "The provided continue parameter is too old")
        first, version = (int(token.split("@")[0]), token.split("@")[1]) if token else (0, str(self.version))
        items = sorted(self.objects[path].items())
        last = first + min(self.page_most, int(query.get("limit", "500")))
        meta = {"resourceVersion": version} | ({"continue": f"{last}@{version}"} if last < len(items) else {})
        return web.json_response({"kind": "List", "metadata": meta, "items": [found for _, found in items[first:last]]})

    async def _watch(self, request: web.Request, path: str, query: dict[str, str]) -> web.StreamResponse:
        whole = query.get("sendInitialEvents") == "true"
        if whole and self.stream_lists == "refuse":
            return a_status(
                422, "sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"
            )
        since = self.version if whole else int(query["resourceVersion"])
        out = await a_stream(request)
        if since < self.compacted:
            await say(out, "ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})
            return out
        if whole:
            for found in list(self.objects[path].values()):
                await say(out, "ADDED", found)
            if self.stream_lists == "support":
                await bookmark(out, since, initial_end=True)
        while True:
            changed = self._changed
            for version, of, kind, found in list(self.history):
                if of == path and version > since:
                    await say(out, kind, found)
            since = self.version
            await changed.wait()


async def a_stream(request: web.Request) -> web.StreamResponse:
    out = web.StreamResponse(headers={"Content-Type": "application/json"})
    await out.prepare(request)
    return out


async def say(out: web.StreamResponse, kind: str, found: Any) -> None:
    await out.write(json.dumps({"type": kind, "object": found}).encode() + b"\n")


async def bookmark(out: web.StreamResponse, version: int, *, initial_end: bool = False) -> None:
    notes = {"annotations": {"k8s.io/initial-events-end": "true"}} if initial_end else {}
    await say(out, "BOOKMARK", {"metadata": {"resourceVersion": str(version)} | notes})


def a_status(code: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code, headers=headers)


@asynccontextmanager
async def served(handle: Answer) -> AsyncIterator[str]:
    """Serve on a free loopback port; yields the address."""
    server = web.Server(handle)  # type: ignore[arg-type] # it hands over whole requests
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def connected(handle: Answer) -> AsyncIterator[KubeApi]:
    async with served(handle) as address:
        api = KubeApi(Configuration(host=address))
        try:
            yield api
        finally:
            await api.close()


async def until(true: Callable[[], object], limit_s: float = 20.0) -> None:
    """Wait for something to become true; how long it takes is nobody's business here."""
    async with asyncio.timeout(limit_s):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)
