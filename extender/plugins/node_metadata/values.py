"""What stands on each node, read once per change of the node."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from extender.framework import Node, NodeTable
from extender.plugins.node_metadata.args import LABEL, TIMESTAMP, NodeMetadataArgs
from extender.plugins.node_metadata.layout import Layout
from extender.plugins.node_metadata.numbers import whole_number


class Values:
    """By row: whether the node has a usable value, its whole part, the nanoseconds of a time."""

    def __init__(self, args: NodeMetadataArgs) -> None:
        self._key = args.metadata_key
        self._in_labels = args.metadata_source == LABEL
        self._layout = Layout(args.layout) if args.metadata_type == TIMESTAMP else None
        self._version = -1
        self._seen: list[Node | None] = []
        self.known: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self.whole: NDArray[np.int64] = np.zeros(0, np.int64)
        self.nanos: NDArray[np.int64] = np.zeros(0, np.int64)

    def follow(self, nodes: NodeTable) -> None:
        """Read the nodes that are others than at the last call."""
        if self._version == nodes.objects_version and len(self._seen) == nodes.rows:
            return
        self._make_room(nodes.rows)
        for row, node in enumerate(nodes.objects):
            if node is not self._seen[row]:
                self._seen[row] = node
                self._read(row, node)
        self._version = nodes.objects_version

    def _make_room(self, rows: int) -> None:
        more = rows - len(self._seen)
        if more <= 0:
            return
        self._seen += [None] * more
        self.known = np.append(self.known, np.zeros(more, np.bool_))
        self.whole = np.append(self.whole, np.zeros(more, np.int64))
        self.nanos = np.append(self.nanos, np.zeros(more, np.int64))

    def _read(self, row: int, node: Node | None) -> None:
        found = None if node is None else self._value(node)
        self.known[row] = found is not None
        self.whole[row], self.nanos[row] = found or (0, 0)

    def _value(self, node: Node) -> tuple[int, int] | None:
        text = (node.labels if self._in_labels else node.annotations).get(self._key)
        if text is None:
            return None
        if self._layout is not None:
            return self._layout.parse(text)
        number = whole_number(text)
        return None if number is None else (number, 0)
