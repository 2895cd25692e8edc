"""Preemption as pure simulation, for plugins that choose victims (plugins.md §1.5, §5.4, §13).

Lives here: who is more important, which budgets break, what fits on a node once pods are gone, who may stay after all,
which node is best. Never here: a quota, a toleration, an eviction, a clock.
"""

from extender.framework.preemption.budgets import BUDGET, Budgets
from extender.framework.preemption.choice import Candidate, best_of, failure_text
from extender.framework.preemption.dry_run import DryRun, dry_run, shortlist_size
from extender.framework.preemption.importance import by_importance, importance
from extender.framework.preemption.placement import misplaced
from extender.framework.preemption.ports import taken_ports
from extender.framework.preemption.room import Misfit, Room, Rooms, hopeless
from extender.framework.preemption.selection import WayBack, no_victims, reprieved, unjudged

__all__ = [
    "BUDGET",
    "Budgets",
    "Candidate",
    "DryRun",
    "Misfit",
    "Room",
    "Rooms",
    "WayBack",
    "best_of",
    "by_importance",
    "dry_run",
    "failure_text",
    "hopeless",
    "importance",
    "misplaced",
    "no_victims",
    "reprieved",
    "shortlist_size",
    "taken_ports",
    "unjudged",
]
