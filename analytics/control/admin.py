"""The extender's admin port, as the pages need it: what it knows, and what it would do."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import httpx
import msgspec

from extender.control.problems import Conflict, Detail, Invalid, Unreachable

TIMEOUT_S: Final = 5.0
PREVIEW_WITHIN_S: Final = 30.0
"""The extender works on one for five seconds at most, with as long a pause in between."""
BODY_BYTES_MAX: Final = 32 << 20
KEEP_S: Final = 1.0
"""Open pages ask every few seconds; the extender, which has pods to place, is asked once."""
_OK, _CONFLICT, _INVALID = 200, 409, 422


class Admin:
    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, transport=transport)
        self._kept: tuple[float, list[dict[str, Any]]] | None = None
        self._asking = asyncio.Lock()

    async def catalogue(self) -> list[dict[str, Any]]:
        """Every plugin, as `/catalogue` tells. Raises Unreachable."""
        async with self._asking:
            if self._kept is None or time.monotonic() - self._kept[0] > KEEP_S:
                found = _decoded(await self._ask("GET", "/catalogue"), list)
                self._kept = (time.monotonic(), found)
            return self._kept[1]

    async def preview(self, policy: str, last: int) -> dict[str, Any]:
        """What `policy` would do with the last pods. Raises Invalid, Conflict (one is under way), Unreachable."""
        body = msgspec.json.encode({"policy": policy, "last": last})
        found: dict[str, Any] = _decoded(await self._ask("POST", "/preview", body, PREVIEW_WITHIN_S), dict)
        return found

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(
        self, method: str, path: str, body: bytes | None = None, within_s: float = TIMEOUT_S
    ) -> httpx.Response:
        headers = {"content-type": "application/json"} if body is not None else None
        try:
            answer = await self._client.request(
                method, f"{self._url}{path}", content=body, headers=headers, timeout=within_s
            )
        except (httpx.HTTPError, httpx.InvalidURL) as why:
            raise Unreachable(f"the extender does not answer at {self._url}: {type(why).__name__}") from why
        if answer.status_code == _OK and len(answer.content) <= BODY_BYTES_MAX:
            return answer
        message, details = _told(answer)
        if answer.status_code == _CONFLICT:
            raise Conflict(message)
        if answer.status_code == _INVALID:
            raise Invalid(message, [Detail(one.path.removeprefix("policy."), one.message) for one in details])
        raise Unreachable(
            f"the extender answers {path} with {answer.status_code} and {len(answer.content)} bytes {message}".rstrip()
        )


def _decoded(answer: httpx.Response, kind: type) -> Any:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.MsgspecError, RecursionError, ValueError) as why:
        raise Unreachable(f"what answers at {answer.url} is no extender of ours") from why


class _Failure(msgspec.Struct, frozen=True):
    message: str = ""
    details: list[Detail] = []


def _told(answer: httpx.Response) -> tuple[str, list[Detail]]:
    try:
        failure = msgspec.json.decode(answer.content, type=_Failure)
    except (msgspec.MsgspecError, ValueError):
        return "", []
    return failure.message, failure.details
