"""Every question about plugins in shadow, and the only SQL about them. Answers are plain dicts, ready for JSON.

Percentages come from the tallies, which count every decision that a plugin was asked about; the single differences are
examples. What nobody was asked about (`skipped`) is in no percentage.
"""

# ruff: noqa: S608 - texts are put together from our own names; every value is a parameter.
from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from analytics.store.joined import rfc3339
from analytics.store.store import Store
from analytics.store.tables import ShadowRow
from extender.record.costs import percentile

EXAMPLES_MAX = 20
REASONS_MAX = 20
_NUMBERS = ("seen", "placed", "rejecting", "rejecting_all", "moved", "settled", "failed")
_COUNTS = ("reasons", "skipped", "costs")


@dataclass(frozen=True, slots=True)
class ShadowFilter:
    """Whose report. Empty fields do not restrict; times are microseconds, `since_us` included, `until_us` not."""

    plugin: str = ""
    namespaces: Sequence[str] = ()
    since_us: int | None = None
    until_us: int | None = None


@dataclass(slots=True)
class _Sum:
    """Tallies added up."""

    numbers: Counter[str] = field(default_factory=Counter)
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in _COUNTS})
    from_us: int = 1 << 62
    until_us: int = 0

    def add_row(self, row: Sequence[Any]) -> None:
        """(numbers..., from, until)."""
        self.numbers.update(dict(zip(_NUMBERS, map(int, row), strict=False)))
        self.from_us, self.until_us = min(self.from_us, row[-2]), max(self.until_us, row[-1])

    def add_counts(self, name: str, counts: dict[str, int], times: int) -> None:
        self.counts[name].update({key: count * times for key, count in counts.items()})

    def told(self) -> dict[str, Any]:
        n = self.numbers
        costs = {int(bucket): count for bucket, count in self.counts["costs"].items()}
        return {
            "since": rfc3339(self.from_us),
            "until": rfc3339(self.until_us),
            "seen": n["seen"],
            "would_reject": {"pods": n["rejecting"], "percent": _percent(n["rejecting"], n["seen"])},
            "would_reject_all": {"pods": n["rejecting_all"], "percent": _percent(n["rejecting_all"], n["seen"])},
            "moved": {
                "placements": n["moved"],
                "of": n["placed"],
                "percent": _percent(n["moved"], n["placed"]),
                "settled": n["settled"],
            },
            "failed": n["failed"],
            "skipped": dict(sorted(self.counts["skipped"].items())),
            "cost_us": {"p50": _rounded(percentile(costs, 0.5)), "p99": _rounded(percentile(costs, 0.99))},
            "reasons": [
                {"reason": reason, "nodes": nodes} for reason, nodes in self.counts["reasons"].most_common(REASONS_MAX)
            ],
        }


_Parts = dict[str, _Sum]


class Shadows:
    """Questions about plugins in shadow, from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def report(self, wanted: ShadowFilter | None = None) -> list[dict[str, Any]]:
        """One entry per plugin, by name: how often it was asked and would have changed what, in all, per namespace (the
        most asked first; an empty name stands for those that were too many) and per revision (the newest first), and
        the newest examples."""
        where, params = _where(wanted or ShadowFilter())
        whole: _Parts = {}
        namespaces: dict[str, _Parts] = {}
        revisions: dict[str, _Parts] = {}

        def sums(plugin: str, namespace: str, revision: str) -> Iterable[_Sum]:
            yield whole.setdefault(plugin, _Sum())
            yield namespaces.setdefault(plugin, {}).setdefault(namespace, _Sum())
            yield revisions.setdefault(plugin, {}).setdefault(revision, _Sum())

        self._add_numbers(where, params, sums)
        for name in _COUNTS:
            self._add_counts(name, where, params, sums)
        examples = self._examples(where, params)
        return [
            {"plugin": plugin}
            | found.told()
            | {
                "namespaces": [
                    {"namespace": name} | part.told()
                    for name, part in sorted(namespaces[plugin].items(), key=lambda it: (-it[1].numbers["seen"], it[0]))
                ],
                "revisions": [
                    {"revision": name} | part.told()
                    for name, part in sorted(revisions[plugin].items(), key=lambda it: (-it[1].until_us, it[0]))
                ],
                "examples": examples.get(plugin, []),
            }
            for plugin, found in sorted(whole.items())
        ]

    def _add_numbers(self, where: str, params: list[Any], sums: Callable[[str, str, str], Iterable[_Sum]]) -> None:
        columns = ", ".join(f"sum({name})" for name in _NUMBERS)
        for plugin, namespace, revision, *row in self._store.query(
            f"SELECT plugin, namespace, revision, {columns}, min(from_us), max(at_us) FROM shadow_tally WHERE {where} "
            "GROUP BY 1, 2, 3",
            params,
        ):
            for each in sums(plugin, namespace, revision):
                each.add_row(row)

    def _add_counts(
        self, name: str, where: str, params: list[Any], sums: Callable[[str, str, str], Iterable[_Sum]]
    ) -> None:
        for plugin, namespace, revision, text, times in self._store.query(
            f"SELECT plugin, namespace, revision, {name}, count(*) FROM shadow_tally "
            f"WHERE {where} AND {name} <> '{{}}' GROUP BY 1, 2, 3, 4",
            params,
        ):
            counts = orjson.loads(text)
            for each in sums(plugin, namespace, revision):
                each.add_counts(name, counts, times)

    def _examples(self, where: str, params: list[Any]) -> dict[str, list[dict[str, Any]]]:
        """The newest of each plugin."""
        columns = ", ".join(ShadowRow.__struct_fields__)
        rows = self._store.query(
            f"SELECT {columns} FROM (SELECT {columns}, row_number() OVER (PARTITION BY plugin ORDER BY at_us DESC, "
            f"producer DESC, id DESC) AS place FROM shadow WHERE {where}) s WHERE place <= ? ORDER BY plugin, place",
            [*params, EXAMPLES_MAX],
        )
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            example = ShadowRow(*row)
            found.setdefault(example.plugin, []).append(_example(example))
        return found


def _example(row: ShadowRow) -> dict[str, Any]:
    return {
        "time": rfc3339(row.at_us),
        "decision": row.decision,
        "pod": {"namespace": row.namespace, "name": row.pod, "uid": row.uid},
        "revision": row.revision,
        "nodes": row.nodes,
        "rejected": row.rejected,
        "reasons": orjson.loads(row.reasons),
        "sample": orjson.loads(row.sample),
        "rejected_all": row.rejected_all,
        "moved": {"from": row.moved_from, "to": row.moved_to} if row.moved else None,
        "cost_us": round(row.cost_us, 1),
    }


def _where(wanted: ShadowFilter) -> tuple[str, list[Any]]:
    conditions = ["at_us >= ?"]
    values: list[Any] = [wanted.since_us if wanted.since_us is not None else -(1 << 62)]
    if wanted.until_us is not None:
        conditions.append("at_us < ?")
        values.append(wanted.until_us)
    if wanted.plugin:
        conditions.append("plugin = ?")
        values.append(wanted.plugin)
    if wanted.namespaces:
        conditions.append("namespace = ANY(?)")
        values.append(list(wanted.namespaces))
    return " AND ".join(conditions), values


def _percent(part: int, whole: int) -> float | None:
    """Of nothing there is no percentage."""
    return round(100 * part / whole, 1) if whole else None


def _rounded(us: float | None) -> float | None:
    return None if us is None else round(us, 1)
