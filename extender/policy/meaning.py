"""Checks of what the parts of a policy say together: names, duplicates, switches without effect, args."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from extender.policy.args import check_shape, own_args
from extender.policy.catalogue import MULTI_POINT, SHADOW_EVALUATES, Catalogue, in_order, names_of
from extender.policy.document import (
    ALL_PLUGINS,
    FIELD_OF_PHASE,
    EnabledPlugin,
    PluginConfig,
    Plugins,
    PluginSet,
    Profile,
    SchedulingPolicy,
)
from extender.policy.families import families_on, members_of, share_of
from extender.policy.problem import Findings, at, nearest, shown
from extender.policy.resolve import idle_phases, resolve
from extender.policy.structure import Places
from extender.policy.switching import Switching
from extender.policy.terms import Terms

_WEIGHED = frozenset({"score", MULTI_POINT})


@dataclass(frozen=True, slots=True)
class PendingCheck:
    """Args that fit their schema and that the plugin has still to judge."""

    plugin: str
    args: dict[str, Any]
    path: str


class Meaning:
    def __init__(
        self, catalogue: Catalogue, findings: Findings, places: Places, form: Literal["document", "flat"]
    ) -> None:
        self.pending: list[PendingCheck] = []
        self._catalogue = catalogue
        self._names = names_of(catalogue)
        self._findings = findings
        self._places = places
        self._form = form
        self._terms = Terms(findings, places)

    def checked(self, document: SchedulingPolicy) -> SchedulingPolicy:
        """The document with the plugins' own names and without unknown ones."""
        self._refuse_twin_profiles(document)
        profiles = tuple(self._profile(profile) for profile in document.profiles)
        self._terms.check_defaults(document.defaults)
        known = msgspec.structs.replace(document, profiles=profiles)
        return Switching(self._catalogue, self._findings, self._places).checked(known)

    def _refuse_twin_profiles(self, document: SchedulingPolicy) -> None:
        first: dict[str, Profile] = {}
        for profile in document.profiles:
            twin = first.setdefault(profile.scheduler_name, profile)
            if twin is not profile:
                self._findings.wrong(
                    at(self._places.of(profile), "schedulerName"),
                    f"{shown(profile.scheduler_name)} has a profile already, {self._places.of(twin)}",
                    "merge the two, or name another scheduler",
                )

    def _profile(self, profile: Profile) -> Profile:
        sets = {}
        for phase, field in FIELD_OF_PHASE.items():
            chosen = profile.plugins.of(phase)
            sets[field] = self._set(chosen, phase) if chosen.enabled or chosen.disabled else chosen
        known = msgspec.structs.replace(
            profile, plugins=Plugins(**sets), plugin_config=tuple(self._configs(profile.plugin_config))
        )
        self._terms.check_one_check(profile, self._names)
        self._warn_of_idle_entries(profile, known)
        self._warn_of_idle_shadows(profile)
        self._warn_of_idle_args(profile, known)
        return known

    def _set(self, chosen: PluginSet, phase: str) -> PluginSet:
        enabled = tuple(self._enabled(chosen, phase))
        on = {entry.name for entry in enabled}
        disabled = []
        for entry in chosen.disabled:
            name = entry.name if entry.name == ALL_PLUGINS and self._form == "document" else self._own_name(entry)
            if name is None:
                continue
            disabled.append(msgspec.structs.replace(entry, name=name))
            if name in on:
                self._told_in_both(name, self._places.name_of(entry), phase)
        return PluginSet(enabled=enabled, disabled=tuple(disabled))

    def _told_in_both(self, name: str, path: str, phase: str) -> None:
        if self._form == "flat":
            self._findings.wrong(path, f"{name} is enabled in {phase} too", "keep it in one of the two lists")
        else:
            self._findings.warn(path, f"{name} is under enabled too, which wins, as in KubeSchedulerConfiguration")

    def _enabled(self, chosen: PluginSet, phase: str) -> Iterator[EnabledPlugin]:
        seen: dict[str, EnabledPlugin] = {}
        for entry in chosen.enabled:
            name = self._own_name(entry)
            if name is None:
                continue
            if name in seen:
                self._findings.wrong(
                    self._places.name_of(entry),
                    f"{name} is enabled twice in {phase}, first at {self._places.name_of(seen[name])}",
                    "keep one of them",
                )
                continue
            seen[name] = entry
            if entry.weight is not None and phase not in _WEIGHED:
                self._findings.warn(at(self._places.of(entry), "weight"), f"weights have no effect in {phase}")
            yield msgspec.structs.replace(self._terms.usable(entry, phase), name=name)

    def _own_name(self, entry: Any) -> str | None:
        name = self._names.get(entry.name)
        if name is None:
            hint = (
                "* stands under disabled only; name the plugins"
                if entry.name == ALL_PLUGINS
                else nearest(entry.name, self._catalogue)
            )
            self._findings.wrong(self._places.name_of(entry), f"unknown plugin {shown(entry.name)}", hint)
        return name

    def _configs(self, configs: tuple[PluginConfig, ...]) -> Iterator[PluginConfig]:
        seen: dict[str, PluginConfig] = {}
        for config in configs:
            name = self._own_name(config)
            if name is None:
                continue
            if name in seen:
                self._findings.wrong(
                    self._places.name_of(config),
                    f"{name} has its args already at {self._places.of(seen[name])}",
                    "keep one of them",
                )
            seen.setdefault(name, config)
            args = own_args(self._catalogue[name], config.args)
            # In the flat form the entry is nothing but its args.
            path = self._places.of(config) if self._form == "flat" else at(self._places.of(config), "args")
            if check_shape(self._catalogue[name], args, path, self._findings):
                self.pending.append(PendingCheck(name, args, path))
                self._check_shares(name, args, path, configs)
            yield msgspec.structs.replace(config, name=name, args=args)

    def _check_shares(self, family: str, args: dict[str, Any], path: str, configs: tuple[PluginConfig, ...]) -> None:
        """What a family's args mean is for its members to say."""
        by_themselves = {self._names.get(config.name) for config in configs}
        for name in members_of(self._catalogue[family], args, self._catalogue):
            share = share_of(self._catalogue[name], args)
            if name not in by_themselves and check_shape(self._catalogue[name], share, path, self._findings):
                self.pending.append(PendingCheck(name, share, path))

    def _warn_of_idle_entries(self, written: Profile, known: Profile) -> None:
        enabled = {entry.name for phase in FIELD_OF_PHASE for entry in known.plugins.of(phase).enabled}
        for name in sorted(enabled):
            info = self._catalogue[name]
            works_in = ", ".join(in_order(info.effective_phases()))
            for phase in idle_phases(known, info):
                entry = next(e for e in written.plugins.of(phase).enabled if self._names.get(e.name) == name)
                self._findings.warn(
                    self._places.name_of(entry),
                    f"{name} does no work in {phase}" + (f"; it works in {works_in}" if works_in else ""),
                )

    def _warn_of_idle_shadows(self, written: Profile) -> None:
        """Promising, holding and evicting is not done for show."""
        evaluated = ", ".join(in_order(SHADOW_EVALUATES))
        for phase in FIELD_OF_PHASE:
            for entry in written.plugins.of(phase).enabled:
                name = self._names.get(entry.name)
                if name is None or entry.mode != "shadow":
                    continue
                if not self._switched(name, phase) & SHADOW_EVALUATES:
                    where = f"{name} is shadowed where it" if phase == MULTI_POINT else f"in {phase} a shadowed plugin"
                    self._findings.warn(
                        at(self._places.of(entry), "mode"), f"{where} does nothing; evaluated are {evaluated}"
                    )

    def _switched(self, name: str, phase: str) -> frozenset[str]:
        """The phases that an entry of this plugin or family may switch on."""
        if phase != MULTI_POINT:
            return frozenset({phase})
        infos = [self._catalogue[each] for each in (name, *self._catalogue[name].members) if each in self._catalogue]
        return frozenset().union(*(info.effective_phases() for info in infos))

    def _warn_of_idle_args(self, written: Profile, known: Profile) -> None:
        on = {plugin.name for plugin in resolve(known, self._catalogue).plugins} | families_on(known, self._catalogue)
        for config in written.plugin_config:
            name = self._names.get(config.name)
            if name is not None and name not in on:
                self._findings.warn(self._places.name_of(config), f"{name} is not on in this profile; its args wait")
