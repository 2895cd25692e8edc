"""May a pod stand on this node beside the pod groups that were promised room there?"""

from __future__ import annotations

from collections.abc import Sequence


def beside_gangs(
    node_allocatable: Sequence[int],
    node_requested: Sequence[int],
    cycle_pinned: bool,  # noqa: FBT001 - a rule is called by its loop
    cycle_here: int,
    cycle_guarded: bool,  # noqa: FBT001
    cycle_request: Sequence[int],
    cycle_reserved: Sequence[int],
    cycle_offset: int,
) -> int:
    """0 yes; 1 what is left is promised to a group; 2 the pod's own group has planned another node for it.

    `cycle_offset`: where the node's amounts begin in `cycle_reserved`, one for each resource.
    """
    if cycle_pinned:
        return 0 if cycle_here else 2
    if cycle_guarded:
        for i in range(len(cycle_request)):
            asked, promised = cycle_request[i], cycle_reserved[cycle_offset + i]
            if asked > 0 and promised > 0 and asked > node_allocatable[i] - node_requested[i] - promised:
                return 1
    return 0
