"""The stored policy beside what is in effect, as GET /api/v1/policy tells it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import msgspec

from analytics.control.masks import masked_text
from extender.control.desk import Desk
from extender.control.effective import Replica
from extender.control.problems import Detail, Invalid, Unreadable
from extender.control.store import Stored

KEEP_S: Final = 5.0
"""Open pages ask every few seconds for what has hardly ever changed."""


class Desired(msgspec.Struct, frozen=True):
    revision: str
    hash: str
    """Of the policy's content, comparable with `effective[].hash`; empty: it cannot take effect."""
    problems: list[Detail]


class Overview(msgspec.Struct, frozen=True):
    text: str
    hash: str
    """Of what is stored; If-Match carries it."""
    revision: str
    form: str
    """document, flat or unreadable."""
    desired: Desired
    effective: list[Replica]
    warnings: list[str]


class _Judged(msgspec.Struct, frozen=True):
    text: str
    form: str
    hash: str
    problems: list[Detail]
    warnings: list[str]


class Overviews:
    def __init__(self, desk: Desk, clock: Callable[[], float] = time.monotonic) -> None:
        self._desk = desk
        self._clock = clock
        self._kept: tuple[str, float, _Judged] | None = None

    async def now(self) -> Overview:
        """Raises Refused."""
        stored = await self._desk.policy()
        judged, replicas = await asyncio.gather(self._judged(stored), self._desk.replicas())
        return Overview(
            text=judged.text,
            hash=stored.hash,
            revision=stored.revision,
            form=judged.form,
            desired=Desired(stored.revision, judged.hash, judged.problems),
            effective=replicas,
            warnings=judged.warnings,
        )

    async def _judged(self, stored: Stored) -> _Judged:
        if self._kept is not None:
            key, until, judged = self._kept
            if key == stored.hash and self._clock() < until:
                return judged
        text = await asyncio.to_thread(masked_text, stored.text.decode("utf-8", "replace"))
        try:
            policy = await self._desk.validate(stored.text)
        except (Invalid, Unreadable) as refused:
            problems = refused.details or [Detail("", refused.message)]
            judged = _Judged(text, "unreadable" if isinstance(refused, Unreadable) else "document", "", problems, [])
        else:
            judged = _Judged(text, policy.form, policy.hash, [], list(policy.warnings))
        self._kept = (stored.hash, self._clock() + KEEP_S, judged)
        return judged
