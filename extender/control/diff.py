"""What differs between two policies: for eyes a unified diff of their YAML, for programs a list of places."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import msgspec

from extender.control.problems import Refused
from extender.control.text import readable, tree_of
from extender.policy.problem import at

CHANGES_MAX = 1000
_KEYS = ("name", "schedulerName")


class Changed(msgspec.Struct, frozen=True):
    path: str
    """Entries of a list that have names are told by them: profiles[default-scheduler].plugins.score.enabled[QoS]."""
    before: Any
    """None: it was not there."""
    after: Any


class Diff(msgspec.Struct, frozen=True):
    unified: str
    """Empty: they say the same."""
    changes: list[Changed]
    """At most CHANGES_MAX."""


def diff(before: bytes, after: bytes, names: tuple[str, str] = ("before", "after")) -> Diff:
    """Layout and comments are no difference. A text that cannot be read is compared as text, without places."""
    old, new = (readable(text).splitlines(keepends=True) for text in (before, after))
    unified = "".join(difflib.unified_diff(old, new, *names))
    try:
        changes = _changes(tree_of(before), tree_of(after), "")
    except Refused:
        return Diff(unified, [])
    return Diff(unified, [change for change, _ in zip(changes, range(CHANGES_MAX), strict=False)])


def _changes(before: Any, after: Any, path: str) -> Iterator[Changed]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys([*before, *after]):
            yield from _changes(before.get(key), after.get(key), at(path, key))
    elif isinstance(before, list) and isinstance(after, list) and _named(before) and _named(after):
        old, new = _by_name(before), _by_name(after)
        for name in dict.fromkeys([*old, *new]):
            yield from _changes(old.get(name), new.get(name), f"{path}[{name}]")
    elif before != after or type(before) is not type(after):
        yield Changed(path, before, after)


def _named(entries: list[Any]) -> bool:
    names = [_name(entry) for entry in entries]
    return None not in names and len(set(names)) == len(names)


def _by_name(entries: list[Any]) -> dict[str, Any]:
    return {str(_name(entry)): entry for entry in entries}


def _name(entry: Any) -> str | None:
    found = next((entry[key] for key in _KEYS if key in entry), None) if isinstance(entry, dict) else None
    return found if isinstance(found, str) else None
