"""Who may say why: small judges, one file for each family, asked in this order until one knows."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Final

from analytics.why.answer import Found
from analytics.why.facts import Facts
from analytics.why.judges import (
    binding,
    ended,
    gangs,
    gates,
    loads,
    never,
    preemption,
    quotas,
    room,
    scaling,
    schedulers,
    volumes,
)

Judge = Callable[[Facts], Found | None]

JUDGES: Final[tuple[Judge, ...]] = (
    ended.gone,
    ended.deleted,
    ended.started,
    gates.gated,
    schedulers.absent,
    schedulers.failed,
    volumes.claims,
    scaling.adding,
    never.no_nodes,
    never.labels,
    never.taints,
    never.size,
    loads.failing,
    quotas.larger_than_max,
    preemption.making_room,
    binding.held,
    binding.failed,
    binding.on_its_way,
    quotas.quota,
    quotas.tenant,
    gangs.gang,
    loads.turn,
    loads.plugin,
    room.closed,
    room.resources,
    room.ports,
    volumes.told,
    room.neighbours,
    room.told,
    room.fits,
)
"""What ends scheduling comes first, then what keeps it from beginning, then what can never be, then what is under way,
then what the pod waits for: rules about the pod before rules about nodes, what was said before what is guessed."""


_OF_KIND: Final = frozenset({never.labels, never.taints, never.size, room.closed, room.resources, room.ports})
"""They look at nothing but the nodes as pods of one kind see them."""


def judge(facts: Facts) -> Found:
    for one in JUDGES:
        found = _shared(one, facts) if facts.waits and (one in _OF_KIND or one is room.neighbours) else one(facts)
        if found is not None:
            return found
    return Found("unknown", {"pod": facts.key})


def lasting_for_ever(facts: Facts) -> Found | None:
    """Why no node could ever hold the pod, whatever else it waits for."""
    asked = (never.no_nodes, never.labels, never.taints, never.size)
    return next((found for one in asked if (found := one(facts)) is not None), None)


def _shared(one: Judge, facts: Facts) -> Found | None:
    """Asked once for all pods that are alike in what the judge looks at; only the pod's name differs."""
    detail, pod = facts.detail, facts.pod
    if one is not room.neighbours:
        key: Hashable = (one, facts.kind)
    elif detail.near or detail.apart or detail.spread:
        rules = (repr(detail.near), repr(detail.apart), repr(detail.spread))
        key = (one, facts.kind, facts.namespace, rules, repr(pod.labels) if pod else "")
    else:
        return None
    found: Found | None = facts.shared.once(key, lambda: one(facts))
    return found if found is None else replace(found, values={**found.values, "pod": facts.key})
