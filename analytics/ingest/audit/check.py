"""`--validate-config` of the audit analyzer (R-131): can the logs be read, and are they understood?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from analytics.audit import BadEvent, read_events
from analytics.ingest.audit.log import Log
from analytics.ingest.audit.rulebook import RuleBook

LINES_MAX: Final = 1000
_TOLD_MAX: Final = 3
_BYTES_MAX: Final = 64 << 20


def validate_config(paths: Sequence[Path | str], rules: Path | None = None) -> list[str]:
    """What is wrong, one sentence each; empty: all is well. Looks at the first 1,000 lines of each log, and at all
    rules of the folder `rules`."""
    problems: list[str] = []
    if rules is not None and (wrong := str(RuleBook(lambda: rules).status()["problem"])):
        problems.append(wrong)
    for path in map(Path, paths):
        try:
            problems += _of_one(path)
        except FileNotFoundError:
            problems.append(f"{path}: there is no such file: start the API server with --audit-log-path={path}")
        except PermissionError:
            problems.append(f"{path}: permission denied: let this program read it")
        except OSError as trouble:
            problems.append(f"{path}: {trouble.strerror}")
    return problems


def _of_one(path: Path) -> list[str]:
    """Raises OSError."""
    log = Log(path)
    try:
        lines = _first_lines(log)
    finally:
        log.close()
    wrong = [f"{path}, line {number}: {text}" for number, text in _wrong(lines)]
    if len(wrong) > _TOLD_MAX:
        return [*wrong[:_TOLD_MAX], f"{path}: {len(wrong)} of the first {len(lines)} lines are no audit events"]
    return wrong


def _first_lines(log: Log) -> list[bytes]:
    lines: list[bytes] = []
    while len(lines) < LINES_MAX and log.offset < _BYTES_MAX:
        # The last line may be half written: then it is not looked at.
        piece = log.read(LINES_MAX - len(lines), ended=False)
        if piece.end == log.offset:
            break
        log.offset = piece.end
        lines += piece.lines
    return lines


def _wrong(lines: Sequence[bytes]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if line.strip() and (reason := _reason(line)):
            found.append((number, reason))
    return found


def _reason(line: bytes) -> str:
    """Why it is no event; empty: it is one, or several."""
    return next((str(found) for found in read_events(line) if isinstance(found, BadEvent)), "")
