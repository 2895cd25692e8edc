"""A stand-in for KubeApi with the API server's semantics for ConfigMaps, events and ControllerRevisions, in memory.

What it does was compared with a real kube-apiserver: creation 201 and 409, merge patch with and without a
resourceVersion (409 when it is not the current one), a patch that changes nothing keeps the resourceVersion,
dry runs, deletion, selectors, watches that resume, bookmarks, and 410 Gone as an ERROR event once the history is
compacted; the data of a ControllerRevision never changes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from extender.kube import KubeApi, KubeError, Response

NAMESPACE = "trimtab-system"
CONFIGMAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
REVISIONS = f"/apis/apps/v1/namespaces/{NAMESPACE}/controllerrevisions"
EVENTS = f"/apis/events.k8s.io/v1/namespaces/{NAMESPACE}/events"

Json = dict[str, Any]
Hook = Callable[[str, str, Json], "Response | KubeError | None"]


class FakeApi(KubeApi):
    def __init__(self) -> None:
        self.objects: dict[str, Json] = {}
        """By path."""
        self.calls: list[tuple[str, str]] = []
        self.hook: Hook = lambda _method, _path, _body: None
        """Asked before each call (method, path, body): an answer or trouble of its own, or None."""
        self._version = 100
        self._history: list[tuple[int, str, str, Json]] = []
        self._compacted = 0
        self._news = asyncio.Event()
        self._hung_up = 0
        self.watches = 0

    # What tests do to the cluster.

    def put(self, name: str, data: Json | None, **metadata: Any) -> None:
        """Create or replace a ConfigMap, as an administrator would."""
        path = f"{CONFIGMAPS}/{name}"
        old = self.objects.get(path)
        body: Json = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data}
        if old is not None:
            body["metadata"] = {**old["metadata"], **metadata}
        self._store(path, body, "ADDED" if old is None else "MODIFIED")

    def delete(self, name: str) -> None:
        path = f"{CONFIGMAPS}/{name}"
        gone = self.objects.pop(path)
        self._record("DELETED", path, gone)

    def hang_up(self) -> None:
        """End every watch, as a server does now and then."""
        self._hung_up += 1
        self._wake()

    def compact(self) -> None:
        """Forget the history: watches from an older resourceVersion get 410 Gone."""
        self._version += 10
        self._compacted = self._version
        self._history.clear()

    def bookmark(self) -> None:
        self._version += 10
        body = {"kind": "ConfigMap", "metadata": {"resourceVersion": str(self._version)}}
        self._history.append((self._version, "BOOKMARK", "", body))
        self._wake()

    def named(self, name: str) -> Json:
        return self.objects[f"{CONFIGMAPS}/{name}"]

    def events(self) -> list[Json]:
        return [body for path, body in self.objects.items() if path.startswith(EVENTS)]

    # What KubeApi offers.

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout_s: float = 10.0,
    ) -> Response:
        await asyncio.sleep(0)
        self.calls.append((method, path))
        content: Json = json.loads(body) if body else {}
        odd = self.hook(method, path, content)
        if isinstance(odd, KubeError):
            raise odd
        if odd is not None:
            return odd
        if method == "GET":
            return self._get(path, query or {})
        keep = (query or {}).get("dryRun") != "All"
        if method == "POST":
            return self._create(path, content, keep=keep)
        if method == "DELETE":
            return self._delete(path)
        # For objects that hold no lists the two kinds of patch are the same.
        assert method == "PATCH"
        assert content_type in ("application/merge-patch+json", "application/strategic-merge-patch+json")
        return self._patch(path, content, keep=keep)

    async def stream(self, path: str, *, query: Mapping[str, str], read_timeout_s: float) -> AsyncIterator[bytes]:
        odd = self.hook("WATCH", path, {})
        if isinstance(odd, KubeError):
            raise odd
        assert query["watch"] == "true"
        assert query["allowWatchBookmarks"] == "true"
        self.watches += 1
        seen, hung_up = int(query["resourceVersion"]), self._hung_up
        if seen < self._compacted:
            gone = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version"}
            yield json.dumps({"type": "ERROR", "object": gone}).encode()
            return
        while hung_up == self._hung_up:
            for version, kind, of, body in list(self._history):
                if version > seen and (kind == "BOOKMARK" or (of.startswith(path) and _selected(body, query))):
                    seen = version
                    yield json.dumps({"type": kind, "object": body}).encode()
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        self.hang_up()

    # Semantics.

    def _get(self, path: str, query: Mapping[str, str]) -> Response:
        if path in self.objects:
            return _answer(200, self.objects[path])
        if path not in (CONFIGMAPS, EVENTS, REVISIONS):
            return _failure(404, "NotFound")
        items = [o for p, o in self.objects.items() if p.startswith(path) and _selected(o, query)]
        return _answer(200, {"kind": "List", "metadata": {"resourceVersion": str(self._version)}, "items": items})

    def _create(self, folder: str, body: Json, *, keep: bool) -> Response:
        path = f"{folder}/{body['metadata']['name']}"
        if path in self.objects:
            return _failure(409, "AlreadyExists")
        if folder == EVENTS:
            _check_event(body)
        return _answer(201, self._store(path, body, "ADDED") if keep else body)

    def _delete(self, path: str) -> Response:
        gone = self.objects.pop(path, None)
        if gone is None:
            return _failure(404, "NotFound")
        self._record("DELETED", path, gone)
        return _answer(200, {"kind": "Status", "status": "Success"})

    def _patch(self, path: str, patch: Json, *, keep: bool) -> Response:
        old = self.objects.get(path)
        if old is None:
            return _failure(404, "NotFound")
        wanted = patch.get("metadata", {}).get("resourceVersion")
        if wanted is not None and wanted != old["metadata"]["resourceVersion"]:
            return _failure(409, "Conflict")
        new = _merge(old, patch)
        if path.startswith(REVISIONS) and new.get("data") != old.get("data"):
            return _failure(422, "Invalid")
        return _answer(200, self._store(path, new, "MODIFIED") if keep and new != old else new)

    def _store(self, path: str, body: Json, kind: str) -> Json:
        self._version += 1
        metadata = {"uid": f"uid-{self._version}", **body["metadata"], "resourceVersion": str(self._version)}
        stored = {key: value for key, value in {**body, "metadata": metadata}.items() if value is not None}
        self.objects[path] = stored
        self._record(kind, path, stored)
        return stored

    def _record(self, kind: str, path: str, body: Json) -> None:
        if kind == "DELETED":
            self._version += 1
            body = {**body, "metadata": {**body["metadata"], "resourceVersion": str(self._version)}}
        self._history.append((self._version, kind, path, body))
        self._wake()

    def _wake(self) -> None:
        self._news.set()


def _merge(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    new = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = _merge(new.get(key), value)
    return new


def _selected(body: Json, query: Mapping[str, str]) -> bool:
    wanted = dict(part.split("=") for part in query.get("labelSelector", "").split(",") if part)
    if not wanted.items() <= (body["metadata"].get("labels") or {}).items():
        return False
    selector = query.get("fieldSelector", "")
    return not selector or selector == f"metadata.name={body['metadata'].get('name')}"


def _check_event(body: Json) -> None:
    """What the API server demands of events.k8s.io/v1."""
    assert body["regarding"]["namespace"] == body["metadata"]["namespace"] == NAMESPACE
    for field in ("eventTime", "reportingController", "reportingInstance", "action", "reason"):
        assert body[field], field
    assert len(body["reportingInstance"].encode()) <= 128
    assert len(body["note"].encode()) <= 1024
    assert body["type"] in ("Normal", "Warning")


def _answer(status: int, body: Json) -> Response:
    return Response(status, json.dumps(body).encode(), {})


def _failure(status: int, reason: str) -> Response:
    return _answer(status, {"kind": "Status", "status": "Failure", "reason": reason, "code": status, "message": reason})
