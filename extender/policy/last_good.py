"""The last policy that took effect, kept where a restart finds it."""

from __future__ import annotations

import asyncio
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from extender.kube import KubeApi, KubeError
from extender.policy.flat import DOCUMENT_KEY
from extender.policy.reading import TEXT_BYTES_MAX
from extender.policy.text import content_hash

REVISION_ANNOTATION = "policy.trimtab.dev/revision"
STATE_SUFFIX = "-state"
FILE_SUFFIX = ".last-good"
GUARDS_SUFFIX = ".guards"
GUARDS_KEY, GUARDS_ANNOTATION = "guards.json", "policy.trimtab.dev/guards-of"
_MERGE = "application/merge-patch+json"


@dataclass(frozen=True, slots=True)
class Kept:
    text: bytes
    revision: str


class NotKept(Exception):
    """The last good policy could not be read or written; the message says where and what to do."""


class LastGood(Protocol):
    async def load(self) -> Kept | None:
        """None: nothing is kept. Raises NotKept."""
        ...

    async def save(self, kept: Kept) -> None:
        """Raises NotKept."""
        ...


class FileLastGood:
    """A file beside the policy file; its revision is its content's hash, as the policy file's is."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)

    @classmethod
    def beside(cls, policy_file: Path | str) -> FileLastGood:
        return cls(Path(f"{policy_file}{FILE_SUFFIX}"))

    @classmethod
    def guards_beside(cls, policy_file: Path | str) -> FileLastGood:
        """The guards' book (verdicts.py) is kept in the same way."""
        return cls(Path(f"{policy_file}{GUARDS_SUFFIX}"))

    async def load(self) -> Kept | None:
        return await asyncio.to_thread(self._load)

    async def save(self, kept: Kept) -> None:
        await asyncio.to_thread(self._save, kept.text)

    def _load(self) -> Kept | None:
        try:
            with self._path.open("rb") as file:
                text = file.read(TEXT_BYTES_MAX + 1)
        except FileNotFoundError:
            return None
        except OSError as trouble:
            raise NotKept(f"cannot read {self._path}: {trouble.strerror or trouble}") from trouble
        return Kept(text, content_hash(text))

    def _save(self, text: bytes) -> None:
        """All or nothing, also across a crash of the machine."""
        draft: Path | None = None
        try:
            if self._path.is_file() and self._path.read_bytes() == text:
                return
            handle, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
            draft = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
            draft = None
            _sync_folder(self._path.parent)
        except OSError as trouble:
            raise NotKept(
                f"cannot write {self._path}: {trouble.strerror or trouble}; make its folder writable"
            ) from trouble
        finally:
            if draft is not None:
                draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class ConfigMapLastGood:
    """The ConfigMap `<name>-state`: key policy.yaml, and the revision in an annotation."""

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        policy_name: str,
        *,
        key: str = DOCUMENT_KEY,
        annotation: str = REVISION_ANNOTATION,
    ) -> None:
        self._key, self._annotation = key, annotation
        self._api = api
        self._name = f"{policy_name}{STATE_SUFFIX}"
        self._namespace = namespace
        self._folder = f"/api/v1/namespaces/{quote(namespace, safe='')}/configmaps"
        self._path = f"{self._folder}/{quote(self._name, safe='')}"
        self._saved: Kept | None = None

    @classmethod
    def guards(cls, api: KubeApi, namespace: str, policy_name: str) -> ConfigMapLastGood:
        """The guards' book (verdicts.py) is kept in the same object, under a key of its own."""
        return cls(api, namespace, policy_name, key=GUARDS_KEY, annotation=GUARDS_ANNOTATION)

    async def load(self) -> Kept | None:
        status, seen = await self._ask("GET", self._path)
        if status == 404:  # noqa: PLR2004
            return None
        if status != 200:  # noqa: PLR2004
            raise NotKept(self._complaint("read", status, seen))
        text = (seen.get("data") or {}).get(self._key)
        if not text:
            return None
        annotations = (seen.get("metadata") or {}).get("annotations") or {}
        self._saved = Kept(text.encode(), str(annotations.get(self._annotation, "")))
        return self._saved

    async def save(self, kept: Kept) -> None:
        if kept == self._saved:
            return
        content: dict[str, Any] = {
            "metadata": {"annotations": {self._annotation: kept.revision}},
            "data": {self._key: kept.text.decode()},
        }
        status, seen = await self._ask("PATCH", self._path, content, _MERGE)
        if status == 404:  # noqa: PLR2004
            content["metadata"] |= {"name": self._name, "namespace": self._namespace}
            status, seen = await self._ask(
                "POST", self._folder, {"apiVersion": "v1", "kind": "ConfigMap", **content}, "application/json"
            )
        if status not in (200, 201):
            raise NotKept(self._complaint("write", status, seen))
        self._saved = kept

    async def _ask(
        self, method: str, path: str, content: Any = None, content_type: str = "application/json"
    ) -> tuple[int, dict[str, Any]]:
        body = None if content is None else msgspec.json.encode(content)
        try:
            answer = await self._api.request(method, path, body=body, content_type=content_type)
            seen = msgspec.json.decode(answer.body)
        except (KubeError, msgspec.DecodeError) as trouble:
            raise NotKept(f"configmap/{self._namespace}/{self._name}: {trouble}") from trouble
        return answer.status, seen if isinstance(seen, dict) else {}

    def _complaint(self, verb: str, status: int, seen: dict[str, Any]) -> str:
        return (
            f"cannot {verb} configmap/{self._namespace}/{self._name}: HTTP {status} {seen.get('message', '')}; "
            "make it beforehand and grant get and patch on it"
        )
