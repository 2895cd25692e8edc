"""What the extender says about its policy right now. It may be absent: the sidecar works without it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import httpx

from analytics.store.joined import rfc3339

ANSWER_WITHIN_S: Final = 1.5
KEEP_S: Final = 2.0
"""Many open pages ask; the extender is asked once."""
BODY_BYTES_MAX: Final = 4 << 20


class ExtenderProbe:
    """`GET /configz` of the extender's admin port, told in a few words."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False)
        self._kept: tuple[float, dict[str, Any]] | None = None
        self._asking = asyncio.Lock()

    async def policy(self) -> dict[str, Any]:
        """`{"reachable", "revision", "hash", "source", "loaded_at", "refused", "breakers"}`.

        `refused` is why a newer edit is not in effect. `breakers`: each plugin whose breaker is not closed, as
        `{"plugin", "state", "failures", "retry_at", "last_error"}`; `retry_at` is "" while it is half open.
        """
        async with self._asking:
            if self._kept is None or time.monotonic() - self._kept[0] > KEEP_S:
                answer = await self._ask()
                self._kept = (time.monotonic(), answer)
            return self._kept[1]

    async def close(self) -> None:
        await self._client.aclose()

    async def _ask(self) -> dict[str, Any]:
        nothing: dict[str, Any] = {"reachable": False, "breakers": []}
        nothing |= dict.fromkeys(("revision", "hash", "source", "loaded_at", "refused"), "")
        try:
            answer = await self._client.get(f"{self._url}/configz")
            body = answer.json() if answer.status_code == 200 and len(answer.content) <= BODY_BYTES_MAX else None  # noqa: PLR2004
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return nothing
        if not isinstance(body, dict):
            return nothing
        desired = body.get("desired")
        refused = desired.get("error", "") if isinstance(desired, dict) else ""
        return {
            "reachable": True,
            "revision": str(body.get("revision") or ""),
            "hash": str(body.get("hash") or ""),
            "source": str(body.get("source") or ""),
            "loaded_at": str(body.get("loadedAt") or ""),
            "refused": str(refused or ""),
            "breakers": [_breaker(row) for row in _rows(body.get("breakers")) if row.get("state") != "closed"],
        }


def _rows(given: object) -> list[dict[str, Any]]:
    return [row for row in given if isinstance(row, dict)] if isinstance(given, list) else []


def _breaker(row: Mapping[str, Any]) -> dict[str, Any]:
    retry_s, failures = row.get("retryAt"), row.get("failures")
    return {
        "plugin": str(row.get("plugin") or ""),
        "state": str(row.get("state") or ""),
        "failures": failures if isinstance(failures, int) else 0,
        "retry_at": rfc3339(int(retry_s * 1e6)) if isinstance(retry_s, int | float) else "",
        "last_error": str(row.get("lastError") or ""),
    }
