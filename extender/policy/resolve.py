"""One profile of the document -> which plugin is on in which phase, with which weight and args.

As KubeSchedulerConfiguration resolves it:

* `multiPoint.enabled` brings a plugin to every phase in which it works, except those whose `disabled` names it or `*`;
* an entry under a phase's own `enabled` is on in that phase, whatever `disabled` and `multiPoint` say, and its
  weight wins over multiPoint's;
* a plugin named nowhere is off: there are no default plugins to start from;
* a family stands for its members (families.py) and has no place of its own.

Coscheduling, CapacityScheduling and QoS have one check behind two switches, preFilter and filter: it runs while at
least one of the two is on and neither is disabled. QoS orders the queue with it, unless queueSort disables it.
"""

from __future__ import annotations

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
from extender.policy.document import ALL_PLUGINS, CYCLE_ORDER, EnabledPlugin, PluginSet, Profile
from extender.policy.families import unfolded
from extender.policy.parsed import ResolvedPlugin, ResolvedProfile


def resolve(profile: Profile, catalogue: Catalogue) -> ResolvedProfile:
    """Names in `profile` are the plugins' own and known."""
    profile = unfolded(profile, catalogue)
    args = {entry.name: entry.args for entry in profile.plugin_config}
    plugins = []
    for name in _names_in_order(profile):
        phases = phases_on(profile, catalogue[name])
        if phases:
            plugins.append(ResolvedPlugin(name, phases, _weight(profile, name), args.get(name, {})))
    return ResolvedProfile(profile.scheduler_name, tuple(plugins))


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
