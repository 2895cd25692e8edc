"""Conditions of a rule, compiled once to closures over the facts of an event.

| written | true when |
| --- | --- |
| `verb: create` | the field has this value; of several values, one of them |
| `verb: {in: [create, patch]}` | it is one of these; `"@system_namespaces"` names a set of the context |
| `{other_than: [...]}` | it has a value that is none of these |
| `{prefix: x}`, `{suffix: x}` | a value begins, ends so; a list means any of them |
| `{regex: x}` | a value holds what the expression finds |
| `{cidr: 10.0.0.0/8}` | a value is an address in the network; a list means any of them |
| `{above: n}`, `{below: n}` | a number beyond n |
| `{exists: true}` | there is a value that is not empty |
| `{all: [...]}`, `{any: [...]}`, `{not: ...}` | of other conditions; several fields side by side mean all |

Several operators on one field must each be true.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from analytics.audit.context import SETS, Context
from analytics.audit.facts import Facts
from analytics.audit.fields import Field, field_named

Test = Callable[[Facts], bool]
Value = str | int | float | bool
_LONGEST = 2000
"""Characters of a value that a regular expression is run over, and of an expression."""
_NUMBERS = ("number", "values")


class BadCondition(Exception):
    """The text begins with the place and says what is wrong there."""


def compiled(condition: Any, context: Context, at: str) -> Test:
    """`at`: where it stands, for errors. An empty condition is always true. Raises BadCondition."""
    if not isinstance(condition, dict):
        raise BadCondition(f"{at}: {condition!r} is no condition; want field: value, all, any or not")
    tests = [_part(key, value, context, f"{at}.{key}") for key, value in condition.items()]
    return tests[0] if len(tests) == 1 else _all(tests)


def _part(key: str, value: Any, context: Context, at: str) -> Test:
    if key == "not":
        inner = compiled(value, context, at)
        return lambda facts: not inner(facts)
    if key in ("all", "any"):
        if not isinstance(value, list) or not value:
            raise BadCondition(f"{at}: want a list of conditions")
        tests = [compiled(one, context, f"{at}[{number}]") for number, one in enumerate(value)]
        return _all(tests) if key == "all" else _any(tests)
    try:
        field = field_named(key)
    except KeyError:
        raise BadCondition(f"{at}: no field {key!r}; see docs/tools/audit-rules.md for the fields") from None
    return _on_field(field, value, context, at)


def _all(tests: list[Test]) -> Test:
    if len(tests) == 2:  # noqa: PLR2004 - a pair needs no loop
        first, second = tests
        return lambda facts: first(facts) and second(facts)

    def holds(facts: Facts) -> bool:
        for test in tests:  # noqa: SIM110 - a third faster than all() of a generator, on every event
            if not test(facts):
                return False
        return True

    return holds


def _any(tests: list[Test]) -> Test:
    def holds(facts: Facts) -> bool:
        for test in tests:  # noqa: SIM110 - as above
            if test(facts):
                return True
        return False

    return holds


def _on_field(field: Field, wanted: Any, context: Context, at: str) -> Test:
    if not isinstance(wanted, dict):
        wanted = {"is": wanted}
    if not wanted:
        raise BadCondition(f"{at}: want a value or an operator")
    tests = [_operator(field, name, value, context, at) for name, value in wanted.items()]
    return tests[0] if len(tests) == 1 else _all(tests)


def _operator(field: Field, name: str, value: Any, context: Context, at: str) -> Test:
    at = f"{at}.{name}"
    if name == "exists":
        return _exists(field, _flag(value, at))
    if name not in _OPERATORS:
        known = ", ".join(("exists", *_OPERATORS))
        raise BadCondition(f"{at}: no operator {name!r}; there are {known}")
    takes, make = _OPERATORS[name]
    if field.type not in takes:
        raise BadCondition(f"{at}: {name!r} does not suit a field of type {field.type}")
    holds = make(value, context, at)
    if name == "is":
        _same_type(field, value, at)
        if field.type in ("text", "flag"):
            # The usual condition, without a call between: texts and flags are of one type each.
            read = field.read
            return lambda facts: read(facts) == value
    return _lifted(field, holds)


def _same_type(field: Field, value: Any, at: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    suits = {
        "flag": isinstance(value, bool),
        "number": number,
        "text": isinstance(value, str),
        "texts": isinstance(value, str),
        "values": number or isinstance(value, str | bool),
    }
    if not suits[field.type]:
        raise BadCondition(f"{at}: {value!r} does not suit a field of type {field.type}")


def _lifted(field: Field, holds: Callable[[Any], bool]) -> Test:
    read = field.read
    if field.type in ("texts", "values"):

        def of_any(facts: Facts) -> bool:
            for value in read(facts):  # noqa: SIM110 - as above: a generator costs more than the values, mostly none
                if holds(value):
                    return True
            return False

        return of_any
    if field.type == "number":

        def of_number(facts: Facts) -> bool:
            value = read(facts)
            return value is not None and holds(value)

        return of_number
    return lambda facts: holds(read(facts))


def _exists(field: Field, wanted: bool) -> Test:  # noqa: FBT001 - it is the operator's value
    read = field.read
    if field.type in ("flag", "number"):
        return lambda facts: (read(facts) is not None) == wanted
    return lambda facts: bool(read(facts)) == wanted


def _is(value: Any, context: Context, at: str) -> Callable[[Any], bool]:
    del context
    if not isinstance(value, str | int | float | bool):
        raise BadCondition(f"{at}: {value!r} is no plain value; for one of several use in")
    # 1 is no flag, and true is no number, though Python thinks them equal.
    kind = type(value)
    if kind is float:
        return lambda found: isinstance(found, float | int) and found == value
    return lambda found: type(found) is kind and found == value


def _in(value: Any, context: Context, at: str) -> Callable[[Any], bool]:
    members = frozenset(_members(value, context, at))
    return lambda found: found in members


def _other_than(value: Any, context: Context, at: str) -> Callable[[Any], bool]:
    members = frozenset(_members(value, context, at))
    return lambda found: found not in members


def _prefix(value: Any, context: Context, at: str) -> Callable[[Any], bool]:
    heads = tuple(_texts(value, context, at))
    return lambda found: isinstance(found, str) and found.startswith(heads)


def _suffix(value: Any, context: Context, at: str) -> Callable[[Any], bool]:
    tails = tuple(_texts(value, context, at))
    return lambda found: isinstance(found, str) and found.endswith(tails)


def _regex(value: Any, context: Context, at: str) -> Callable[[Any], bool]:
    del context
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise BadCondition(f"{at}: want a regular expression of at most {_LONGEST} characters")
    try:
        search = re.compile(value).search
    except (re.error, OverflowError, RecursionError) as wrong:
        raise BadCondition(f"{at}: no regular expression: {wrong}: {value!r}") from None
    return lambda found: isinstance(found, str) and search(found[:_LONGEST]) is not None


def _cidr(value: Any, context: Context, at: str) -> Callable[[Any], bool]:
    try:
        networks = [ipaddress.ip_network(one, strict=False) for one in _texts(value, context, at)]
    except ValueError as wrong:
        raise BadCondition(f"{at}: no network: {wrong}") from None

    def holds(found: Any) -> bool:
        address = _address(found) if isinstance(found, str) else None
        return address is not None and any(address in network for network in networks)

    return holds


@lru_cache(maxsize=4096)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _above(value: Any, context: Context, at: str) -> Callable[[Any], bool]:
    del context
    limit = _number(value, at)
    return lambda found: isinstance(found, int | float) and not isinstance(found, bool) and found > limit


def _below(value: Any, context: Context, at: str) -> Callable[[Any], bool]:
    del context
    limit = _number(value, at)
    return lambda found: isinstance(found, int | float) and not isinstance(found, bool) and found < limit


_TEXT = ("text", "texts", "values")
_OPERATORS: dict[str, tuple[tuple[str, ...], Callable[[Any, Context, str], Callable[[Any], bool]]]] = {
    "is": (("text", "texts", "values", "number", "flag"), _is),
    "in": ((*_TEXT, "number"), _in),
    "other_than": ((*_TEXT, "number"), _other_than),
    "prefix": (_TEXT, _prefix),
    "suffix": (_TEXT, _suffix),
    "regex": (_TEXT, _regex),
    "cidr": (_TEXT, _cidr),
    "above": (_NUMBERS, _above),
    "below": (_NUMBERS, _below),
}


def _members(value: Any, context: Context, at: str) -> Iterable[Value]:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not value:
        raise BadCondition(f"{at}: want a list of values, or the name of a set as in '@system_namespaces'")
    for one in value:
        if not isinstance(one, str | int | float):
            raise BadCondition(f"{at}: {one!r} is no plain value")
        if not isinstance(one, str) or not one.startswith("@"):
            yield one
        elif one[1:] in SETS:
            yield from getattr(context, one[1:])
        else:
            raise BadCondition(f"{at}: no set {one!r}; there are {', '.join('@' + name for name in SETS)}")


def _texts(value: Any, context: Context, at: str) -> list[str]:
    found = list(_members(value, context, at))
    texts = [one for one in found if isinstance(one, str)]
    if len(texts) != len(found):
        raise BadCondition(f"{at}: want texts")
    return texts


def _number(value: Any, at: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadCondition(f"{at}: {value!r} is no number")
    return value


def _flag(value: Any, at: str) -> bool:
    if not isinstance(value, bool):
        raise BadCondition(f"{at}: want true or false")
    return value


def asks(condition: Any) -> frozenset[str]:
    """Names of the fields that a condition, which `compiled` takes, asks for."""
    found: set[str] = set()
    for key, value in condition.items():
        if key == "not":
            found |= asks(value)
        elif key in ("all", "any"):
            found = found.union(*map(asks, value))
        else:
            found.add(key)
    return frozenset(found)


def only(field: str, condition: Any) -> frozenset[str] | None:
    """Values of a text field outside which the condition cannot hold; None where it may hold for any."""
    if not isinstance(condition, dict):
        return None
    found: frozenset[str] | None = None
    for key, value in condition.items():
        part = _only(field, key, value)
        if part is not None:
            found = part if found is None else found & part
    return found


def _only(field: str, key: str, value: Any) -> frozenset[str] | None:
    if key == field:
        wanted = value.get("is", value.get("in")) if isinstance(value, dict) else value
        values = [wanted] if isinstance(wanted, str) else wanted or ["@"]
        # What a set of the context holds is not known here.
        return None if any(str(one).startswith("@") for one in values) else frozenset(values)
    if key not in ("all", "any") or not isinstance(value, list):
        return None
    parts = [only(field, one) for one in value]
    known = [part for part in parts if part is not None]
    if key == "any":
        return frozenset().union(*known) if len(known) == len(parts) else None
    return frozenset.intersection(*known) if known else None
