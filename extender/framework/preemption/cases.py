"""What recorded cases of preemptors ask beyond verdicts and scores: `eligible`, `victims`, `postfilter`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from extender.framework.declaration import Cycle, Search, Selection, Status
from extender.framework.preemption.choice import reasons_of
from extender.framework.preemption.dry_run import DryRun, dry_run
from extender.framework.preemption.room import Misfit, Rooms
from extender.model.verdict import Code


def about_preemption(
    cycle: Cycle,
    eligible: Callable[[Cycle, bool], Status],
    search: Search,
    *,
    rejected: bool,
    wanted: Callable[[int], int] = lambda nodes: nodes,
) -> dict[str, Any]:
    """The keys of the vectors for the cycle's pod over all nodes.

    `rejected`: its preFilter refused the pod, so that preemption may help on every node; else it may on those where the
    pod does not fit, but could. `wanted`: how many candidates are looked for among so many nodes. `postfilter` is
    absent where the phase would not run, because the pod fits somewhere.
    """
    rooms = Rooms(cycle)
    misfits = {row: None if rejected else rooms.room(row).misfit() for row in cycle.rows.tolist()}
    verdict = eligible(cycle, _is_unresolvable(misfits.get(cycle.nodes.row(cycle.pod.nominated_node_name))))
    ok = verdict.code is Code.SUCCESS
    told: dict[str, Any] = {
        "eligible": {"ok": ok, "message": verdict.reason},
        "victims": {cycle.nodes.names[row]: _victims(search(row, None)) for row in misfits},
    }
    if rejected or None not in misfits.values():
        may_help = [row for row, misfit in misfits.items() if not _is_unresolvable(misfit)]
        told["postfilter"] = _outcome(
            dry_run(cycle.nodes, may_help, search, wanted(len(may_help))) if ok else DryRun(verdict)
        )
    return told


def _is_unresolvable(misfit: Misfit | None) -> bool:
    return misfit is not None and misfit.unresolvable


def _victims(selection: Selection) -> dict[str, Any]:
    return {
        "code": selection.status.code.value,
        "reasons": reasons_of(selection.status),
        "victims": [pod.key for pod in selection.victims],
        "numPDBViolations": selection.pdb_violations,
    }


def _outcome(run: DryRun) -> dict[str, Any]:
    return {
        "code": run.status.code.value,
        "reasons": [run.status.reason] if run.status.reason else [],
        "nominatedNodes": [run.winner.node if run.winner else ""],
    }
