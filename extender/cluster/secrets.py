"""Values of Secrets that a policy refers to: read when they are needed, never kept, never shown."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Coroutine

import msgspec

from extender.cluster.load_fetch import FETCH_TIMEOUT_S, Unavailable
from extender.kube import KubeApi, KubeError
from extender.model.secret import SecretKey

Unlock = Callable[[SecretKey], Coroutine[None, None, str]]
"""The value. Raises Unavailable."""

_OK, _FORBIDDEN, _NOT_FOUND = 200, 403, 404
ROLE = "trimtab-secrets"


class _Secret(msgspec.Struct, gc=False):
    data: dict[str, str] | None = None


class Secrets:
    """Of one namespace. A new value is taken up at the next question (R-280)."""

    def __init__(self, api: KubeApi | None, namespace: str) -> None:
        self._api = api
        self._namespace = namespace

    async def value(self, wanted: SecretKey) -> str:
        """An Unlock."""
        if self._api is None:
            raise Unavailable("secret", f"{wanted}: there is no API server to read it from; give the value, or a file")
        path = f"/api/v1/namespaces/{self._namespace}/secrets/{wanted.name}"
        try:
            answer = await self._api.request("GET", path, timeout_s=FETCH_TIMEOUT_S)
        except KubeError as trouble:
            raise Unavailable("secret", f"{wanted}: {trouble}") from trouble
        if answer.status != _OK:
            raise Unavailable("secret", f"{wanted}: {self._refusal(answer.status)}")
        try:
            data = msgspec.json.decode(answer.body, type=_Secret).data or {}
        except (msgspec.DecodeError, RecursionError) as odd:
            raise Unavailable("secret", f"{wanted}: GET {path} did not answer a Secret") from odd
        if wanted.key not in data:
            raise Unavailable("secret", f"{wanted}: it has no such key; it has {', '.join(sorted(data)) or 'none'}")
        try:
            return base64.b64decode(data[wanted.key], validate=True).decode().strip()
        except (binascii.Error, UnicodeDecodeError) as odd:
            raise Unavailable("secret", f"{wanted}: it is no text") from odd

    def _refusal(self, status: int) -> str:
        if status == _FORBIDDEN:
            return f"may not be read: add its name to Role {ROLE} in namespace {self._namespace}"
        if status == _NOT_FOUND:
            return f"does not exist in namespace {self._namespace}"
        return f"HTTP {status}"
