"""How many system calls pods would be exposed to that they do not make themselves."""

from __future__ import annotations

NEVER = 2**63 - 1
"""Score of every node for a pod of which no call is known."""


def extraneous(cycle_asked: int, cycle_outside: int, cycle_pods: int, cycle_own: int) -> int:
    """The pod's own extraneous calls on the node, and those of each pod there once it has come; lower is better.

    With H the calls made on the node and P those of the pod: `outside` = |H - P|, so |H + P| = asked + outside. The
    calls of a pod there are a subset of H, so all of them together are exposed to pods x |H + P| - own, `own` being
    the sum of their own.
    """
    if cycle_asked == 0:
        return NEVER
    return cycle_outside + cycle_pods * (cycle_asked + cycle_outside) - cycle_own
