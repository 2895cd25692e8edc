"""Backups by the clock: every so often the archive of policy, tenants and history goes into a folder.

When the next one is due is read from the names of the files that are there, so that neither a restart nor another
program on the same folder makes one too many.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from extender.control.desk import Desk
from extender.control.problems import Refused
from extender.control.seals import Seal
from extender.control.store import replace_file

KEEP = 14
AGAIN_S = 60.0
"""After a failure."""
_LOOK_S = 60.0
_NAME = re.compile(r"policy-([0-9]{8}T[0-9]{6}Z)\.(?:tar\.gz|sealed)")
_TIME = "%Y%m%dT%H%M%SZ"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Schedule:
    folder: Path
    every_s: float
    keep: int = KEEP
    """The newest stay."""


def _nothing(_made: Path | None) -> None:
    """Nobody counts."""


class ScheduledBackups:
    """`run` until cancelled, or `make_if_due` by hand."""

    def __init__(
        self,
        desk: Desk,
        schedule: Schedule,
        seal: Seal | None = None,
        *,
        ended: Callable[[Path | None], None] = _nothing,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`ended` hears of every attempt: the file, or None after a failure."""
        self._desk = desk
        self._schedule = schedule
        self._seal = seal
        self._ended = ended
        self._clock = clock
        self.error = ""
        """What was wrong with the last attempt."""

    async def run(self) -> None:
        while True:
            await self.make_if_due()
            await asyncio.sleep(AGAIN_S if self.error else min(_LOOK_S, self._schedule.every_s))

    async def make_if_due(self) -> Path | None:
        """The file, if one was due and could be made; never raises for what may be over later."""
        try:
            if await asyncio.to_thread(self._age_s) < self._schedule.every_s:
                return None
            archive = await self._desk.archive(self._seal)
            made = await asyncio.to_thread(self._keep, archive)
        except (OSError, Refused) as why:
            text = why.message if isinstance(why, Refused) else str(why)
            if text != self.error:
                _LOG.warning("no backup could be made in %s: %s", self._schedule.folder, text)
            self.error = text
            self._ended(None)
            return None
        self.error = ""
        _LOG.info("backup %s, %d bytes", made, len(archive))
        self._ended(made)
        return made

    def _age_s(self) -> float:
        """Of the newest; endless where there is none. One from the future, which a wrong clock has left, is none."""
        ages = [self._clock() - _made_at(path) for path in self._files()]
        return min((age for age in ages if age >= 0), default=float("inf"))

    def _keep(self, archive: bytes) -> Path:
        """Whole or not at all; then the oldest go. Raises OSError."""
        folder = self._schedule.folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        at = datetime.fromtimestamp(self._clock(), UTC).strftime(_TIME)
        path = folder / f"policy-{at}.{'sealed' if self._seal else 'tar.gz'}"
        replace_file(path, archive, mode=0o600)
        for old in sorted(self._files(), key=_made_at)[: -self._schedule.keep]:
            old.unlink(missing_ok=True)
        return path

    def _files(self) -> list[Path]:
        folder = self._schedule.folder
        return [path for path in folder.iterdir() if _NAME.fullmatch(path.name)] if folder.is_dir() else []


def _made_at(path: Path) -> float:
    found = _NAME.fullmatch(path.name)
    try:
        return datetime.strptime(found[1], _TIME).replace(tzinfo=UTC).timestamp() if found else 0.0
    except ValueError:  # digits that are no date
        return 0.0
