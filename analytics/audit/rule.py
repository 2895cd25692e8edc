"""A rule as its YAML file says it. What its conditions mean is in condition.py; who may say what, in rulefile.py."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Severity = Literal["critical", "high", "medium", "low"]
Window = Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,5}(s|m|h)$", description="As in 90s, 15m, 2h; at most 24h.")]
Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Condition = dict[str, Any]


class Threshold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Enough of what a case matches within a window, counted apart for each value of the fields in `by`."""

    by: tuple[Text, ...]
    count: Annotated[int, Meta(ge=2, le=1_000_000)]
    within: Window
    distinct: str = ""
    """Count different values of this field, not events."""
    sum: str = ""
    """Add up this field, not events."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: Text
    match: Condition
    by: tuple[Text, ...] = ()
    """Where this step has the sequence's key in other fields."""


class Sequence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Steps in this order by their own times, in whichever order they arrive."""

    by: tuple[Text, ...]
    within: Window
    steps: Annotated[tuple[Step, ...], Meta(min_length=2, max_length=6)]


class Silence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Nothing that matches for `longer`, after half a dozen such times in a row that had `usual` each, or more."""

    longer: Window
    usual: Annotated[int, Meta(ge=2, le=1_000_000)]


class Fold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say it once for the same values of these fields, not again within the window."""

    by: tuple[Text, ...]
    within: Window


class Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    match: Condition
    reason: Text


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way to break the rule."""

    name: Text
    says: Text
    """The finding's description; `{field}` stands for the event's value of it."""
    match: Condition = {}
    outcome: Literal["success", "failure", "any"] = "success"
    """How the request ended; a dry run counts as neither."""
    severity: Severity | None = None
    """If it is not the rule's."""
    threshold: Threshold | None = None
    sequence: Sequence | None = None
    silence: Silence | None = None
    fold: Fold | None = None


class Test(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Events that a rule is proven with, in the short form of example.py."""

    __test__ = False  # for pytest
    name: Text
    events: Annotated[tuple[dict[str, Any], ...], Meta(min_length=1)]
    finds: Annotated[int, Meta(ge=0)]
    """How many findings; 0 in a negative test."""
    case: str = ""
    """Of a positive test: the case that must find it."""
    context: dict[str, Any] = {}
    """What the cluster is like, if it matters: names of Context's sets, `tenants` and `max_priority`."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Annotated[str, Meta(pattern=r"^[A-Z]{2,8}-[0-9]{2,4}$")]
    title: Text
    severity: Severity
    fix: Text
    cases: Annotated[tuple[Case, ...], Meta(min_length=1)]
    tests: Annotated[tuple[Test, ...], Meta(min_length=2)]
    attack: tuple[Text, ...] = ()
    """Techniques of MITRE ATT&CK."""
    microsoft: tuple[Text, ...] = ()
    """Of Microsoft's threat matrix for Kubernetes."""
    like: tuple[Text, ...] = ()
    """Public rules after the same thing."""
    allow: tuple[Allowed, ...] = ()
    replaces: bool = False
    """Of an operator's own file: it takes the place of the shipped rule with this id."""


def seconds(window: str) -> int:
    """Of a Window."""
    return int(window[:-1]) * {"s": 1, "m": 60, "h": 3600}[window[-1]]
