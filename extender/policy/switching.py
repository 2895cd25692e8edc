"""Checks of rules and guards: what they switch must be there to be switched."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from extender.policy.catalogue import Catalogue, names_of
from extender.policy.document import SchedulingPolicy
from extender.policy.modes import Guard, Rule
from extender.policy.problem import Findings, at, nearest, shown
from extender.policy.resolve import resolve
from extender.policy.structure import Places
from extender.policy.terms import Terms


class Switching:
    def __init__(self, catalogue: Catalogue, findings: Findings, places: Places) -> None:
        self._catalogue = catalogue
        self._names = names_of(catalogue)
        self._findings = findings
        self._places = places
        self._terms = Terms(findings, places)

    def checked(self, document: SchedulingPolicy) -> SchedulingPolicy:
        """The document with the plugins' own names in its rules and guards, and members in the place of families."""
        if not document.rules and not document.guards:
            return document
        on = {
            plugin.name
            for profile in document.profiles
            for plugin in resolve(profile, self._catalogue, document.defaults).plugins
        }
        self._refuse_twins("rule", document.rules)
        self._refuse_twins("guard", document.guards)
        return replace(
            document,
            rules=tuple(self._rule(rule, on) for rule in document.rules),
            guards=tuple(self._guard(guard, on) for guard in document.guards),
        )

    def _refuse_twins(self, noun: str, named: tuple[Rule, ...] | tuple[Guard, ...]) -> None:
        seen: dict[str, Rule | Guard] = {}
        for entry in named:
            first = seen.setdefault(entry.name, entry)
            if first is not entry:
                where = self._places.of(first)
                self._findings.wrong(
                    self._places.name_of(entry), f"{where} is a {noun} {entry.name} already", "name it otherwise"
                )

    def _rule(self, rule: Rule, on: set[str]) -> Rule:
        self._check_when(rule)
        path = self._places.of(rule.use)
        enable = tuple(dict.fromkeys(self._plugins(rule.use.enable, at(path, "enable"), on)))
        disable = tuple(dict.fromkeys(self._plugins(rule.use.disable, at(path, "disable"), on)))
        if not rule.use.enable and not rule.use.disable:
            self._findings.wrong(path, "switches nothing", "name plugins under enable or disable")
        for name in sorted(set(enable) & set(disable)):
            self._findings.wrong(path, f"{name} is under enable and disable", "keep one of them")
        return replace(rule, use=replace(rule.use, enable=enable, disable=disable))

    def _check_when(self, rule: Rule) -> None:
        when, path = rule.when, self._places.of(rule.when)
        if not self._findings.any_at(path) and (when.allocation is not None) == when.metrics_stale:
            self._findings.wrong(path, "want one condition", "give either allocation or metricsStale: true")
        found = when.allocation
        if found is not None and found.below is not None and found.below > found.above:
            self._findings.wrong(
                at(self._places.of(found), "below"),
                f"{found.below} is more than above, {found.above}",
                "the rule ends below it, so it must not be more",
            )

    def _plugins(self, names: tuple[str, ...], path: str, on: set[str]) -> Iterator[str]:
        for index, written in enumerate(names):
            yield from self._own_names(written, at(path, index), on)

    def _own_names(self, written: str, path: str, on: set[str]) -> list[str]:
        """The plugin, or the members of a family, that some profile enables."""
        name = self._names.get(written)
        if name is None:
            self._findings.wrong(path, f"unknown plugin {shown(written)}", nearest(written, self._catalogue))
            return []
        found = [each for each in (name, *self._catalogue[name].members) if each in on]
        if not found:
            self._findings.wrong(path, f"no profile enables {name}", "enable it there; this only says when it counts")
        return found

    def _guard(self, guard: Guard, on: set[str]) -> Guard:
        path = self._places.of(guard)
        self._terms.check_over(guard.over, path)
        self._terms.check_watched(guard.when, self._places.of(guard.when))
        if guard.plugin is None:
            if guard.then == "disable":
                self._findings.wrong(at(path, "plugin"), "missing", "name the plugin that `then: disable` switches off")
            return guard
        found = self._own_names(guard.plugin, at(path, "plugin"), on)
        if len(found) > 1:
            self._findings.wrong(at(path, "plugin"), f"{guard.plugin} is a family", f"name one of {', '.join(found)}")
        return replace(guard, plugin=found[0]) if found else guard
