"""The power models as columns, kept until the nodes or the arguments change."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from extender.framework import MAX_INT64, NodeTable
from extender.plugins.peaks.args import PeaksArgs
from extender.plugins.peaks.kernel import SCALE


class Models(NamedTuple):
    """By row; a node without a model has zeros."""

    names_version: int
    known: NDArray[np.bool_]
    k1: NDArray[np.float64]
    k2: NDArray[np.float64]


def models(memo: dict[str, Any], args: PeaksArgs, nodes: NodeTable) -> Models:
    found: Models | None = memo.get("models")
    if found is None or found.names_version != nodes.names_version:
        found = memo["models"] = _laid_out(args, nodes)
    return found


def _laid_out(args: PeaksArgs, nodes: NodeTable) -> Models:
    rows = nodes.rows
    laid_out = Models(nodes.names_version, np.zeros(rows, np.bool_), np.zeros(rows), np.zeros(rows))
    for name, model in (args.node_power_model or {}).items():
        row = nodes.row(name)
        if row >= 0:
            laid_out.known[row], laid_out.k1[row], laid_out.k2[row] = True, model.k1, model.k2
    return laid_out


def above_all_jumps(by_row: Models, nodes: NodeTable, rows: NDArray[np.int32], pod_milli: int) -> int:
    """A raw score just above that of every candidate that can be judged: normalised, it is the worst."""
    judged = rows[rows >= 0]
    judged = judged[nodes.load_cpu_known[judged] & by_row.known[judged]]
    capacity = nodes.capacity_cpu_milli[judged].astype(np.float64)
    now = nodes.load_cpu_first_pct[judged]
    then = np.where(capacity > 0, now + 100.0 * pod_milli / np.maximum(capacity, 1.0), 0.0)
    with np.errstate(over="ignore", invalid="ignore"):
        k1, k2 = by_row.k1[judged], by_row.k2[judged]
        jumps = (k1 * (np.exp(k2 * then) - np.exp(k2 * now)) * SCALE)[then <= 100]  # noqa: PLR2004 - percent
    jumps = jumps[np.isfinite(jumps)]
    if not len(jumps):
        return 1
    highest = int(jumps.max())
    # This exponential and the kernel's may differ in the last bits.
    return min(highest + 1 + (abs(highest) >> 40), MAX_INT64)
