"""What nodes offered, were asked for and used, minute by minute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analytics.store.store import Store
from analytics.store.tables import NodeSampleRow

MINUTE_US: Final = 60_000_000
FINE_US: Final = 24 * 60 * MINUTE_US
"""For so long every minute stays; then one of COARSE_MINUTES, for KEPT_US in all."""
COARSE_MINUTES: Final = 15
KEPT_US: Final = 30 * 24 * 60 * MINUTE_US
TIMES_MAX: Final = 3000


class NodeSamples:
    """Questions from any thread; one writer in each sidecar."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, rows: Sequence[NodeSampleRow]) -> None:
        """Those of moments that another sidecar has not told of. Raises StoreError."""
        with self._store.alone():
            told = self._store.moments("node_sample", {row.at_us for row in rows})
            self._store.write(row for row in rows if row.at_us not in told)

    def times(self, since_us: int, until_us: int) -> list[int]:
        """When samples were taken, oldest first, at most TIMES_MAX of the newest."""
        rows = self._store.query(
            "SELECT DISTINCT at_us FROM node_sample WHERE at_us >= ? AND at_us < ? ORDER BY at_us DESC LIMIT ?",
            (since_us, until_us, TIMES_MAX),
        )
        return [int(row[0]) for row in reversed(rows)]

    def newest_us(self) -> int | None:
        value = self._store.query("SELECT max(at_us) FROM node_sample")[0][0]
        return None if value is None else int(value)

    def at(self, at_us: int) -> list[NodeSampleRow]:
        """Those of the newest sample that is not younger, by node; of two sidecars that took one, either."""
        found = self._store.query("SELECT max(at_us) FROM node_sample WHERE at_us <= ?", (at_us,))[0][0]
        if found is None:
            return []
        rows = self._store.query("SELECT * FROM node_sample WHERE at_us = ? ORDER BY node", (found,))
        return list({row[1]: NodeSampleRow(*row) for row in rows}.values())

    def forget(self, now_us: int) -> int:
        """Delete what is too old or too fine; the rows that went. Raises StoreError."""
        return self._store.execute([("DELETE FROM node_sample WHERE at_us < ?", (now_us - KEPT_US,))]) + (
            self._store.execute(
                [
                    (
                        "DELETE FROM node_sample WHERE at_us < ? AND at_us % ? <> 0",
                        (now_us - FINE_US, COARSE_MINUTES * MINUTE_US),
                    )
                ]
            )
        )
