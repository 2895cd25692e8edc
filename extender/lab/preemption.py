"""Whom would evicting help? A dry run on copies, as kube-scheduler's default preemption does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from extender.lab.accounts import Account, Demand
from extender.lab.answers import Victims
from extender.lab.budgets import split
from extender.lab.fit import Misfit, misfit
from extender.lab.store import Stored

CANDIDATES_MIN = 100
"""At least so many candidate nodes are tried (minCandidateNodesAbsolute), or a tenth of all if that is more."""


def candidates(
    demand: Demand, nodes: Mapping[str, Account], misfits: Mapping[str, Misfit], budgets: Sequence[Stored] = ()
) -> dict[str, Victims]:
    """Victims by node, for the nodes where evicting lower-priority pods makes room."""
    resolvable = [name for name, why in misfits.items() if why.resolvable and name in nodes]
    limit = max(CANDIDATES_MIN, len(resolvable) // 10)
    found: dict[str, Victims] = {}
    for name in resolvable:
        victims = _victims(demand, nodes[name], budgets)
        if victims.uids:
            found[name] = victims
            if len(found) >= limit:
                break
    return found


def best(found: Mapping[str, Victims], nodes: Mapping[str, Account]) -> str:
    """The node to empty: fewest broken budgets, lowest top victim, lowest sum, fewest victims."""

    def cost(name: str) -> tuple[int, int, int, int]:
        pods = [nodes[name].pods[uid].pod.priority for uid in found[name].uids]
        # The sum is over priorities moved above zero, so that two low victims do not beat one.
        return found[name].pdb_violations, pods[0], sum(p + 2**31 for p in pods), len(pods)

    return min(found, key=cost)


def _victims(demand: Demand, account: Account, budgets: Sequence[Stored]) -> Victims:
    """The fewest pods of lower priority without which it fits, most important first; none if that does not help.

    Whose going would break a budget is spared first.
    """
    trial = Account(account.name, account.tree, account.allocatable, dict(account.pods), account.requested)
    lower = sorted(
        (d for d in account.pods.values() if d.pod.priority < demand.pod.priority),
        key=lambda d: (-d.pod.priority, d.pod.started_at_s or d.pod.created_at_s),
    )
    for other in lower:
        trial.remove(other.uid)
    if misfit(demand, trial) is not None:
        return Victims(())
    broken = split(budgets, (d.stored.tree for d in lower))
    protected = [d for d, breaks in zip(lower, broken, strict=True) if breaks]
    others = [d for d, breaks in zip(lower, broken, strict=True) if not breaks]
    violating = _not_spared(demand, trial, protected)
    victims = violating + _not_spared(demand, trial, others)
    order = {d.uid: at for at, d in enumerate(lower)}
    return Victims(tuple(sorted((v.uid for v in victims), key=order.__getitem__)), len(violating))


def _not_spared(demand: Demand, trial: Account, pods: Sequence[Demand]) -> list[Demand]:
    """Put back who can stay; those who cannot."""
    victims: list[Demand] = []
    for other in pods:
        trial.add(other)
        if misfit(demand, trial) is not None:
            trial.remove(other.uid)
            victims.append(other)
    return victims
