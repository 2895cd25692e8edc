"""Which seats of the policy count at this moment for everybody: time boxes, rules, breakers, guards.

`Modes` keeps the policy as it is written and makes from it the one in effect now. That one is good until the next
moment at which something is known to change, or until a breaker, rule or guard says so; whoever decides asks by two
comparisons of floats. What depends on the pod (canaries) is left to the choice of a variant.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import inf, isinf
from typing import Any

import msgspec

from extender.cluster.state import ClusterState
from extender.engine.breaker import Breaker, State
from extender.engine.profile import PolicySet, Profile, Seat, canary_guard
from extender.engine.rules import Rules
from extender.engine.variants import Conditional, Variants, untimely
from extender.telemetry import metrics

BREAKER_OPEN = "breaker open"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Off:
    """A plugin that a guard has switched off."""

    guard: str
    plugin: str

    def concerns(self, seat: Seat) -> bool:
        """A canary's own guard leaves entries without a canary on."""
        return seat.name == self.plugin and (seat.audience is not None or self.guard != canary_guard(self.plugin))


@dataclass(frozen=True, slots=True)
class Now:
    """What decides, beside the clock."""

    holding: frozenset[str] = frozenset()
    """Names of rules that hold."""
    off: tuple[Off, ...] = ()
    open: frozenset[str] = field(default_factory=frozenset)
    """Plugins whose breaker is open."""


class Modes:
    def __init__(self, state: ClusterState, clock: Callable[[], float]) -> None:
        self.whole = PolicySet()
        """The policy as it is written."""
        self.from_s, self.until_s = -inf, inf
        """Within these, unix seconds, what `present` gave last holds."""
        self.off: tuple[Off, ...] = ()
        self.rules = Rules(state)
        self._clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._variants: dict[str, Variants] = {}
        self._last = self._last_of = self.whole

    def use(self, policy: PolicySet, off: Iterable[Off] = ()) -> None:
        """Another policy is written. A plugin that is configured otherwise gets a new breaker."""
        before, self.whole, self.off = self.whole, policy, tuple(off)
        self._variants = {name: Variants(profile) for name, profile in policy.profiles.items()}
        self._seat_breakers(before, policy)
        self.rules.use(policy.rules)
        self.rules.look(self._clock())
        self.lapse()

    def lapse(self) -> None:
        """What was given last holds no longer."""
        self.until_s = -inf

    def look(self, now_s: float) -> None:
        """Look at the rules. Called about once a second."""
        if self.rules.look(now_s):
            self.lapse()

    def switch_off(self, off: Off) -> None:
        self.off = (*self.off, off)
        self.lapse()

    def present(self, now_s: float) -> PolicySet:
        """The policy in effect now; the same object as before if nothing has changed."""
        for breaker in self._breakers.values():
            breaker.try_again(now_s)
        is_open = {name: breaker for name, breaker in self._breakers.items() if breaker.state is State.OPEN}
        now = Now(self.rules.holding, self.off, frozenset(is_open))
        moments = [moment for seat in _every_seat(self.whole) for moment in (seat.from_s, seat.until_s)]
        self.from_s = max((s for s in (*moments, *(b.since_s for b in is_open.values())) if s <= now_s), default=-inf)
        self.until_s = min((s for s in (*moments, *(b.retry_s for b in is_open.values())) if s > now_s), default=inf)
        found = present(self.whole, now, now_s, self._variants)
        if self._last_of is not self.whole or _offs(found) != _offs(self._last):
            self._last_of, self._last = self.whole, found
        return self._last

    def imagined(self, policy: PolicySet, now_s: float) -> PolicySet:
        """A policy that is not in effect, as it would be now if nothing had failed."""
        rules = self.rules.imagined(policy.rules, now_s)
        return present(policy, Now(rules), now_s, {name: Variants(p) for name, p in policy.profiles.items()})

    def is_open(self, plugin: str = "") -> bool:
        """Whether the plugin's breaker is open; without a plugin: any."""
        asked = [self._breakers[plugin]] if plugin in self._breakers else () if plugin else self._breakers.values()
        return any(breaker.state is State.OPEN for breaker in asked)

    def breakers(self) -> list[dict[str, Any]]:
        """For /configz: every plugin of the policy that has failed, and how it stands. Times are unix seconds."""
        return [
            {
                "plugin": name,
                "state": breaker.state.value,
                "since": breaker.since_s,
                "retryAt": breaker.retry_s if breaker.state is State.OPEN else None,
                "failures": breaker.failures,
                "lastError": breaker.last_error,
            }
            for name, breaker in sorted(self._breakers.items())
            if breaker.failures
        ]

    def rows(self) -> list[dict[str, Any]]:
        """For /configz: every entry of the policy, and how it counts now. Times are RFC 3339."""
        return [
            _row(name, seat, found.off[i] if found is not None else "")
            for name, profile in self.whole.profiles.items()
            for found in (self._last.profiles[name].conditional,)
            for i, seat in enumerate(profile.every_seat)
        ]

    def _seat_breakers(self, before: PolicySet, policy: PolicySet) -> None:
        old, new = _settings(before), _settings(policy)
        kept = {name: self._breakers[name] for name in new if old.get(name) == new[name] and name in self._breakers}
        for name in self._breakers.keys() - kept.keys():
            metrics.BREAKER_OPEN.labels(name).set(0)
        self._breakers = {name: kept.get(name) or self._new_breaker(name) for name in new}
        for name, breaker in self._breakers.items():
            seats = [seat for seat in _seats(policy) if seat.name == name]
            breaker.judge(judged=any(seat.deadline_ns or seat.fails_closed for seat in seats))
            for seat in seats:
                seat.breaker = breaker

    def _new_breaker(self, name: str) -> Breaker:
        return Breaker(self._clock, lambda: self._breaker_changed(name))

    def _breaker_changed(self, name: str) -> None:
        breaker = self._breakers[name]
        is_open = breaker.state is State.OPEN
        metrics.BREAKER_OPEN.labels(name).set(is_open)
        if is_open:
            metrics.BREAKER_TRIPS.labels(name).inc()
            _LOG.error("plugin %s is left out for a while: %s", name, breaker.last_error)
        else:
            _LOG.warning("the breaker of plugin %s is %s", name, breaker.state.value)
        self.lapse()


def present(policy: PolicySet, now: Now, now_s: float, variants: Mapping[str, Variants]) -> PolicySet:
    """The policy as it counts at this moment for everybody; itself if all of it does, always."""
    ruled = {plugin for rule in policy.rules for plugin in (*rule.use.enable, *rule.use.disable)}
    profiles: dict[str, Profile] = {}
    for name, profile in policy.profiles.items():
        found = _conditional(policy, variants[name], now, now_s)
        if any(found.off) or any(_may_change(seat, ruled) for seat in profile.every_seat):
            mask = sum(1 << i for i, why in enumerate(found.off) if not why)
            profiles[name] = replace(variants[name].of(mask, found.closed), conditional=found)
    return replace(policy, profiles={**policy.profiles, **profiles}, token=object()) if profiles else policy


def _conditional(policy: PolicySet, variants: Variants, now: Now, now_s: float) -> Conditional:
    out = closed = 0
    off = []
    for i, seat in enumerate(variants.seats):
        why = _taken_out(seat, now)
        out |= bool(why) << i
        closed |= (why == BREAKER_OPEN and seat.fails_closed and not untimely(seat, now_s)) << i
        off.append(why or untimely(seat, now_s) or _ruled_out(seat, policy, now))
    return Conditional(variants, tuple(off), out, closed)


def _may_change(seat: Seat, ruled: set[str]) -> bool:
    return seat.audience is not None or seat.from_s > -inf or seat.until_s < inf or seat.name in ruled


def _taken_out(seat: Seat, now: Now) -> str:
    guard = next((off.guard for off in now.off if off.concerns(seat)), "")
    if guard:
        return f"guard {guard}"
    return BREAKER_OPEN if seat.name in now.open else ""


def _ruled_out(seat: Seat, policy: PolicySet, now: Now) -> str:
    """The rule by which the seat is off, or "". Where rules disagree, off wins."""
    for rule in policy.rules:
        if rule.name in now.holding and seat.name in rule.use.disable:
            return f"rule {rule.name}"
    enabling = [rule.name for rule in policy.rules if seat.name in rule.use.enable]
    if enabling and not now.holding.intersection(enabling):
        return f"rule {enabling[0]}"
    return ""


def _row(profile: str, seat: Seat, why: str) -> dict[str, Any]:
    canary = seat.audience.canary if seat.audience is not None else None
    return {
        "profile": profile,
        "name": seat.name,
        "phases": sorted(seat.phases | seat.shadow),
        "weight": seat.weight,
        "mode": "shadow" if seat.shadow else "enforce",
        "canary": None if canary is None else msgspec.to_builtins(canary),
        "from": _moment(seat.from_s),
        "until": _moment(seat.until_s),
        "deadline": f"{seat.deadline_ns / 1e6:g}ms" if seat.deadline_ns else None,
        "onFailure": "closed" if seat.fails_closed else "open",
        "skippedNow": why,
    }


def _moment(unix_s: float) -> str | None:
    return None if isinf(unix_s) else datetime.fromtimestamp(unix_s, UTC).isoformat().replace("+00:00", "Z")


def _seats(policy: PolicySet) -> Iterator[Seat]:
    """Those that may fail anybody: what is watched has breakers of its own."""
    for profile in policy.profiles.values():
        yield from profile.seats


def _every_seat(policy: PolicySet) -> Iterator[Seat]:
    for profile in policy.profiles.values():
        yield from profile.every_seat


def _offs(policy: PolicySet) -> dict[str, object]:
    """What tells two presents of one policy apart."""
    found = {name: profile.conditional for name, profile in policy.profiles.items()}
    return {name: (told.variants, told.off, told.closed) if told else None for name, told in found.items()}


def _settings(policy: PolicySet) -> dict[str, list[Any]]:
    """plugin -> what a failure may be owed to."""
    found: dict[str, list[Any]] = {}
    for name, profile in policy.profiles.items():
        for seat in profile.seats:
            told = (name, seat.plugin, seat.args, seat.phases, seat.deadline_ns, seat.fails_closed)
            found.setdefault(seat.name, []).append(told)
    return found
