"""Events in a short form, for the tests of rules: fields of AuditEvent, of which each has a default.

    {verb: create, user: alice, object: pods/team-a/web-0, request: {spec: {nodeName: node-1}}}

`object` is `resource[.group]/namespace/name[/subresource]`, `-` for no namespace or name. `at` is seconds after the
test's begin, `repeat` makes so many of it, `every` apart by so many seconds; `#` in any text becomes its number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from analytics.audit.record import AuditEvent
from analytics.audit.wire import shown

BEGIN_US = 1_767_323_045_000_000
"""2026-01-02T03:04:05Z"""
_OWN = frozenset({"at", "repeat", "every", "object", "agent", "address", "patch"})
_FIELDS = frozenset(AuditEvent.__struct_fields__)
_MOST = 5000
_LONGEST_OBJECT = 4


class BadExample(Exception):
    """The text says which field of a test's event is wrong."""


def events_of(given: Mapping[str, Any], name: str, begin_us: int = BEGIN_US) -> Iterator[AuditEvent]:
    """`name` makes the auditIDs. Raises BadExample."""
    if unknown := sorted(map(str, given.keys() - _OWN - _FIELDS)):
        raise BadExample(f"no field {', '.join(unknown)}; there are {', '.join(sorted(_OWN | _FIELDS))}")
    repeat, every, at = given.get("repeat", 1), given.get("every", 1), given.get("at", 0)
    if not isinstance(repeat, int) or not 1 <= repeat <= _MOST:
        raise BadExample(f"repeat: {shown(repeat)}; want 1 to {_MOST}")
    if not isinstance(every, int | float) or not isinstance(at, int | float):
        raise BadExample("at and every: want seconds")
    for number in range(repeat):
        said = _numbered({key: value for key, value in given.items() if key not in _OWN}, number)
        said |= _object(_numbered(given.get("object", ""), number))
        if "agent" in given:
            said["user_agent"] = given["agent"]
        if "address" in given:
            said["source_ips"] = [_numbered(given["address"], number)]
        if "patch" in given:
            said["request"] = {"jsonPatch": _numbered(given["patch"], number)}
        said.setdefault("audit_id", f"{name}-{number}")
        said.setdefault("code", 201 if said.get("verb") == "create" else 200)
        said.setdefault("user_agent", "kubectl/v1.35.0")
        said.setdefault("source_ips", ["10.0.0.7"])
        said["at_us"] = begin_us + round((at + number * every) * 1_000_000)
        try:
            yield msgspec.convert(said, AuditEvent)
        except msgspec.ValidationError as wrong:
            raise BadExample(str(wrong)) from None


def _object(text: Any) -> dict[str, str]:
    if not isinstance(text, str):
        raise BadExample(f"object: {shown(text)}; want resource/namespace/name")
    parts = ["" if part == "-" else part for part in text.split("/")]
    if len(parts) > _LONGEST_OBJECT:
        raise BadExample(f"object: {shown(text)}; want resource/namespace/name/subresource")
    found = dict(zip(("resource", "namespace", "name", "subresource"), parts, strict=False))
    found["resource"], _, found["api_group"] = found["resource"].partition(".")
    return found


def _numbered(value: Any, number: int) -> Any:
    if isinstance(value, str):
        return value.replace("#", str(number))
    if isinstance(value, dict):
        return {key: _numbered(inner, number) for key, inner in value.items()}
    if isinstance(value, list):
        return [_numbered(inner, number) for inner in value]
    return value
