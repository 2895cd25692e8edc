"""One profile of the document -> which plugin is on in which phase, with which weight and args.

As KubeSchedulerConfiguration resolves it:

* `multiPoint.enabled` brings a plugin to every phase in which it works, except those whose `disabled` names it or `*`;
* an entry under a phase's own `enabled` is on in that phase, whatever `disabled` and `multiPoint` say, and its
  weight wins over multiPoint's;
* a plugin named nowhere is off: there are no default plugins to start from;
* a family stands for its members (families.py) and has no place of its own;
* what an entry says of mode, canary, time, deadline and onFailure goes for the phases that it switches on: a phase's
  own entry wins over multiPoint's as a whole.

Coscheduling, CapacityScheduling and QoS have one check behind two switches, preFilter and filter: it runs while at
least one of the two is on and neither is disabled, and one entry says for whom and when. QoS orders the queue with it,
unless queueSort disables it.
"""

from __future__ import annotations

import dataclasses

from msgspec.structs import replace

from extender.policy.catalogue import (
    CHECK_PHASES,
    MULTI_POINT,
    ONE_CHECK,
    ORDERED_BY_CHECK,
    QUEUE_SORT,
    Catalogue,
    PluginInfo,
    in_order,
)
from extender.policy.document import ALL_PLUGINS, CYCLE_ORDER, Defaults, EnabledPlugin, PluginSet, Profile
from extender.policy.families import unfolded
from extender.policy.moments import seconds_of, unix_s
from extender.policy.parsed import ResolvedPlugin, ResolvedProfile


def resolve(profile: Profile, catalogue: Catalogue, defaults: Defaults | None = None) -> ResolvedProfile:
    """Names in `profile` are the plugins' own and known, and its moments are in the calendar."""
    profile = unfolded(profile, catalogue)
    args = {entry.name: entry.args for entry in profile.plugin_config}
    plugins = []
    for name in _names_in_order(profile):
        weight, own_args = _weight(profile, name), args.get(name, {})
        for entry, phases in _by_terms(profile, catalogue[name]):
            on, shadow = (frozenset[str](), phases) if entry.mode == "shadow" else (phases, frozenset[str]())
            plugin = ResolvedPlugin(name, on, weight, own_args, shadow=shadow)
            plugins.append(_with_terms(plugin, entry, defaults or Defaults()))
    return ResolvedProfile(profile.scheduler_name, tuple(plugins))


def _by_terms(profile: Profile, info: PluginInfo) -> list[tuple[EnabledPlugin, frozenset[str]]]:
    """The phases that are on, parted by what their entries say of them; the first of each kind speaks for all."""
    found: list[tuple[EnabledPlugin, set[str]]] = []
    for phase in in_order(phases_on(profile, info)):
        entry = terms_entry(profile, info.name, phase)
        same = next((phases for other, phases in found if same_terms(other, entry)), None)
        if same is None:
            found.append((entry, {phase}))
        else:
            same.add(phase)
    return [(entry, frozenset(phases)) for entry, phases in found]


def terms_entry(profile: Profile, name: str, phase: str) -> EnabledPlugin:
    """The entry that says for whom and when a phase of the plugin, which is on, counts."""
    of_check = ("preFilter", "filter") if name in ONE_CHECK else ()
    own = of_check if phase in of_check else (phase,)
    told = (_entry(profile.plugins.of(switch), name) for switch in (*own, MULTI_POINT, *of_check))
    return next((entry for entry in told if entry is not None), EnabledPlugin(name=name))


def same_terms(one: EnabledPlugin, other: EnabledPlugin) -> bool:
    """Whether two entries differ in name and weight at most."""
    return replace(one, name="", weight=None) == replace(other, name="", weight=None)


def _with_terms(plugin: ResolvedPlugin, entry: EnabledPlugin, defaults: Defaults) -> ResolvedPlugin:
    deadline = entry.deadline or defaults.deadline
    return dataclasses.replace(
        plugin,
        deadline_ms=seconds_of(deadline) * 1e3 if deadline else None,
        on_failure=entry.on_failure or defaults.on_failure or "open",
        canary=entry.canary,
        from_s=unix_s(entry.since) if entry.since else None,
        until_s=unix_s(entry.until) if entry.until else None,
    )


def phases_on(profile: Profile, info: PluginInfo) -> frozenset[str]:
    """The phases in which the plugin is on and does work."""
    works_in = info.effective_phases()
    on = frozenset(phase for phase in works_in if _is_on(profile, info.name, phase))
    if info.name not in ONE_CHECK or not works_in & CHECK_PHASES:
        return on
    held_back = any(_is_disabled(profile, info.name, phase) for phase in CHECK_PHASES)
    if held_back or not on & CHECK_PHASES:
        return on - CHECK_PHASES
    return on | CHECK_PHASES | _order_with_check(profile, info)


def _order_with_check(profile: Profile, info: PluginInfo) -> frozenset[str]:
    if info.name not in ORDERED_BY_CHECK or _is_disabled(profile, info.name, QUEUE_SORT):
        return frozenset()
    return frozenset({QUEUE_SORT}) & info.effective_phases()


def idle_phases(profile: Profile, info: PluginInfo) -> list[str]:
    """Phases that name the plugin under `enabled` although it does no work there."""
    named = (phase for phase in CYCLE_ORDER if _entry(profile.plugins.of(phase), info.name) is not None)
    return in_order(set(named) - info.effective_phases())


def _is_on(profile: Profile, name: str, phase: str) -> bool:
    if _entry(profile.plugins.of(phase), name) is not None:
        return True
    brought = _entry(profile.plugins.multi_point, name) is not None
    return brought and not _is_disabled(profile, name, phase)


def _is_disabled(profile: Profile, name: str, phase: str) -> bool:
    """Disabled by name; or by `*`, which means what multiPoint brings and not what is enabled elsewhere by name."""
    chosen = profile.plugins.of(phase)
    if _entry(chosen, name) is not None:
        return False
    disabled = {entry.name for entry in chosen.disabled}
    return name in disabled or (ALL_PLUGINS in disabled and _entry(profile.plugins.multi_point, name) is not None)


def _weight(profile: Profile, name: str) -> int:
    for chosen in (profile.plugins.score, profile.plugins.multi_point):
        entry = _entry(chosen, name)
        if entry is not None:
            return entry.weight or 1
    return 1


def _entry(chosen: PluginSet, name: str) -> EnabledPlugin | None:
    return next((entry for entry in chosen.enabled if entry.name == name), None)


def _names_in_order(profile: Profile) -> list[str]:
    """Those of multiPoint first, then by phase: the order of KubeSchedulerConfiguration."""
    sets = [profile.plugins.of(phase) for phase in (MULTI_POINT, *CYCLE_ORDER)]
    return list(dict.fromkeys(entry.name for chosen in sets for entry in chosen.enabled))
