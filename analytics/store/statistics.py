"""Statistics over many decisions: by plugin, reason, tenant, owner, node and more; and how often the scheduler took our
first choice. Answers are plain dicts, ready for JSON; times in them are milliseconds."""

# ruff: noqa: S608 - texts are put together from our own names; every value is a parameter.
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from analytics.store.decisions import DecisionFilter, condition
from analytics.store.hours import ENDED_WITHIN_US
from analytics.store.joined import PERMIT
from analytics.store.store import Store

BY: Final = ("plugin", "reason", "tenant", "namespace", "owner", "node", "scheduler", "revision")
AGREEMENT_BY: Final = ("plugins", "scheduler", "revision")
PLACES: Final = ("first", "tied", "second", "further", "untold", "elsewhere")
"""Where the node that was bound stood among our totals. first: it alone had the highest; tied: it shared the highest;
second; further; untold: the record does not hold enough nodes to say; elsewhere: we did not score it."""
LOOK_BACK_US: Final = 86_400_000_000
"""So far before the stretch the attempt before the first one in it is looked for."""
_SLACK_US: Final = 60_000_000
_PARTS: Final = ("queue", "own", "bind", "total")
_QUANTILES: Final = ((0.5, "p50_ms"), (0.95, "p95_ms"), (0.99, "p99_ms"))
_SHARES: Final = f"ARRAY[{', '.join(str(share) for share, _ in _QUANTILES)}]"
_PLAIN: Final = ("namespace", "owner", "scheduler", "revision")
_ENDS: Final = (("scheduled", 3), ("unschedulable", 1), ("error", 2), ("unknown", 0))
_REJECTED: Final = "r.mode = 'enforce' AND r.phase <> 'postFilter' AND r.at_us >= ?"


class Statistics:
    """Questions from any thread. Raises ValueError (what to group by is not known), StoreTimeout, StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def by(
        self, key: str, wanted: DecisionFilter, *, tenants: Mapping[str, str] | None = None, limit: int = 50
    ) -> dict[str, Any]:
        """`groups`, those with the most decisions first, at most `limit`; `more`: there are others.

        A decision counts for a plugin (a reason) that rejected at least one node in it, so it may count for several;
        for a node, when it was bound there. `tenants`: namespace -> tenant; a namespace that is nobody's is ''.
        Latency is told in four parts, each over the decisions in which it is known. `queue`: from the pod's creation
        (the API server's whole seconds), or from the opening of the attempt before, to that of this one; `own`: our
        filter, score and preempt; `bind`: our bind call without what permit held it for, or, where somebody else
        bound the pod, from our last call to the pod being seen bound; `total`: from creation to the bound pod.
        """
        if key not in BY:
            raise ValueError(f"by must be one of {', '.join(BY)}, not {key!r}")
        since = wanted.since_us if wanted.since_us is not None else -(1 << 62) + LOOK_BACK_US + _SLACK_US
        where = condition(wanted)
        grouped, joins, params = _grouping(key, since, tenants or {})
        quantiles = ", ".join(f"percentile_cont({_SHARES}) WITHIN GROUP (ORDER BY f.{part}_us)" for part in _PARTS)
        ends = ", ".join(f"count(*) FILTER (WHERE coalesce(f.rank, 0) = {rank})" for _, rank in _ENDS)
        nodes = "sum(k.nodes)" if key in ("plugin", "reason") else "0"
        until = wanted.until_us if wanted.until_us is not None else (1 << 62) - ENDED_WITHIN_US
        rows = self._store.query(
            f"WITH {_HEADS.format(where=where)}, {_FACTS}, {_LATENCIES} "
            f"SELECT {grouped}, count(*), {nodes}, {ends}, {quantiles} FROM found f {joins} "
            f"GROUP BY {grouped} ORDER BY 3 DESC, 1, 2 LIMIT ?",
            [
                *where.params, *(2 * [since - LOOK_BACK_US, until]), since, since - _SLACK_US,
                *(2 * [since - _SLACK_US, until + ENDED_WITHIN_US]), *params, limit + 1,
            ],
        )  # fmt: skip
        return {"by": key, "groups": [_group(key, row) for row in rows[:limit]], "more": len(rows) > limit}

    def agreement(self, since_us: int, until_us: int, by: str = "") -> dict[str, Any]:
        """Of the decisions that were bound and that we scored: how many by PLACES, and how far our first choice lay
        ahead where the scheduler took another. `by`: the same for each plugins, scheduler or revision.

        `unscored`: bound without a score of ours, as where one node alone had passed: kube-scheduler then asks nobody.
        """
        if by and by not in AGREEMENT_BY:
            raise ValueError(f"by must be one of {', '.join(AGREEMENT_BY)}, not {by!r}")
        grouped = f"c.{by}" if by else "''"
        rows = self._store.query(
            "WITH bound AS (SELECT o.decision, max(o.node) AS node FROM outcome o WHERE o.rank = 3 AND o.at_us >= ? "
            "AND o.node <> '' GROUP BY o.decision), "
            "newest AS (SELECT c.*, row_number() OVER (PARTITION BY c.decision ORDER BY c.at_us DESC, c.id DESC) AS n "
            "FROM choice c WHERE c.at_us >= ? AND c.at_us < ?), "
            f"placed AS (SELECT {grouped} AS grouped, c.ahead, {_PLACE} AS place "
            "FROM newest c JOIN bound b ON b.decision = c.decision WHERE c.n = 1) "
            "SELECT grouped, place, count(*), avg(ahead) FROM placed GROUP BY 1, 2",
            (since_us - _SLACK_US, since_us, until_us),
        )
        groups: dict[str, dict[str, tuple[int, float]]] = {}
        for name, place, count, ahead in rows:
            groups.setdefault(name, {})[place] = (int(count), float(ahead or 0.0))
        told = [{"group": name, **_agreed(places)} for name, places in groups.items()]
        told.sort(key=lambda group: (-group["decisions"], group["group"]))
        if by:
            return {"by": by, "groups": told}
        return {**(told[0] if told else _agreed({})), "unscored": self._unscored(since_us, until_us)}

    def _unscored(self, since_us: int, until_us: int) -> int:
        rows = self._store.query(
            "SELECT count(*) FROM decision d WHERE d.opens AND d.at_us >= ? AND d.at_us < ? AND d.decision IN "
            "(SELECT o.decision FROM outcome o WHERE o.rank = 3 AND o.at_us >= ?) AND d.decision NOT IN "
            "(SELECT c.decision FROM choice c WHERE c.at_us >= ?)",
            (since_us, until_us, since_us - _SLACK_US, since_us - _SLACK_US),
        )
        return int(rows[0][0])


# The decisions that are asked about.
_HEADS: Final = "heads AS (SELECT d.* FROM decision d WHERE {where})"
# What is known of each: the attempt before it, its end, the time of our calls, and for how long permit held it.
_FACTS: Final = (
    "keys AS (SELECT k.at_us, k.uid_key FROM decision_key k WHERE k.at_us >= ? AND k.at_us < ?), "
    "tries AS (SELECT d.decision, "
    "lag(d.at_us) OVER (PARTITION BY d.uid ORDER BY d.at_us, d.producer, d.id) AS before_us "
    "FROM decision d WHERE d.opens AND d.uid <> '' AND d.at_us >= ? AND d.at_us < ? "
    # Most pods are tried once, and to sort all by their UID takes longer than all the rest.
    "AND d.at_us IN (SELECT k.at_us FROM keys k WHERE k.uid_key IN "
    "(SELECT n.uid_key FROM keys n GROUP BY n.uid_key HAVING count(*) > 1 AND max(n.at_us) >= ?))), "
    "ends AS (SELECT o.decision, max(o.rank) AS rank, max(CASE WHEN o.rank = 3 THEN o.node END) AS node, "
    "min(CASE WHEN o.rank = 3 THEN o.at_us END) AS bound_us FROM outcome o WHERE o.at_us >= ? GROUP BY o.decision), "
    "spent AS (SELECT d.decision, sum(CASE WHEN d.verb IN ('filter', 'prioritize', 'preempt') THEN d.duration_us END) "
    "AS own_us, max(CASE WHEN d.verb = 'bind' THEN d.duration_us END) AS bind_us, "
    "max(CASE WHEN d.verb = 'bind' THEN d.at_us + d.duration_us END) AS done_us, max(d.at_us) AS last_us "
    "FROM decision d WHERE d.at_us >= ? AND d.at_us < ? GROUP BY d.decision), "
    f"held AS (SELECT v.decision, sum(v.duration_us) AS held_us FROM verdict v WHERE v.phase = '{PERMIT}' "
    "AND v.code <> 'Wait' AND v.at_us >= ? AND v.at_us < ? GROUP BY v.decision)"
)
_LATENCIES: Final = (
    "found AS (SELECT h.decision, h.namespace, h.owner, h.scheduler, h.revision, e.rank, e.node, "
    "CASE WHEN t.before_us IS NOT NULL THEN h.at_us - t.before_us WHEN h.created_us > 0 AND h.attempt <= 1 "
    "THEN greatest(0, h.at_us - h.created_us) END AS queue_us, s.own_us, "
    "CASE WHEN s.bind_us IS NOT NULL THEN greatest(0.0, s.bind_us - coalesce(p.held_us, 0.0)) "
    "WHEN e.bound_us IS NOT NULL THEN greatest(0, e.bound_us - s.last_us) END AS bind_us, "
    "CASE WHEN h.created_us > 0 AND e.bound_us IS NOT NULL "
    "THEN greatest(0, greatest(e.bound_us, coalesce(s.done_us, 0)) - h.created_us) END AS total_us "
    "FROM heads h LEFT JOIN tries t ON t.decision = h.decision LEFT JOIN ends e ON e.decision = h.decision "
    "LEFT JOIN spent s ON s.decision = h.decision LEFT JOIN held p ON p.decision = h.decision)"
)
_PLACE: Final = (
    "CASE WHEN strpos(c.best, ',' || b.node || ',') > 0 THEN CASE WHEN c.tied > 1 THEN 'tied' ELSE 'first' END "
    "WHEN strpos(c.second, ',' || b.node || ',') > 0 THEN 'second' WHEN c.cut > 0 THEN 'untold' "
    "WHEN c.scored > c.tied THEN 'further' ELSE 'elsewhere' END"
)


def _grouping(key: str, since_us: int, tenants: Mapping[str, str]) -> tuple[str, str, list[Any]]:
    """Two columns to group by (the second is '' but for a reason), joins, and their parameters."""
    if key in ("plugin", "reason"):
        reason = "r.reason" if key == "reason" else "''"
        joins = (
            f"JOIN (SELECT r.decision, r.plugin, {reason} AS reason, sum(r.nodes) AS nodes FROM rejection r "
            f"WHERE {_REJECTED} GROUP BY 1, 2, 3) k ON k.decision = f.decision"
        )
        return "k.plugin, k.reason", joins, [since_us - _SLACK_US]
    blank = "(SELECT '' AS blank) z"
    if key == "node":
        return "f.node, z.blank", f"JOIN {blank} ON coalesce(f.node, '') <> ''", []
    if key == "tenant" and tenants:
        joins = (
            f"CROSS JOIN {blank} LEFT JOIN (SELECT unnest(CAST(? AS TEXT[])) AS namespace, "
            "unnest(CAST(? AS TEXT[])) AS tenant) k ON k.namespace = f.namespace"
        )
        return "coalesce(k.tenant, z.blank), z.blank", joins, [list(tenants), list(tenants.values())]
    column = f"f.{key}" if key in _PLAIN else "z.blank"
    return f"{column}, z.blank", f"CROSS JOIN {blank}", []


def _group(key: str, row: tuple[Any, ...]) -> dict[str, Any]:
    name, reason, decisions, nodes, *rest = row
    counts = dict(zip((outcome for outcome, _ in _ENDS), map(int, rest), strict=False))
    ended = decisions - counts["unknown"]
    latency: dict[str, Any] = {}
    for part, values in zip(_PARTS, rest[len(_ENDS) :], strict=True):
        labels = (label for _, label in _QUANTILES)
        latency[part] = values and {label: _ms(value) for label, value in zip(labels, values, strict=True)}
    group = {"group": name, "decisions": int(decisions), **counts}
    group["success_rate"] = round(counts["scheduled"] / ended, 4) if ended else None
    if key == "reason":
        group["reason"] = reason
    if key in ("plugin", "reason"):
        group["nodes"] = int(nodes or 0)
    return group | {"latency": latency}


def _ms(micros: float) -> float:
    return round(float(micros) / 1000, 4)


def _agreed(places: Mapping[str, tuple[int, float]]) -> dict[str, Any]:
    counts = {place: places.get(place, (0, 0.0))[0] for place in PLACES}
    known = sum(counts.values()) - counts["untold"]
    taken = counts["first"] + counts["tied"]
    passed = [places[place] for place in ("second", "further") if place in places]
    missed = sum(count for count, _ in passed)
    return {
        "decisions": sum(counts.values()),
        **counts,
        "agreement_ratio": round(taken / known, 4) if known else None,
        "ahead_average": round(sum(count * ahead for count, ahead in passed) / missed, 2) if missed else None,
    }
