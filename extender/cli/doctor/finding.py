"""One line of doctor's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    """Works, and not as well as it should."""
    FAIL = "fail"
    SKIP = "skip"
    """Not looked at: nobody said where it is."""


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    """The subject, as --only takes it."""
    level: Level
    message: str
    advice: str = ""
    """What to do."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The lines of one check."""

    check: str

    def ok(self, message: str) -> Finding:
        return Finding(self.check, Level.OK, message)

    def warn(self, message: str, advice: str) -> Finding:
        return Finding(self.check, Level.WARN, message, advice)

    def fail(self, message: str, advice: str) -> Finding:
        return Finding(self.check, Level.FAIL, message, advice)

    def skip(self, message: str, advice: str) -> Finding:
        return Finding(self.check, Level.SKIP, message, advice)
