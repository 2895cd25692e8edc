"""The name index: which row a node name has, as a hash table that compiled code can ask.

Built aside out of the node table and swapped in with one assignment when the set of nodes has changed. What did
not change is taken over from the index before, so a node that comes or goes costs a fraction of a millisecond at
thousands of nodes, not a new index.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from extender.model.columns import NodeTable
from extender.native.kinds import ByteRows, Int32s, Int64s, Words
from extender.wire.kernels import ROWS_MAX, STAMP_BYTES, fill_table

NAME_BYTES_MAX = 253
"""Longer names are legal nowhere in Kubernetes; such nodes are left to the plain reader."""

_NEEDS_ESCAPE = re.compile(rb'[\x00-\x1f"\\]')
_WORD = 8


@dataclass(frozen=True, slots=True)
class NameIndex:
    """Valid for one names_version of the node table; see kernels.py for the arrays."""

    version: int
    names: tuple[str, ...]
    """By row, as in the node table."""
    records: ByteRows
    lengths: Int32s
    table: Words
    follows: Int32s
    """Place row + 1: the row whose name stood behind this row's in the last request; place 0: the first one's. Only a
    guess, which scanning changes."""
    sizes: Int64s
    prints: Words
    """Bytes and fingerprint of the Node object of this name that was read last; size 0: none was (spans.py)."""

    @property
    def arrays(self) -> tuple[Words, ByteRows, Int32s, Int32s]:
        """As kernels.scan_names takes them."""
        return self.table, self.records, self.lengths, self.follows

    @property
    def object_arrays(self) -> tuple[Words, ByteRows, Int32s, Int32s, Int64s, Words]:
        """As spans.find_objects takes them."""
        return *self.arrays, self.sizes, self.prints

    @classmethod
    def empty(cls) -> NameIndex:
        return cls(
            -1,
            (),
            np.zeros((1, STAMP_BYTES + _WORD), np.uint8),
            np.zeros(1, np.int32),
            np.zeros(2, np.uint64),
            np.zeros(2, np.int32),
            np.zeros(1, np.int64),
            np.zeros(1, np.uint64),
        )

    def renewed(self, nodes: NodeTable) -> NameIndex:
        """The index of the node table as it is now."""
        names = tuple(nodes.names[:ROWS_MAX])
        rows = max(len(names), 1)
        fresh = [row for row, name in enumerate(names) if row >= len(self.names) or name is not self.names[row]]
        encoded = {row: _plain(names[row]) for row in fresh}
        stride = max(self.records.shape[1], 0, *(STAMP_BYTES + _padded(len(name)) for name in encoded.values()))
        records = np.zeros((rows, stride), np.uint8)
        lengths = np.zeros(rows, np.int32)
        same = min(len(self.names), len(names))
        records[:same, : self.records.shape[1]] = self.records[:same]
        lengths[:same] = self.lengths[:same]
        sizes, prints = np.zeros(rows, np.int64), np.zeros(rows, np.uint64)
        sizes[:same], prints[:same] = self.sizes[:same], self.prints[:same]
        sizes[fresh] = 0
        for row, name in encoded.items():
            records[row] = 0
            records[row, STAMP_BYTES : STAMP_BYTES + len(name)] = np.frombuffer(name, np.uint8)
            lengths[row] = len(name)
        table = np.zeros(_slots(rows), np.uint64)
        fill_table(records, lengths, table)
        follows = np.zeros(rows + 1, np.int32)
        kept = self.follows[: rows + 1]
        follows[: len(kept)] = np.where(kept < rows, kept, 0)
        return NameIndex(nodes.names_version, names, records, lengths, table, follows, sizes, prints)


def _plain(name: str) -> bytes:
    """The name as it stands between quotes in compact JSON; nothing if it would need an escape."""
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        return b""
    return b"" if len(encoded) > NAME_BYTES_MAX or _NEEDS_ESCAPE.search(encoded) else encoded


def _padded(length: int) -> int:
    """Whole words, with one to spare: a name is compared word by word up to and including its end."""
    return (length // _WORD + 1) * _WORD


def _slots(rows: int) -> int:
    return 1 << (3 * rows).bit_length()
