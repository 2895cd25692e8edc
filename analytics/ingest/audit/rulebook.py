"""The rules in force: those that come with us, and an operator's own from a folder, read again when it changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from analytics.audit import BadRule, Rule, shipped_rules, with_own
from analytics.ingest.audit import metrics

LOOK_S: Final = 5.0
"""So old may be what is known of the folder."""
_LOG: Final = logging.getLogger(__name__)
_Look = tuple[Path, tuple[tuple[str, int, int, int], ...]]


class RuleBook:
    """One per store; any thread. A folder that is wrong in any file is told, and the rules that were in force stay."""

    def __init__(self, folder: Callable[[], Path | None], *, clock: Callable[[], float] = time.monotonic) -> None:
        """`folder` is asked at each look; None: there are no own rules."""
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._next_s = float("-inf")
        self._seen: _Look | None = None
        self._rules = shipped_rules()
        self._path: Path | None = None
        self._problem = ""

    def rules(self) -> tuple[Rule, ...]:
        """The same object until something has changed. Raises nothing that a folder may cause."""
        with self._lock:
            if self._clock() >= self._next_s:
                self._next_s = self._clock() + LOOK_S
                self._look()
            return self._rules

    def status(self) -> dict[str, Any]:
        """For the page and for people. No `folder`: none is set; `own`: ids in force; empty `problem`: all is well."""
        rules = self.rules()
        shipped = {id(rule) for rule in shipped_rules()}
        with self._lock:
            return {
                "folder": None if self._path is None else str(self._path),
                "own": [rule.id for rule in rules if id(rule) not in shipped],
                "problem": self._problem,
            }

    def _look(self) -> None:
        self._path = self._folder()
        if self._path is None:
            self._rules, self._seen, self._problem = shipped_rules(), None, ""
            return
        try:
            seen = _look_at(self._path)
            if seen == self._seen:
                return
            found = with_own(shipped_rules(), self._path)
        except (BadRule, OSError) as wrong:
            self._failed(_told(wrong))
        except Exception as fault:  # noqa: BLE001 - a file may hold anything, and must not stop the reading of the log
            self._failed(f"{self._path}: {fault}")
        else:
            metrics.expect(found)
            _LOG.info("the audit rules of %s are in force: %d in all", self._path, len(found))
            self._rules, self._seen, self._problem = found, seen, ""

    def _failed(self, problem: str) -> None:
        """Looked at again at the next look, for what is wrong may lie outside the folder too, such as a permission."""
        if problem != self._problem:
            _LOG.error("the audit rules that were in force stay: %s", problem)
        self._problem, self._seen = problem, None


def _look_at(folder: Path) -> _Look:
    """What changes when a file does. Raises OSError."""
    states = [(path.name, path.stat()) for path in sorted(folder.glob("*.yaml"))]
    return folder, tuple((name, state.st_ino, state.st_size, state.st_mtime_ns) for name, state in states)


def _told(wrong: BadRule | OSError) -> str:
    if isinstance(wrong, OSError) and wrong.filename is not None:
        return f"{wrong.filename}: {wrong.strerror}"
    return str(wrong)
