"""Repeated ways of scheduling, found in the events of a time range.

| kind | found when |
| --- | --- |
| `node_concentration` | ten pods of a tenant or more went to one node: half of all, and three times their even share |
| `pod_churn` | pods of one owner were created and deleted again and again: 10 or more each |
| `periodic_creation` | a namespace's pods are created in bursts that keep a beat: five beats or more |
| `eviction_wave` | 10 or more evictions or deletions by one user within a minute |
| `node_drain` | a user cordons a node, and evicts three pods or more within ten minutes |
| `preemption` | pods of a tenant pushed out others five times or more |
| `unschedulable_retry` | a namespace's pods were found unschedulable ten times or more |
| `scheduler_bypass` | a user put three pods or more on nodes past the scheduler |
| `escalation_chain` | SCH-17's sequence: a grant, a pod that can leave its container, exec |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from analytics.audit.context import Context
from analytics.audit.engine import Detector, shipped_rules
from analytics.audit.facts import Facts
from analytics.audit.finding import key_of
from analytics.audit.memory import Recent
from analytics.audit.record import AuditEvent
from analytics.audit.scheduling import kind_of, node_of
from analytics.audit.tally import Tally

KINDS = (
    "node_concentration",
    "pod_churn",
    "periodic_creation",
    "eviction_wave",
    "node_drain",
    "preemption",
    "unschedulable_retry",
    "scheduler_bypass",
    "escalation_chain",
)
_MOST_GROUPS = 5000
_MOST_SEEN = 200_000
_FAILED = 400
_MINUTE_US = 60_000_000
_MOST_PODS, _MANY_NODES, _HALF = 10, 3, 0.5
_CHURN, _WAVE, _DRAINED, _PREEMPTED, _RETRIED, _BYPASSED = 10, 10, 3, 5, 10, 3
_BEATS, _JITTER, _BURST_US = 5, 0.1, 20_000_000
_SUFFIX = 5
"""Letters and digits that the server appends to generateName."""
_ESCALATION = "SCH-17"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Times in microseconds UTC."""

    kind: str
    description: str
    count: int
    first_seen: int
    last_seen: int
    id: str = ""


def patterns_in(events: Iterable[AuditEvent], context: Context | None = None) -> list[Pattern]:
    """The most frequent first."""
    patterns = Patterns(context or Context())
    for event in events:
        patterns.see(event)
    return patterns.found()


class Patterns:
    """Takes events in any order and counts none twice; keeps groups and no events."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._seen: Recent[str, bool] = Recent(_MOST_SEEN)
        self._groups: dict[str, Recent[tuple[str, ...], Tally]] = {}
        self._nodes: Recent[str, bool] = Recent(_MOST_GROUPS)
        self._chains = Detector([rule for rule in shipped_rules() if rule.id == _ESCALATION], context)

    def see(self, event: AuditEvent) -> None:
        if event.code >= _FAILED or event.stage == "RequestReceived" or self._seen.get(event.audit_id):
            return
        self._seen.put(event.audit_id, value=True)
        for finding in self._chains.see(event):
            if finding.case == "escalation":
                self._tally("escalation_chain", finding.user).add(finding.at_us, finding.object)
        kind = kind_of(event, self._context.scheduler_identities)
        if kind:
            self._count(kind, event)

    def _count(self, kind: str, event: AuditEvent) -> None:
        facts, at, where = Facts(event, self._context), event.at_us, event.namespace
        if kind == "binding" and (node := node_of(event)):
            self._nodes.put(node, value=True)
            self._tally("node_concentration", facts.tenant).add(at, node)
        elif kind in ("create", "bypass"):
            self._tally("periodic_creation", where).add(at)
            self._tally("created", where, _stem(event)).add(at)
            if kind == "bypass" and not facts.is_system:
                self._tally("scheduler_bypass", event.user).add(at, node_of(event))
        elif kind in ("delete", "eviction", "preemption"):
            self._tally("deleted", where, _stem(event)).add(at)
            if kind != "preemption" and not facts.is_system:
                self._tally("eviction_wave", event.user).add(at, where)
        elif kind == "nomination":
            self._tally("preemption", facts.tenant).add(at, node_of(event))
        elif kind == "unschedulable":
            self._tally("unschedulable_retry", where).add(at, event.name)
        elif kind == "node" and (facts.body.get("spec") or {}).get("unschedulable") is True:
            self._tally("cordoned", event.user).add(at, event.name)

    def _tally(self, group: str, *key: str) -> Tally:
        tallies = self._groups.setdefault(group, Recent(_MOST_GROUPS))
        found = tallies.get(key)
        if found is None:
            found = Tally()
            tallies.put(key, found)
        return found

    def found(self) -> list[Pattern]:
        """The most frequent first."""
        each = (
            self._concentrations(),
            self._churn(),
            self._periods(),
            self._waves(),
            self._drains(),
            self._simple("preemption", _PREEMPTED, "pods of {0} pushed out others on {1}"),
            self._simple("unschedulable_retry", _RETRIED, "pods of {0} find no node, most often {1}"),
            self._simple("scheduler_bypass", _BYPASSED, "{0} puts pods on nodes past the scheduler, mostly on {1}"),
            self._simple("escalation_chain", 1, "{0}: a grant, a pod that can leave its container, and exec into {1}"),
        )
        return sorted((one for group in each for one in group), key=lambda one: (-one.count, one.kind, one.description))

    def _of(self, group: str) -> Iterator[tuple[tuple[str, ...], Tally]]:
        tallies = self._groups.get(group)
        return iter(tallies.items()) if tallies else iter(())

    def _simple(self, kind: str, least: int, says: str) -> Iterator[Pattern]:
        for key, tally in self._of(kind):
            if tally.count >= least:
                often = tally.most_frequent()[0] or "some node"
                yield _pattern(kind, key, says.format(*key, often), tally)

    def _concentrations(self) -> Iterator[Pattern]:
        nodes = len(self._nodes)
        for key, tally in self._of("node_concentration"):
            node, count = tally.most_frequent()
            share = count / tally.count
            if count >= _MOST_PODS and nodes >= _MANY_NODES and share >= max(_HALF, min(_MANY_NODES / nodes, 1)):
                says = f"most pods of {key[0]} go to {node}: {count} of {tally.count}, of {nodes} nodes in use"
                yield _pattern("node_concentration", (*key, node), says, tally, count)

    def _churn(self) -> Iterator[Pattern]:
        deleted = dict(self._of("deleted"))
        for key, made in self._of("created"):
            gone = deleted.get(key)
            if gone is not None and min(made.count, gone.count) >= _CHURN:
                says = f"pods of {key[1]} in {key[0]} come and go: {made.count} created, {gone.count} deleted"
                yield _pattern("pod_churn", key, says, made)

    def _periods(self) -> Iterator[Pattern]:
        for key, tally in self._of("periodic_creation"):
            period = tally.period_us(_BURST_US, _BEATS, _JITTER)
            if period:
                says = f"pods of {key[0]} are created every {_duration(period)}"
                yield _pattern("periodic_creation", key, says, tally)

    def _waves(self) -> Iterator[Pattern]:
        for key, tally in self._of("eviction_wave"):
            most = tally.densest(_MINUTE_US)
            if most >= _WAVE:
                says = f"{key[0]} evicts or deletes up to {most} pods a minute, mostly in {tally.most_frequent()[0]}"
                yield _pattern("eviction_wave", key, says, tally)

    def _drains(self) -> Iterator[Pattern]:
        evicted = dict(self._of("eviction_wave"))
        for key, cordons in self._of("cordoned"):
            after = evicted.get(key)
            times = [
                at
                for at in (after.times if after else ())
                if any(0 <= at - c <= 10 * _MINUTE_US for c in cordons.times)
            ]
            if len(times) >= _DRAINED:
                says = f"{key[0]} cordons nodes and evicts their pods, last {cordons.last_name}"
                begin = min(cordons.first_us, *times)
                yield Pattern("node_drain", says, len(times), begin, max(times), key_of("node_drain", *key))


def _pattern(kind: str, key: tuple[str, ...], says: str, tally: Tally, count: int = 0) -> Pattern:
    return Pattern(kind, says, count or tally.count, tally.first_us, tally.last_us, key_of(kind, *key))


def _stem(event: AuditEvent) -> str:
    """What names of pods of one owner have in common: all but the number or the letters that a controller appends."""
    head, _, tail = event.name.rpartition("-")
    return head if head and (tail.isdecimal() or len(tail) == _SUFFIX) else event.name


def _duration(us: int) -> str:
    seconds = round(us / 1_000_000)
    return f"{seconds / 60:.3g} min" if seconds >= 60 else f"{seconds} s"  # noqa: PLR2004 - a minute
