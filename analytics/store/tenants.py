"""What tenants used over time, and when they were over their limits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from analytics.store.store import Store
from analytics.store.tables import TenantSampleRow, TenantViolationRow

MINUTE_US: Final = 60_000_000
KEPT_US: Final = 30 * 24 * 60 * MINUTE_US
VIOLATIONS_MAX: Final = 500
POINTS_MAX: Final = 5000


class TenantHistory:
    """Questions from any thread; one writer."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, rows: Iterable[TenantSampleRow | TenantViolationRow]) -> None:
        """Raises StoreError."""
        self._store.write(rows)

    def samples(self, tenant: str, since_us: int, until_us: int) -> list[TenantSampleRow]:
        """Oldest first; the newest POINTS_MAX."""
        rows = self._store.query(
            "SELECT * FROM tenant_sample WHERE tenant = ? AND at_us >= ? AND at_us < ? ORDER BY at_us DESC LIMIT ?",
            (tenant, since_us, until_us, POINTS_MAX),
        )
        return [TenantSampleRow(*row) for row in reversed(rows)]

    def violations(self, tenant: str = "", limit: int = VIOLATIONS_MAX) -> list[TenantViolationRow]:
        """Newest first."""
        where, params = ("WHERE tenant = ?", [tenant]) if tenant else ("", [])
        rows = self._store.query(
            f"SELECT * FROM tenant_violation {where} ORDER BY at_us DESC, tenant, resource LIMIT ?",  # noqa: S608
            [*params, limit],
        )
        return [TenantViolationRow(*row) for row in rows]

    def open_violations(self) -> set[tuple[str, str]]:
        """(tenant, resource) whose newest change is an opening."""
        rows = self._store.query(
            "SELECT v.tenant, v.resource FROM tenant_violation v JOIN (SELECT tenant, resource, max(at_us) AS at_us "
            "FROM tenant_violation GROUP BY tenant, resource) n ON v.tenant = n.tenant AND v.resource = n.resource "
            "AND v.at_us = n.at_us WHERE v.change = 'opened'"
        )
        return {(row[0], row[1]) for row in rows}

    def forget(self, now_us: int) -> int:
        """Delete what is too old; the rows that went. Raises StoreError."""
        limit_us = now_us - KEPT_US
        tables = ("tenant_sample", "tenant_violation")
        return sum(self._store.execute([(f"DELETE FROM {name} WHERE at_us < ?", (limit_us,))]) for name in tables)  # noqa: S608
