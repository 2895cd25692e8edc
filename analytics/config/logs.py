"""Log lines (R-219 to R-221, R-224): one JSON object or one line of text each, with the tool's name and no secrets."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Mapping
from typing import Final

import orjson

from analytics.config.tracing import TRACE_ID
from analytics.config.values import Values

TOGETHER: Final = "scheduler-tools"
"""What the program is called when it runs several tools."""
POLICY_API: Final = "policy-api"
_ROOMS: Final[Mapping[str, str]] = {
    "analytics.control": POLICY_API,
    "analytics.steering": POLICY_API,
    "analytics.web.calls": POLICY_API,
    "analytics.tenants": "tenant-resource-manager",
    "analytics.audit": "scheduler-audit-analyzer",
    "analytics.trends": "performance-analyzer",
    "analytics.why": "scheduler-visualizer",
}
_HIDDEN: Final = "***"
_SECRETS: Final = (
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {_HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)?"), _HIDDEN),
    (re.compile(r"(://[^\s/:@]*):[^\s/@]+@"), rf"\1:{_HIDDEN}@"),
    (
        re.compile(
            r"""(?ix)(["']?\b(?:password|passwd|pwd|token|secret|api[-_]?key|authorization|client[-_]?secret)\b["']?"""
            r"""\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s,;&}]+)"""
        ),
        rf"\1{_HIDDEN}",
    ),
)


class Lines(logging.Formatter):
    """`views`: package of a view -> its tool."""

    def __init__(self, tool: str = TOGETHER, views: Mapping[str, str] | None = None, *, as_json: bool = True) -> None:
        super().__init__()
        self._tool = tool
        self._views = {**_ROOMS, **(views or {})}
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        message = without_secrets(record.getMessage())
        trouble = without_secrets(self.formatException(record.exc_info)) if record.exc_info else ""
        if not self._as_json:
            line = f"{moment} {record.levelname.lower():7} {self._tool_of(record)} {record.name}: {message}"
            return f"{line}\n{trouble}" if trouble else line
        told = {
            "time": moment,
            "level": record.levelname.lower(),
            "logger": record.name,
            "tool": self._tool_of(record),
            "message": message,
            **{name: value for name in _OF_A_DECISION if (value := getattr(record, name, None)) is not None},
        }
        if "trace_id" not in told and (trace := TRACE_ID.get()):
            told["trace_id"] = trace
        return orjson.dumps(told | ({"exception": trouble} if trouble else {}), default=str).decode()

    def _tool_of(self, record: logging.LogRecord) -> str:
        """Said by the line itself, else by the room that it comes from, else the program's."""
        said = getattr(record, "tool", None)
        if isinstance(said, str):
            return said
        if self._tool != TOGETHER:
            return self._tool
        room = record.name
        while room:
            if room in self._views:
                return self._views[room]
            room = room.rpartition(".")[0]
        return self._tool


_OF_A_DECISION: Final = ("decision_id", "namespace", "pod", "node", "trace_id")
"""R-221: what a line about a decision names, given as `extra`."""


def without_secrets(text: str) -> str:
    """Credentials become ***: headers, tokens, passwords of addresses, values of telling names."""
    for pattern, put in _SECRETS:
        text = pattern.sub(put, text)
    return text


class Logs:
    """The one handler of the process, set up anew when the settings change."""

    def __init__(self, tool: str = TOGETHER, views: Mapping[str, str] | None = None) -> None:
        self._tool = tool
        self._views = views or {}

    def apply(self, values: Values) -> None:
        handler = logging.StreamHandler(sys.stderr if values.output == "stderr" else sys.stdout)
        handler.setFormatter(Lines(self._tool, self._views, as_json=values.format == "json"))
        logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
        logging.getLogger("analytics").setLevel(values.level.upper())
