"""The one writer of the policy ConfigMap; page, API and command line all write through it.

`If-Match` is the hash of the data that a change started from. A change of anything else meanwhile (our own status,
somebody's label) is no conflict: the write is tried again on the new object.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from extender.kube import KubeApi, KubeError, Response
from extender.policy.flat import DOCUMENT_KEY
from extender.policy.text import data_hash, text_of

TRIES_MAX = 8
_RETRY_S = 0.03
_MERGE = "application/merge-patch+json"
_OK, _CREATED, _FORBIDDEN, _ABSENT, _CONFLICT = 200, 201, 403, 404, 409


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """The ConfigMap as it stands."""

    data: Mapping[str, str]
    data_hash: str
    """What If-Match carries; empty: there is no ConfigMap."""
    resource_version: str
    text: bytes
    """The policy in it."""
    annotations: Mapping[str, str]
    edited_by: str = ""
    """The field manager that set the data last, as the API server notes it: kubectl-edit and so on."""
    edited_at: str = ""

    @property
    def exists(self) -> bool:
        return bool(self.data_hash)


class LostUpdate(Exception):
    """Somebody changed the data meanwhile. Read again, and decide again."""

    def __init__(self, current: StoredPolicy) -> None:
        super().__init__("the policy was changed by somebody else meanwhile; read it again and repeat the change")
        self.current = current


class PolicyNotWritten(Exception):
    """The API server cannot be reached (`status` 0) or refuses (its HTTP status); nothing has been changed."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class ConfigMapWriter:
    def __init__(self, api: KubeApi, namespace: str, name: str, *, field_manager: str = "trimtab") -> None:
        self._api = api
        self._query = {"fieldManager": field_manager}
        self._namespace, self._name = namespace, name
        self._folder = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps"
        self._path = f"{self._folder}/{quote(name, safe='')}"

    async def read(self) -> StoredPolicy:
        """Raises PolicyNotWritten."""
        answer = await self._ask("GET", self._path, None)
        if answer.status == _ABSENT:
            return StoredPolicy({}, "", "", b"", {})
        if answer.status != _OK:
            raise self._refusal("get", answer)
        return _stored(answer)

    async def write(
        self,
        data: Mapping[str, str],
        *,
        if_match: str,
        annotations: Mapping[str, str] | None = None,
        dry_run: bool = False,
    ) -> StoredPolicy:
        """Make `data` the whole data. `if_match`: the data_hash it was made from; empty: create the ConfigMap.

        `annotations` are merged. `dry_run`: the API server judges it and keeps nothing; the answer tells what would be
        stored. Raises LostUpdate, PolicyNotWritten.
        """
        query = {**self._query, "dryRun": "All"} if dry_run else self._query
        for attempt in range(TRIES_MAX):
            current = await self.read()
            if current.data_hash != if_match:
                raise LostUpdate(current)
            answer = await self._put(data, current, annotations or {}, query)
            if answer.status in (_OK, _CREATED):
                return _stored(answer)
            # 404: deleted since we read it; 409: changed, or created. The next read tells which.
            if answer.status not in (_CONFLICT, _ABSENT):
                raise self._refusal("patch" if current.exists else "create", answer)
            await asyncio.sleep(_RETRY_S * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311 - spreads writers
        raise PolicyNotWritten(f"{self._what} kept changing under {TRIES_MAX} attempts; try again", _CONFLICT)

    async def _put(
        self,
        data: Mapping[str, str],
        current: StoredPolicy,
        annotations: Mapping[str, str],
        query: Mapping[str, str],
    ) -> Response:
        if not current.exists:
            metadata = {"name": self._name, "namespace": self._namespace, "annotations": dict(annotations)}
            made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}
            return await self._ask("POST", self._folder, made, query=query)
        removed = dict.fromkeys(current.data.keys() - data.keys())
        patch = {
            # With a resourceVersion the API server refuses the patch (409) when the object is another one by now.
            "metadata": {"resourceVersion": current.resource_version, "annotations": dict(annotations)},
            "data": {**removed, **data},
            "binaryData": {DOCUMENT_KEY: None},
        }
        return await self._ask("PATCH", self._path, patch, _MERGE, query)

    async def _ask(
        self,
        method: str,
        path: str,
        content: Any,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Response:
        body = None if content is None else msgspec.json.encode(content)
        try:
            return await self._api.request(method, path, query=query, body=body, content_type=content_type)
        except KubeError as trouble:
            raise PolicyNotWritten(f"{self._what}: {trouble}", trouble.status or 0) from trouble

    @property
    def _what(self) -> str:
        return f"configmap/{self._namespace}/{self._name}"

    def _refusal(self, verb: str, answer: Response) -> PolicyNotWritten:
        hint = f"; grant {verb} on configmaps in {self._namespace}" if answer.status == _FORBIDDEN else ""
        return PolicyNotWritten(f"{self._what}: HTTP {answer.status} {answer.message}{hint}", answer.status)


def _stored(answer: Response) -> StoredPolicy:
    seen = msgspec.json.decode(answer.body)
    metadata = seen.get("metadata") or {}
    edited_by, edited_at = _edited(metadata.get("managedFields") or [])
    return StoredPolicy(
        data=seen.get("data") or {},
        data_hash=data_hash(seen),
        resource_version=str(metadata.get("resourceVersion", "")),
        text=text_of(seen),
        annotations=metadata.get("annotations") or {},
        edited_by=edited_by,
        edited_at=edited_at,
    )


def _edited(managed: list[dict[str, Any]]) -> tuple[str, str]:
    """(manager, time) of the last one to set the value of any key of the data."""
    of_data = [(str(entry.get("time", "")), str(entry.get("manager", ""))) for entry in managed if _sets_data(entry)]
    at, who = max(of_data, default=("", ""))
    return who, at


def _sets_data(managed: dict[str, Any]) -> bool:
    """A manager keeps `f:data` itself after others have taken over all of its keys."""
    fields = managed.get("fieldsV1") or {}
    return any(key.startswith("f:") for part in ("f:data", "f:binaryData") for key in fields.get(part) or {})
