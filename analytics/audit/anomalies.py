"""Unusual behaviour: rates by the hour, and what a user never did before. Findings of rules of their own, ANO-01 to 05.

Everything is learnt from the log itself, per key and bounded; nothing is said before enough is known.
"""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass, field
from functools import lru_cache

from analytics.audit.context import Context
from analytics.audit.facts import Facts
from analytics.audit.finding import Finding, key_of
from analytics.audit.hours import HOUR_US, Hours
from analytics.audit.memory import Clock, Recent
from analytics.audit.record import AuditEvent

_MOST_KEYS = 5000
_MOST_USERS = 5000
_MOST_SEEN = 200_000
_MOST_KNOWN = 64
"""Of one user: one that has more has no habits."""
_LEARN_US = 24 * HOUR_US
_LEARN_EVENTS = 50
_HOURS_LEARN_US = 7 * 24 * HOUR_US
_HOURS_LEARN_EVENTS = 200
_DAY_HOURS = 24
_USUAL_AGENT = 256
"""Characters of a user agent; what is found out about a longer one is not kept."""
_READS = frozenset({"get", "list", "watch"})
_FAILED = 400


@dataclass(frozen=True, slots=True)
class Kind:
    title: str
    severity: str
    fix: str
    attack: tuple[str, ...]


KINDS: dict[str, Kind] = {
    "ANO-01": Kind(
        "Unusually many requests of one kind",
        "medium",
        "Look at what the user did in this hour; if it is a new job, it will be usual within a day.",
        ("T1496", "T1499"),
    ),
    "ANO-02": Kind(
        "User from a new program or network",
        "medium",
        "Ask the user. If nobody answers for it, rotate the credentials.",
        ("T1078",),
    ),
    "ANO-03": Kind(
        "User in a namespace for the first time",
        "low",
        "Compare with the user's task; narrow its roles to its namespaces.",
        ("T1078", "T1613"),
    ),
    "ANO-04": Kind(
        "Unusually many changes in a tenant's namespaces",
        "medium",
        "Look for a rollout, or a controller that fights with another over the same objects.",
        ("T1499",),
    ),
    "ANO-05": Kind(
        "Person at an unusual hour",
        "low",
        "Ask the user. If nobody answers for it, rotate the credentials.",
        ("T1078",),
    ),
}


@dataclass(slots=True)
class _Habits:
    """Of one user."""

    first_us: int
    is_system: bool
    events: int = 0
    origins: dict[str, None] = field(default_factory=dict)
    namespaces: dict[str, None] = field(default_factory=dict)
    hours: list[int] = field(default_factory=lambda: [0] * _DAY_HOURS)


class Anomalies:
    """Not thread-safe. Events may come more than once and out of order."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._clock = Clock()
        self._seen: Recent[str, bool] = Recent(_MOST_SEEN)
        self._rates: Recent[tuple[str, ...], Hours] = Recent(_MOST_KEYS)
        self._users: Recent[str, _Habits] = Recent(_MOST_USERS)

    def see(self, event: AuditEvent) -> list[Finding]:
        """What is unusual about this event."""
        if event.stage == "RequestReceived" or not event.user or self._seen.get(event.audit_id):
            return []
        self._seen.put(event.audit_id, value=True)
        at_us = self._clock.clamp(event.at_us)
        facts = Facts(event, self._context)
        found = self._rate(event, at_us, "ANO-01", (event.user, event.verb, event.resource))
        if event.namespace and event.verb not in _READS and event.code < _FAILED:
            found += self._rate(event, at_us, "ANO-04", (facts.tenant,))
        return found + self._habits(facts, at_us)

    def _rate(self, event: AuditEvent, at_us: int, rule: str, key: tuple[str, ...]) -> list[Finding]:
        hour = at_us // HOUR_US
        hours = self._rates.get((rule, *key))
        if hours is None:
            hours = Hours(hour)
            self._rates.put((rule, *key), hours)
        count, most = hours.add(hour)
        if count <= most or hours.told:
            return []
        hours.told = True
        what = f"{key[0]}: {key[1]} {key[2]}" if len(key) > 1 else f"changes in {key[0]}"
        says = f"{what}: more than {math.floor(most)} within an hour, which is the most that is usual"
        return [_finding(rule, event, at_us, says, (*key, str(hour)))]

    def _habits(self, facts: Facts, at_us: int) -> list[Finding]:
        event = facts.event
        habits = self._users.get(event.user)
        if habits is None:
            habits = _Habits(at_us, facts.is_system)
            self._users.put(event.user, habits)
        habits.events += 1
        known_us = at_us - habits.first_us
        settled = known_us >= _LEARN_US and habits.events > _LEARN_EVENTS
        found: list[Finding] = []
        origin_of = _known_origin if len(event.user_agent) <= _USUAL_AGENT else _origin
        origin = origin_of(event.user_agent, event.source_ips[-1] if event.source_ips else "")
        if _new(habits.origins, origin) and settled:
            says = f"{event.user} called from {origin}, which it never did before"
            found.append(_finding("ANO-02", event, at_us, says, (event.user, origin)))
        if event.namespace and not habits.is_system and _new(habits.namespaces, event.namespace) and settled:
            says = f"{event.user} did {event.verb} on {event.object}: its first act in {event.namespace}"
            found.append(_finding("ANO-03", event, at_us, says, (event.user, event.namespace)))
        if not event.user.startswith("system:"):
            found += self._hour(event, at_us, habits, known_us)
        return found

    def _hour(self, event: AuditEvent, at_us: int, habits: _Habits, known_us: int) -> list[Finding]:
        hour = at_us // HOUR_US % _DAY_HOURS
        # The hours beside an hour are usual too: nobody keeps time to the minute.
        near = (habits.hours[(hour + step) % _DAY_HOURS] for step in (-1, 0, 1))
        unusual = known_us >= _HOURS_LEARN_US and habits.events > _HOURS_LEARN_EVENTS and not any(near)
        habits.hours[hour] += 1
        if not unusual:
            return []
        says = f"{event.user} was never active about {hour}:00 UTC before: {event.verb} {event.object}"
        return [_finding("ANO-05", event, at_us, says, (event.user, str(at_us // HOUR_US)))]


def _new(known: dict[str, None], value: str) -> bool:
    """Learns it. False for all that comes after a user has shown that it has no habits."""
    if value in known or len(known) >= _MOST_KNOWN:
        return False
    known[value] = None
    return True


def _origin(agent: str, address: str) -> str:
    program = agent.partition("/")[0].partition(" ")[0] or "a nameless program"
    return f"{program} in {_network(address) if address else 'no network'}"


_known_origin = lru_cache(maxsize=4096)(_origin)


@lru_cache(maxsize=4096)
def _network(address: str) -> str:
    try:
        version = ipaddress.ip_address(address).version
        return str(ipaddress.ip_network(f"{address}/{24 if version == 4 else 64}", strict=False))  # noqa: PLR2004 - IPv4
    except ValueError:
        return address


def _finding(rule: str, event: AuditEvent, at_us: int, says: str, parts: tuple[str, ...]) -> Finding:
    kind = KINDS[rule]
    return Finding(
        rule=rule,
        title=kind.title,
        severity=kind.severity,
        at_us=at_us,
        user=event.user,
        object=event.object,
        description=says,
        event_ids=(event.audit_id,),
        attack=kind.attack,
        fix=kind.fix,
        key=key_of(rule, *parts),
    )
