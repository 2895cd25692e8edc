"""Checks of what an entry says about when and for whom a plugin counts, and how long it may take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from extender.policy.catalogue import ONE_CHECK, QUEUE_SORT
from extender.policy.document import Defaults, EnabledPlugin, Profile
from extender.policy.modes import Canary, GuardWhen, LabelExpression
from extender.policy.moments import seconds_of, unix_s
from extender.policy.problem import Findings, at, shown
from extender.policy.resolve import same_terms
from extender.policy.structure import Places

DEADLINE_LEAST_S, DEADLINE_MOST_S = 100e-6, 10.0
OVER_LEAST_S, OVER_MOST_S = 1.0, 3600.0
_WITH_VALUES = frozenset({"In", "NotIn"})
_NOTHING = GuardWhen()


@dataclass(frozen=True, slots=True)
class Terms:
    findings: Findings
    places: Places

    def check_defaults(self, defaults: Defaults) -> None:
        self._check_deadline(defaults.deadline, self.places.of(defaults))

    def usable(self, entry: EnabledPlugin, phase: str) -> EnabledPlugin:
        """The entry, as it was written, without moments that no calendar has; what is wrong with it is told."""
        path = self.places.of(entry)
        self._check_deadline(entry.deadline, path)
        since = self._moment(entry.since, at(path, "from"))
        until = self._moment(entry.until, at(path, "until"))
        if since is not None and until is not None and unix_s(until) <= unix_s(since):
            self.findings.wrong(at(path, "until"), f"is not after from, {since}", "it would never count")
        if entry.canary is not None:
            self._check_canary(entry.canary)
            if phase == QUEUE_SORT:
                self.findings.wrong(
                    at(path, "canary"), "the queue has one order for all pods", "leave canary out of queueSort"
                )
        return entry if (since, until) == (entry.since, entry.until) else replace(entry, since=since, until=until)

    def check_one_check(self, profile: Profile, names: Mapping[str, str]) -> None:
        """One check behind two switches counts for the same pods, whichever switch named it."""
        first: dict[str, EnabledPlugin] = {}
        for phase in ("preFilter", "filter"):
            for entry in profile.plugins.of(phase).enabled:
                name = names.get(entry.name, "")
                other = first.setdefault(name, entry)
                if name in ONE_CHECK and not same_terms(other, entry):
                    self.findings.wrong(
                        self.places.of(entry),
                        f"{name} has one check behind preFilter and filter, and {self.places.of(other)} says otherwise",
                        "give both the same mode, canary, from, until, deadline and onFailure",
                    )

    def check_over(self, over: str, path: str) -> None:
        if not OVER_LEAST_S <= seconds_of(over) <= OVER_MOST_S:
            self.findings.wrong(at(path, "over"), f"{over} is out of bounds", "at least 1s, at most 1h")

    def check_watched(self, when: GuardWhen, path: str) -> None:
        """A guard that looks at nothing never does anything."""
        if self.findings.any_at(path):
            return
        if all(getattr(when, field) == getattr(_NOTHING, field) for field in GuardWhen.__struct_fields__):
            watched = "requestLatencyP99, rejectedShare, pendingPods or breakerOpen"
            self.findings.wrong(path, "watches nothing", f"give {watched}")

    def _check_deadline(self, deadline: str | None, path: str) -> None:
        if deadline is not None and not DEADLINE_LEAST_S <= seconds_of(deadline) <= DEADLINE_MOST_S:
            self.findings.wrong(at(path, "deadline"), f"{deadline} is out of bounds", "at least 100us, at most 10s")

    def _moment(self, moment: str | None, path: str) -> str | None:
        try:
            if moment is not None:
                unix_s(moment)
        except ValueError:
            self.findings.wrong(path, f"{shown(moment)} is in no calendar", "such as 2026-11-21T10:00:00Z")
            return None
        return moment

    def _check_canary(self, canary: Canary) -> None:
        path = self.places.of(canary)
        everybody = not canary.namespaces and canary.pod_selector == Canary().pod_selector
        if canary.percent == 100 and everybody:  # noqa: PLR2004 - percent
            self.findings.warn(path, "it counts for every pod; give percent, namespaces or podSelector")
        for expression in canary.pod_selector.match_expressions:
            for complaint, hint in _complaints(expression):
                self.findings.wrong(at(self.places.of(expression), "values"), complaint, hint)
        if canary.guards is not None:
            self.check_over(canary.guards.over, self.places.of(canary.guards))
            self.check_watched(canary.guards, self.places.of(canary.guards))


def _complaints(expression: LabelExpression) -> Iterator[tuple[str, str]]:
    if expression.operator in _WITH_VALUES and not expression.values:
        yield f"{expression.operator} needs values", "name at least one, or use Exists or DoesNotExist"
    if expression.operator not in _WITH_VALUES and expression.values:
        yield f"{expression.operator} takes no values", "leave values out, or use In or NotIn"
