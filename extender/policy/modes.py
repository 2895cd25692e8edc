"""When a plugin of the policy counts, for whom, and what takes it out again: canary, guards, rules."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from extender.policy.moments import Duration
from extender.policy.part import Part

ENTRIES_MAX = 100
"""Namespaces, labels, expressions of one canary; guards and rules of one policy."""
_Name = Annotated[
    str,
    Meta(
        title="a name of letters, digits and -",
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        max_length=63,
        examples=["pack-when-full"],
    ),
]
_Share = Annotated[float, Meta(ge=0, le=1)]


class LabelExpression(Part, frozen=True):
    key: Annotated[str, Meta(min_length=1, max_length=317)]
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Annotated[tuple[str, ...], Meta(max_length=ENTRIES_MAX)] = ()


class LabelSelector(Part, frozen=True):
    match_labels: dict[str, str] = field(default_factory=dict)
    match_expressions: Annotated[tuple[LabelExpression, ...], Meta(max_length=ENTRIES_MAX)] = ()


class GuardWhen(Part, frozen=True):
    """Any one of these is enough."""

    request_latency_p99: (
        Annotated[Duration, Meta(description="99 % of filter and prioritize calls took at most this long.")] | None
    ) = None
    rejected_share: (
        Annotated[_Share, Meta(description="Share of filter calls that left no node; with a plugin: by its word.")]
        | None
    ) = None
    pending_pods: (
        Annotated[int, Meta(description="Pods that were left no node, and wait, all the time.", ge=1, le=1_000_000)]
        | None
    ) = None
    breaker_open: Annotated[bool, Meta(description="A breaker is open; with a plugin: its own.")] = False


class CanaryGuards(GuardWhen, frozen=True):
    over: Annotated[Duration, Meta(description="How far back it is looked: 1s to 1h.")] = "30s"


class Canary(Part, frozen=True):
    """The plugin counts for pods that meet all of these, and is off for all others."""

    percent: Annotated[
        float,
        Meta(
            description="Share of owners, always the same ones: namespace and controller, not its revision.",
            ge=0,
            le=100,
        ),
    ] = 100
    namespaces: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=63)], ...],
        Meta(description="None: all of them.", max_length=ENTRIES_MAX),
    ] = ()
    pod_selector: LabelSelector = LabelSelector()
    guards: Annotated[CanaryGuards, Meta(description="What switches the plugin off by itself.")] | None = None


class Guard(Part, frozen=True):
    name: _Name
    when: GuardWhen
    then: Annotated[
        Literal["rollback", "disable"],
        Meta(description="rollback: to the revision before; disable: the plugin alone."),
    ]
    over: Annotated[Duration, Meta(description="How far back it is looked: 1s to 1h.")] = "30s"
    plugin: Annotated[str, Meta(description="The plugin that is watched, and that `disable` switches off.")] | None = (
        None
    )


class Allocation(Part, frozen=True):
    """Requested by bound pods, as a share of what all nodes have to give."""

    above: Annotated[_Share, Meta(description="The rule begins to hold above this share.")]
    below: Annotated[_Share, Meta(description="It ends below this share; default: the same.")] | None = None
    resource: Annotated[str, Meta(min_length=1, max_length=317)] = "cpu"


class RuleWhen(Part, frozen=True):
    """One of these."""

    allocation: Allocation | None = None
    metrics_stale: Annotated[bool, Meta(description="Node load is not known, or too old to be used.")] = False


class RuleUse(Part, frozen=True):
    enable: Annotated[
        tuple[str, ...], Meta(description="On while the rule holds, off otherwise.", max_length=ENTRIES_MAX)
    ] = ()
    disable: Annotated[tuple[str, ...], Meta(description="Off while the rule holds.", max_length=ENTRIES_MAX)] = ()


class Rule(Part, frozen=True):
    name: _Name
    when: RuleWhen
    use: Annotated[RuleUse, Meta(description="Plugins that the profiles enable.")]
