"""A whole preemption in mind: eligible?, victims node by node, the best node. Evicts nobody."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from extender.framework.declaration import Search, Selection, Status
from extender.framework.preemption.choice import Candidate, best_of, failure_text
from extender.model.columns import NodeTable
from extender.model.verdict import Code


@dataclass(slots=True)
class DryRun:
    """What came out: `winner`, or nobody and `status` says why."""

    status: Status
    winner: Candidate | None = None
    tried: dict[str, Status] = field(default_factory=dict)
    """Node -> why it is no candidate."""


def dry_run(nodes: NodeTable, rows: Iterable[int], search: Search, wanted: int) -> DryRun:
    """Try the nodes at `rows`, which removing pods may help, until `wanted` are candidates, one without violations."""
    found: list[Candidate] = []
    tried: dict[str, Status] = {}
    errors: list[str] = []
    for row in rows:
        name, selection = nodes.names[row], search(row, None)
        status = _judged(selection, name)
        if status.code is Code.SUCCESS:
            found.append(Candidate(name, selection))
            if len(found) >= wanted and any(not c.selection.pdb_violations for c in found):
                break
            continue
        tried[name] = status
        if status.code is Code.ERROR:
            errors.append(status.reason)
    winner = best_of(found)
    if winner is not None:
        return DryRun(Status(), winner, tried)
    if errors:
        told = list(dict.fromkeys(errors))  # nodes with the same trouble tell it once
        return DryRun(Status(Code.ERROR, told[0] if len(told) == 1 else f"[{', '.join(told)}]"), None, tried)
    return DryRun(Status(Code.UNSCHEDULABLE, failure_text(len(nodes), tried), "no candidate"), None, tried)


def _judged(selection: Selection, node: str) -> Status:
    """A node where nobody has to go is none for preemption."""
    if selection.status.code is Code.SUCCESS and not selection.victims:
        return Status(Code.ERROR, f'expected at least one victim pod on node "{node}"', "no victim needed")
    return selection.status


def shortlist_size(potential: int, percentage: int, absolute: int) -> int:
    """How many candidates the scheduler looks for among the nodes that preemption may help."""
    return min(max(potential * percentage // 100, absolute), potential)
