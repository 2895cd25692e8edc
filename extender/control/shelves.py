"""The two shelves: ControllerRevisions of the API server, and a folder of files."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from extender.control.problems import Forbidden, Refused, TooLarge, Unreachable
from extender.control.shelf import Head, Json
from extender.control.store import FIELD_MANAGER, locked, replace_file, sync_folder
from extender.kube import KubeApi, KubeError, Response
from extender.policy.text import content_hash

LABEL = "policy.trimtab.dev/policy"
"""On each revision and on the head; the policy's name."""
PART = "policy.trimtab.dev/part"
HEAD_ANNOTATION = "policy.trimtab.dev/history-head"
_REVISION, _HEAD = "revision", "history-head"
_LABEL_CHARS_MAX = 63
_PAGE = 200
_METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
_MERGE = "application/merge-patch+json"
_OK, _CREATED, _ABSENT, _CONFLICT, _TOO_LARGE = 200, 201, 404, 409, 413
_FORBIDDEN = (401, 403)


class ControllerRevisionShelf:
    """Records as apps/v1 ControllerRevisions. They have no owner: they outlive the ConfigMap."""

    def __init__(self, api: KubeApi, namespace: str, policy_name: str) -> None:
        self._api = api
        self._namespace = namespace
        self._policy = policy_name
        self._folder = f"/apis/apps/v1/namespaces/{quote(namespace, safe='')}/controllerrevisions"
        self._selector = f"{LABEL}={label_of(policy_name)},{PART}={_REVISION}"
        self._head_name = f"{policy_name}-{_HEAD}"

    async def numbers(self) -> list[int]:
        found: list[int] = []
        query = {"labelSelector": self._selector, "limit": str(_PAGE)}
        while True:
            answer = await self._ask("GET", self._folder, query=query, accept=_METADATA_ONLY)
            if answer.status != _OK:
                raise self._refusal("list", answer)
            page = msgspec.json.decode(answer.body)
            names = [str(item["metadata"]["name"]) for item in page.get("items") or ()]
            found += [number for number in map(self._number, names) if number is not None]
            further = str((page.get("metadata") or {}).get("continue") or "")
            if not further:
                return sorted(found)
            query = {**query, "continue": further}

    async def get(self, number: int) -> Json | None:
        answer = await self._ask("GET", self._path(self._name(number)))
        if answer.status == _ABSENT:
            return None
        if answer.status != _OK:
            raise self._refusal("get", answer)
        data = msgspec.json.decode(answer.body).get("data")
        return data if isinstance(data, dict) else {}

    async def create(self, number: int, record: Json) -> bool:
        body = self._object(self._name(number), number, _REVISION, record)
        answer = await self._ask("POST", self._folder, body, query={"fieldManager": FIELD_MANAGER})
        if answer.status == _CONFLICT:
            return False
        if answer.status != _CREATED:
            raise self._refusal("create", answer)
        return True

    async def remove(self, number: int) -> None:
        answer = await self._ask("DELETE", self._path(self._name(number)))
        if answer.status not in (_OK, 202, _ABSENT):
            raise self._refusal("delete", answer)

    async def head(self) -> tuple[Head | None, str]:
        answer = await self._ask("GET", self._path(self._head_name))
        if answer.status == _ABSENT:
            return None, ""
        if answer.status != _OK:
            raise self._refusal("get", answer)
        metadata = msgspec.json.decode(answer.body)["metadata"]
        text = (metadata.get("annotations") or {}).get(HEAD_ANNOTATION, "")
        return _head(text.encode()), str(metadata["resourceVersion"])

    async def set_head(self, head: Head, version: str) -> bool:
        # The data of a ControllerRevision cannot be changed; its annotations can.
        annotations = {HEAD_ANNOTATION: msgspec.json.encode(head).decode()}
        query = {"fieldManager": FIELD_MANAGER}
        if not version:
            body = self._object(self._head_name, 0, _HEAD, {})
            body["metadata"]["annotations"] = annotations
            answer = await self._ask("POST", self._folder, body, query=query)
        else:
            patch = {"metadata": {"resourceVersion": version, "annotations": annotations}}
            answer = await self._ask("PATCH", self._path(self._head_name), patch, content_type=_MERGE, query=query)
        if answer.status in (_CONFLICT, _ABSENT):
            return False
        if answer.status not in (_OK, _CREATED):
            raise self._refusal("patch", answer)
        return True

    def _object(self, name: str, number: int, part: str, data: Json) -> Json:
        labels = {LABEL: label_of(self._policy), PART: part}
        return {
            "apiVersion": "apps/v1",
            "kind": "ControllerRevision",
            "metadata": {"name": name, "namespace": self._namespace, "labels": labels},
            "revision": number,
            "data": data,
        }

    def _name(self, number: int) -> str:
        return f"{self._policy}-{number}"

    def _number(self, name: str) -> int | None:
        tail = name.removeprefix(f"{self._policy}-")
        return int(tail) if tail != name and tail.isascii() and tail.isdigit() else None

    def _path(self, name: str) -> str:
        return f"{self._folder}/{quote(name, safe='')}"

    async def _ask(
        self,
        method: str,
        path: str,
        content: Any = None,
        *,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Response:
        body = None if content is None else msgspec.json.encode(content)
        try:
            return await self._api.request(
                method, path, query=query, body=body, content_type=content_type, accept=accept
            )
        except KubeError as trouble:
            raise Unreachable(f"the history in {self._namespace}: {trouble}") from trouble

    def _refusal(self, verb: str, answer: Response) -> Refused:
        where = f"the history of {self._namespace}/{self._policy}"
        if answer.status in _FORBIDDEN:
            return Forbidden(
                f"{where}: HTTP {answer.status} {answer.message}; grant {verb} on controllerrevisions.apps "
                f"in {self._namespace}"
            )
        kind = TooLarge if answer.status == _TOO_LARGE else Unreachable
        return kind(f"{where}: HTTP {answer.status} {answer.message}")


def label_of(policy_name: str) -> str:
    """A label's value is shorter than a name may be."""
    if len(policy_name) <= _LABEL_CHARS_MAX:
        return policy_name
    return f"sha256-{hashlib.sha256(policy_name.encode()).hexdigest()[:32]}"


class FileShelf:
    """Records as files `N.json`, readable by their owner only; the head is `head.json`."""

    _FILE = re.compile(r"([1-9][0-9]*)\.json", re.ASCII)

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._head_path = folder / "head.json"

    async def numbers(self) -> list[int]:
        return await asyncio.to_thread(self._numbers)

    async def get(self, number: int) -> Json | None:
        return await asyncio.to_thread(self._get, number)

    async def create(self, number: int, record: Json) -> bool:
        return await asyncio.to_thread(self._create, number, msgspec.json.format(msgspec.json.encode(record)))

    async def remove(self, number: int) -> None:
        await asyncio.to_thread(self._remove, number)

    async def head(self) -> tuple[Head | None, str]:
        content = await asyncio.to_thread(self._read, self._head_path)
        return (None, "") if content is None else (_head(content), content_hash(content))

    async def set_head(self, head: Head, version: str) -> bool:
        return await asyncio.to_thread(self._set_head, msgspec.json.encode(head), version)

    def _numbers(self) -> list[int]:
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as trouble:
            raise self._refusal(trouble) from trouble
        return sorted(int(match[1]) for match in map(self._FILE.fullmatch, names) if match)

    def _get(self, number: int) -> Json | None:
        content = self._read(self._path(number))
        if content is None:
            return None
        try:
            record = msgspec.json.decode(content)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}
        return record if isinstance(record, dict) else {}

    def _create(self, number: int, content: bytes) -> bool:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=".new.", dir=self._folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                # A link, unlike a rename, refuses a name that is taken.
                os.link(name, self._path(number))
            finally:
                Path(name).unlink()
            sync_folder(self._folder)
        except FileExistsError:
            return False
        except OSError as trouble:
            raise self._refusal(trouble) from trouble
        return True

    def _remove(self, number: int) -> None:
        try:
            self._path(number).unlink(missing_ok=True)
        except OSError as trouble:
            raise self._refusal(trouble) from trouble

    def _set_head(self, content: bytes, version: str) -> bool:
        try:
            with locked(self._folder / ".lock"):
                before = self._read(self._head_path)
                if version != ("" if before is None else content_hash(before)):
                    return False
                replace_file(self._head_path, content, mode=0o600)
        except OSError as trouble:
            raise self._refusal(trouble) from trouble
        return True

    def _read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as trouble:
            raise self._refusal(trouble) from trouble

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.json"

    def _refusal(self, trouble: OSError) -> Refused:
        kind = Forbidden if isinstance(trouble, PermissionError) else Unreachable
        return kind(f"the history in {self._folder}: {trouble.strerror or trouble}")


def _head(content: bytes) -> Head | None:
    try:
        return msgspec.json.decode(content, type=Head)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
