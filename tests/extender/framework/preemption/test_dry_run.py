"""What a preemption in mind says when it finds nobody."""

from __future__ import annotations

import pytest

from extender.framework import Code, Selection, Status
from extender.framework.preemption import dry_run
from extender.model.columns import NodeTable


@pytest.mark.parametrize(
    ("errors", "told"),
    [(("lost", "lost"), "lost"), (("lost", "broken", "lost"), "[lost, broken]"), (("lost", ""), "lost")],
)
def test_a_trouble_that_several_nodes_have_is_told_once(errors: tuple[str, ...], told: str) -> None:
    nodes = NodeTable()
    for i, _error in enumerate(errors):
        nodes.add(f"n{i}")

    def search(row: int, _proposed: Selection | None) -> Selection:
        return Selection(status=Status(Code.ERROR if errors[row] else Code.UNSCHEDULABLE, errors[row] or "full"))

    run = dry_run(nodes, range(len(errors)), search, len(errors))
    assert (run.status.code, run.status.reason, run.winner) == (Code.ERROR, told, None)
