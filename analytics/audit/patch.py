"""What a request changes: JSON patches are lists of operations, all other patches are parts of objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from analytics.audit.record import JSON_PATCH

MOST_PATHS = 2000
"""Of one request; what lies beyond is not looked at."""
_DEEPEST = 40
_LONGEST_LIST = 1000
_DIGITS = 9


def body(request: dict[str, Any] | None) -> dict[str, Any]:
    """The object, or the part of one, that a request sends: of a JSON patch what it would set."""
    if request is None:
        return {}
    operations = request.get(JSON_PATCH)
    return _set_by(operations) if isinstance(operations, list) else request


def changed(request: dict[str, Any] | None) -> tuple[str, ...]:
    """Paths that a request sets or removes, as `/spec/unschedulable`: of an update every path of the object.

    Keys stand there as they are: `/metadata/labels/topology.kubernetes.io/zone`. Lists are one path, their own.
    """
    if request is None:
        return ()
    found: list[str] = []
    operations = request.get(JSON_PATCH)
    if not isinstance(operations, list):
        _leaves(request, "", found, 0)
        return tuple(found)
    for operation in operations[:MOST_PATHS]:
        if operation.get("op") == "test":
            continue
        path = "".join(f"/{part}" for part in _parts(operation.get("path")))
        _leaves(operation.get("value"), path, found, 0)
    return tuple(found)


def _leaves(value: Any, path: str, found: list[str], depth: int) -> None:
    if len(found) >= MOST_PATHS:
        return
    if not isinstance(value, dict) or not value or depth > _DEEPEST:
        found.append(path)
        return
    for key, inner in value.items():
        # Directives of strategic merge patches name the order of lists, and change nothing by themselves.
        if not key.startswith("$"):
            _leaves(inner, f"{path}/{key}", found, depth + 1)
        elif key in ("$patch", "$retainKeys"):
            found.append(path)


def _parts(path: Any) -> Iterator[str]:
    """Of a JSON pointer (RFC 6901)."""
    if isinstance(path, str) and path.startswith("/"):
        for part in path[1:].split("/"):
            yield part.replace("~1", "/").replace("~0", "~")


def _set_by(operations: list[Any]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for operation in operations[:MOST_PATHS]:
        parts = list(_parts(operation.get("path")))
        if operation.get("op") in ("add", "replace") and 0 < len(parts) <= _DEEPEST:
            _put(root, parts, operation.get("value"))
    return root


def _put(root: dict[str, Any], parts: list[str], value: Any) -> None:
    place: Any = root
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        fresh: Any = value if last else _empty(parts[at + 1])
        if isinstance(place, list):
            place = _into_list(place, part, fresh, last=last)
        else:
            if last or not isinstance(place.get(part), dict | list):
                place[part] = fresh
            place = place[part]


def _empty(following: str) -> Any:
    return [] if following == "-" or following.isdecimal() else {}


def _into_list(place: list[Any], part: str, fresh: Any, *, last: bool) -> Any:
    """Which elements stood there before is not known: what a patch names for the first time is appended."""
    at = int(part) if part.isdecimal() and len(part) < _DIGITS else len(place)
    if not last and at < len(place) and isinstance(place[at], dict | list):
        return place[at]
    if len(place) < _LONGEST_LIST:
        place.append(fresh)
    return fresh
