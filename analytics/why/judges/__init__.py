"""Who may say why: small judges, one file for each family, asked in this order until one knows."""

from __future__ import annotations

from collections.abc import Callable
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
    never.no_nodes,
    never.labels,
    never.taints,
    never.size,
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


def judge(facts: Facts) -> Found:
    for one in JUDGES:
        found = one(facts)
        if found is not None:
            return found
    return Found("unknown", {"pod": facts.key})
