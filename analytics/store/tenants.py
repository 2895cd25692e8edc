"""What tenants used over time, and when they were over their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from analytics.store.store import Store
from analytics.store.tables import TenantSampleRow, TenantViolationRow

MINUTE_US: Final = 60_000_000
KEPT_US: Final = 30 * 24 * 60 * MINUTE_US
VIOLATIONS_MAX: Final = 500
POINTS_MAX: Final = 5000
STEPS_MAX: Final = 2000


@dataclass(frozen=True, slots=True)
class TenantStep:
    """What a tenant used of one resource in one step of time."""

    at_us: int
    """Where the step begins."""
    resource: str
    mean: int
    peak: int
    quota: int
    """The largest of the step, as the limit."""
    limit: int


class TenantHistory:
    """Questions from any thread; one writer in each sidecar."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add_samples(self, rows: Sequence[TenantSampleRow]) -> None:
        """Those of moments that another sidecar has not told of. Raises StoreError."""
        with self._store.alone():
            told = self._store.moments("tenant_sample", {row.at_us for row in rows})
            self._store.write(row for row in rows if row.at_us not in told)

    def add_changes(self, rows: Sequence[TenantViolationRow]) -> list[TenantViolationRow]:
        """Those that were news: another sidecar may have told of the same. Raises StoreError."""
        with self._store.alone():
            is_open = self.open_violations()
            news = [row for row in rows if (row.change == "opened") != ((row.tenant, row.resource) in is_open)]
            self._store.write(news)
        return news

    def samples(self, tenant: str, since_us: int, until_us: int) -> list[TenantSampleRow]:
        """Oldest first; the newest POINTS_MAX."""
        rows = self._store.query(
            "SELECT * FROM tenant_sample WHERE tenant = ? AND at_us >= ? AND at_us < ? ORDER BY at_us DESC LIMIT ?",
            (tenant, since_us, until_us, POINTS_MAX),
        )
        return [TenantSampleRow(*row) for row in reversed(rows)]

    def series(self, tenant: str, since_us: int, until_us: int, step_us: int) -> list[TenantStep]:
        """Oldest first; at most STEPS_MAX. Raises ValueError where the stretch has more steps than that."""
        if not step_us > 0 or (until_us - since_us) // step_us > STEPS_MAX:
            raise ValueError(f"want at most {STEPS_MAX} steps, each of 1 us or more")
        rows = self._store.query(
            "SELECT at_us - at_us % ? AS step, resource, avg(used), max(used), max(quota), max(most) "
            "FROM tenant_sample WHERE tenant = ? AND at_us >= ? AND at_us < ? GROUP BY 1, 2 ORDER BY 1, 2",
            (step_us, tenant, since_us, until_us),
        )
        return [
            TenantStep(int(at_us), resource, round(mean), int(peak), int(quota), int(most))
            for at_us, resource, mean, peak, quota, most in rows
        ]

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
