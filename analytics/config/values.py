"""The keys of `scheduler-tools-config` and `logging-config`, read and judged one by one (R-219, R-245)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

TOOL_OF_KEY: Final[Mapping[str, str]] = {
    "tenant_manager_enabled": "tenant-resource-manager",
    "audit_analyzer_enabled": "scheduler-audit-analyzer",
    "scheduler_analyzer_enabled": "scheduler-analyzer",
    "performance_analyzer_enabled": "performance-analyzer",
    "visualizer_enabled": "scheduler-visualizer",
    "heatmap_generator_enabled": "heatmap-generator",
}
"""R-245: key -> name of the tool (R-087)."""
LEVELS: Final = ("debug", "info", "warning", "error")
FORMATS: Final = ("json", "text")
OUTPUTS: Final = ("stdout", "stderr")
REPLICAS_MAX: Final = 1000
_SPAN: Final = re.compile(r"([0-9]{1,5}(?:\.[0-9]{1,3})?)(s|m|h)")
_LABEL: Final = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that is not used. The text says what is wrong with it, and what is used instead."""

    source: str
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.source}: {self.key}: {self.message}" if self.key else f"{self.source}: {self.message}"


@dataclass(frozen=True, slots=True)
class Values:
    """All keys, as they are in effect."""

    environment: str = ""
    replicas: int = 1
    interval_s: float = 30.0
    level: str = "info"
    format: str = "json"
    output: str = "stdout"
    off: frozenset[str] = field(default_factory=frozenset)
    """Names of the tools that are switched off."""


class BadValue(Exception):
    """The text says what would be right."""


def seconds_of(text: str) -> float:
    """30s, 5m, 1h -> seconds, from 1 s to a day. Raises BadValue."""
    found = _SPAN.fullmatch(text)
    seconds = float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0
    if not 1 <= seconds <= _DAY_S:
        raise BadValue(f"{text[:40]!r} is not a span of 1s to 24h, for example 30s or 5m")
    return seconds


def values_of(given: Mapping[str, tuple[str, str]], start: Values, last: Values) -> tuple[Values, list[Problem]]:
    """`given`: key -> (source, text). An absent key counts as in `start`, one that cannot be used as in `last`."""
    values, problems = start, list[Problem]()
    for key, (source, text) in given.items():
        setting = _SETTINGS.get(key)
        if setting is None:
            known = ", ".join(sorted(_SETTINGS))
            problems.append(Problem(source, _safe(key), f"unknown key, not used; known are {known}"))
            continue
        try:
            values = setting.put(values, text.strip())
        except BadValue as why:
            values = setting.keep(values, last)
            problems.append(Problem(source, key, f"{why}; {setting.shown(last)} stays in effect"))
    return values, problems


@dataclass(frozen=True, slots=True)
class _Setting:
    put: Callable[[Values, str], Values]
    """Raises BadValue."""
    keep: Callable[[Values, Values], Values]
    """(new, last) -> new with this setting as it was."""
    shown: Callable[[Values], str]


def _plain(name: str, read: Callable[[str], Any], unit: str = "") -> _Setting:
    return _Setting(
        lambda values, text: replace(values, **{name: read(text)}),
        lambda values, last: replace(values, **{name: getattr(last, name)}),
        lambda last: f"{getattr(last, name)!r}{unit}".replace("'", ""),
    )


def _switch(tool: str) -> _Setting:
    def put(values: Values, text: str) -> Values:
        on = _chosen(text, ("true", "false")) == "true"
        return replace(values, off=values.off - {tool} if on else values.off | {tool})

    def keep(values: Values, last: Values) -> Values:
        return replace(values, off=values.off - {tool} | (last.off & {tool}))

    return _Setting(put, keep, lambda last: "false" if tool in last.off else "true")


def _chosen(text: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise BadValue(f"{text[:40]!r} is not one of {', '.join(choices)}")
    return text


def _environment(text: str) -> str:
    if not _LABEL.fullmatch(text):
        raise BadValue(f"{text[:40]!r} is not a name such as development or production")
    return text


def _replicas(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= REPLICAS_MAX):  # noqa: PLR2004
        raise BadValue(f"{text[:40]!r} is not a whole number from 0 to {REPLICAS_MAX}")
    return int(text)


def _safe(text: str) -> str:
    return "".join(sign if sign.isprintable() else "?" for sign in text[:64])


_SETTINGS: Final[Mapping[str, _Setting]] = {
    "environment": _plain("environment", _environment),
    "replicas": _plain("replicas", _replicas),
    "metrics_interval": _plain("interval_s", seconds_of, " seconds"),
    "log-level": _plain("level", lambda text: _chosen(text, LEVELS)),
    "log-format": _plain("format", lambda text: _chosen(text, FORMATS)),
    "log-output": _plain("output", lambda text: _chosen(text, OUTPUTS)),
    **{key: _switch(tool) for key, tool in TOOL_OF_KEY.items()},
}
