"""Edits of a policy, as plain data in and plain data out. What an edit does not speak of stays as it was.

A tree is what `extender.policy.reading.read` makes of the text, in either form; nothing given is changed in place.
Switches are those of KubeSchedulerConfiguration (extender/policy/resolve.py): an entry under a phase's `enabled` is
on, `multiPoint` brings a plugin to every phase in which it works unless that phase's `disabled` names it or `*`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from extender.control.problems import Detail, Invalid, NotFound
from extender.policy.catalogue import MULTI_POINT, PHASES, Catalogue, in_order, names_of
from extender.policy.document import ALL_PLUGINS, API_VERSION, DEFAULT_SCHEDULER, EVERY_SCHEDULER, KIND
from extender.policy.flat import CONFIGS, DISABLED, ENABLED, is_flat
from extender.policy.parsed import ParsedPolicy
from extender.policy.problem import nearest, one_of
from extender.policy.structure import kind_of

PLUGINS = (
    "Rescheduler",
    "Coscheduling",
    "CapacityScheduling",
    "NodeResourceTopologyMatch",
    "NodeResourcesAllocatable",
    "TargetLoadPacking",
    "LoadVariationRiskBalancing",
    "PreemptionToleration",
    "PodState",
    "QoS",
    "SySched",
    "Trimaran",
)
"""The twelve names of the plugin API, in its order; others follow them."""

Tree = dict[str, Any]
_LIMITS = ("canary", "from", "until")
_ENFORCE, _SHADOW = "enforce", "shadow"
_MEND = "mend it, or roll back, first"


# --- Names ------------------------------------------------------------------------------------------------------


def supported_plugins(catalogue: Catalogue) -> list[str]:
    """The twelve first, then every other installed one by name."""
    return [*PLUGINS, *sorted(set(catalogue) - set(PLUGINS))]


def plugin_named(plugin: str, catalogue: Catalogue) -> str:
    """The plugin's own name. Raises NotFound with the nearest one."""
    name = names_of(catalogue).get(plugin)
    if name is None:
        raise NotFound(f"unknown plugin: {plugin}", [Detail("plugin", nearest(plugin, catalogue))])
    return name


def phases_named(phases: Sequence[str] | None, plugin: str, catalogue: Catalogue) -> list[str]:
    """The phases that a change is about; None: every phase in which the plugin works. Raises Invalid."""
    if phases is None:
        return in_order(catalogue[plugin].effective_phases())
    if not phases:
        raise Invalid("phases is empty", [Detail("phases", "name at least one phase, or leave phases out for all")])
    unknown = [(index, phase) for index, phase in enumerate(phases) if phase not in PHASES]
    if unknown:
        told = ", ".join(phase for _, phase in unknown)
        raise Invalid(
            f"unknown phase: {told}", [Detail(f"phases[{index}]", nearest(phase, PHASES)) for index, phase in unknown]
        )
    return in_order(phases)


# --- Edits ------------------------------------------------------------------------------------------------------


def enable(
    tree: Mapping[str, Any],
    plugin: str,
    phases: Sequence[str],
    profile: str | None,
    catalogue: Catalogue,
    *,
    shadow: bool = False,
) -> Tree:
    """On in those phases, and in none of their disabled lists. `shadow`: it only watches there.

    `plugin` is its own name and `phases` are known. Raises Invalid for a profile that is not there.
    """
    if is_flat(tree):
        if shadow:
            raise Invalid("the flat form knows no shadow mode; store the policy in the document form first")
        return _flat_switch(tree, plugin, phases, ENABLED, DISABLED, catalogue)
    return _edited(tree, profile, lambda part: _enable(part, plugin, phases, catalogue, shadow=shadow))


def disable(
    tree: Mapping[str, Any], plugin: str, phases: Sequence[str], profile: str | None, catalogue: Catalogue
) -> Tree:
    """Off in those phases, and in each of their disabled lists. Raises Invalid for a profile that is not there."""
    if is_flat(tree):
        return _flat_switch(tree, plugin, phases, DISABLED, ENABLED, catalogue)
    return _edited(tree, profile, lambda part: _disable(part, plugin, phases, catalogue))


def configure(
    tree: Mapping[str, Any], plugin: str, args: Mapping[str, Any], profile: str | None, catalogue: Catalogue
) -> Tree:
    """The args merged into the stored ones: objects key by key, everything else replaced, null takes a key away."""
    if is_flat(tree):
        new = copy.deepcopy(dict(tree))
        configs = new[CONFIGS] = _mapping(new.get(CONFIGS))
        key = next((key for key in configs if _same(key, plugin, catalogue)), plugin)
        configs[key] = merged(configs.get(key) or {}, args)
        return new
    return _edited(tree, profile, lambda part: _configure(part, plugin, args, catalogue))


def merged(old: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    new = dict(old) if isinstance(old, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = merged(new.get(key), value)
    return new


def args_in(tree: Mapping[str, Any], plugin: str, profile: str | None, catalogue: Catalogue) -> dict[str, Any]:
    """The plugin's stored args. Raises Invalid for a profile that is not there."""
    if is_flat(tree):
        found = _mapping(tree.get(CONFIGS)).items()
        return next((_mapping(args) for name, args in found if _same(name, plugin, catalogue)), {})
    profiles = _list(tree, "profiles")
    if not profiles and profile is None:
        return {}
    entries = _list(profiles[_place(profiles, profile)], "pluginConfig")
    return next((_mapping(e.get("args")) for e in entries if _names(e, plugin, catalogue)), {})


def _edited(tree: Mapping[str, Any], profile: str | None, edit: Callable[[Tree], None]) -> Tree:
    new = copy.deepcopy(dict(tree))
    if not new:
        new = {"apiVersion": API_VERSION, "kind": KIND}
    profiles = new["profiles"] = _list(new, "profiles")
    if not profiles and profile in (None, DEFAULT_SCHEDULER):
        profiles.append({"schedulerName": DEFAULT_SCHEDULER})
    edit(profiles[_place(profiles, profile)])
    return new


def _place(profiles: Sequence[Any], profile: str | None) -> int:
    """Where the profile stands: the one named, else default-scheduler's, else the first."""
    names = [str(_mapping(part).get("schedulerName") or DEFAULT_SCHEDULER) for part in profiles]
    wanted = DEFAULT_SCHEDULER if profile is None else profile
    if wanted in names:
        return names.index(wanted)
    if profile is None and names:
        return 0
    raise Invalid(f"unknown profile: {wanted}", [Detail("profile", nearest(wanted, names) or one_of(names))])


# --- The document form ------------------------------------------------------------------------------------------


def _enable(profile: Tree, plugin: str, phases: Sequence[str], catalogue: Catalogue, *, shadow: bool) -> None:
    brought = _entry(profile, MULTI_POINT, plugin, catalogue)
    works_in = catalogue[plugin].effective_phases()
    for phase in phases:
        chosen = _phase(profile, phase)
        _drop(chosen, "disabled", plugin, catalogue)
        entry = _entry(profile, phase, plugin, catalogue)
        from_all = brought if phase in works_in else None
        if entry is None and from_all and not _starred(chosen) and (from_all.get("mode") == _SHADOW) == shadow:
            continue
        if entry is None:
            # What multiPoint says of it (weight, canary and so on) goes on being so.
            entry = copy.deepcopy(from_all) if from_all else {"name": plugin}
            chosen["enabled"] = [*_list(chosen, "enabled"), entry]
        if shadow:
            entry["mode"] = _SHADOW
        elif entry.get("mode", _ENFORCE) != _ENFORCE:
            del entry["mode"]
    _tidy(profile, phases)


def _disable(profile: Tree, plugin: str, phases: Sequence[str], catalogue: Catalogue) -> None:
    for phase in phases:
        chosen = _phase(profile, phase)
        _drop(chosen, "enabled", plugin, catalogue)
        if not any(_names(entry, plugin, catalogue) for entry in _list(chosen, "disabled")):
            chosen["disabled"] = [*_list(chosen, "disabled"), {"name": plugin}]


def _configure(profile: Tree, plugin: str, args: Mapping[str, Any], catalogue: Catalogue) -> None:
    entries = profile["pluginConfig"] = _list(profile, "pluginConfig")
    for entry in entries:
        if _names(entry, plugin, catalogue):
            entry["args"] = merged(entry.get("args") or {}, args)
            return
    entries.append({"name": plugin, "args": merged({}, args)})


def _phase(profile: Tree, phase: str) -> Tree:
    plugins = profile["plugins"] = _mapping(profile.get("plugins"))
    chosen: Tree = _mapping(plugins.get(phase))
    plugins[phase] = chosen
    return chosen


def _tidy(profile: Tree, phases: Sequence[str]) -> None:
    """No empty part is left where an edit looked and wrote nothing."""
    plugins = profile["plugins"]
    for phase in phases:
        if not plugins[phase]:
            del plugins[phase]


def _entry(profile: Mapping[str, Any], phase: str, plugin: str, catalogue: Catalogue) -> Tree | None:
    chosen = _mapping(_mapping(profile.get("plugins")).get(phase))
    return next((entry for entry in _list(chosen, "enabled") if _names(entry, plugin, catalogue)), None)


def _drop(chosen: Tree, key: str, plugin: str, catalogue: Catalogue) -> None:
    before = _list(chosen, key)
    after = [entry for entry in before if not _names(entry, plugin, catalogue)]
    if len(after) < len(before):
        chosen[key] = after


def _starred(chosen: Mapping[str, Any]) -> bool:
    return any(isinstance(entry, Mapping) and entry.get("name") == ALL_PLUGINS for entry in _list(chosen, "disabled"))


def _names(entry: Any, plugin: str, catalogue: Catalogue) -> bool:
    return isinstance(entry, Mapping) and _same(entry.get("name"), plugin, catalogue)


def _same(name: object, plugin: str, catalogue: Catalogue) -> bool:
    return name == plugin or name in catalogue[plugin].aliases


def _list(part: Any, key: str) -> list[Any]:
    """Raises Invalid: what has another shape is not ours to throw away."""
    found = _mapping(part).get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise Invalid(f"the stored policy has {kind_of(found)} where {key} is a list; {_MEND}")
    return found


def _mapping(value: Any) -> Tree:
    """Raises Invalid: what has another shape is not ours to throw away."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Invalid(f"the stored policy has {kind_of(value)} where a mapping stands; {_MEND}")
    return value


# --- The flat form ----------------------------------------------------------------------------------------------


def _flat_switch(
    tree: Mapping[str, Any], plugin: str, phases: Sequence[str], into: str, out_of: str, catalogue: Catalogue
) -> Tree:
    new = copy.deepcopy(dict(tree))
    for key in (into, out_of):
        new[key] = _mapping(new.get(key))
    for phase in phases:
        names = _list(new[into], phase)
        if not any(_same(name, plugin, catalogue) for name in names):
            new[into][phase] = [*names, plugin]
        left = [name for name in _list(new[out_of], phase) if not _same(name, plugin, catalogue)]
        if left:
            new[out_of][phase] = left
        else:
            new[out_of].pop(phase, None)
    # A key that was not there and holds nothing is not brought in.
    return {key: value for key, value in new.items() if value or key in tree}


# --- What a policy says -----------------------------------------------------------------------------------------


def state(policy: ParsedPolicy, catalogue: Catalogue, profile: str | None) -> dict[str, Any]:
    """`data` of GET /api/v1/plugins: the switches and the args, as they are set. Raises Invalid for the profile."""
    profiles = policy.document.profiles
    if not profiles:
        return {ENABLED: {}, DISABLED: {}, CONFIGS: {}}
    names = [{"schedulerName": part.scheduler_name} for part in profiles]
    flat_default = policy.form == "flat" and profile in (DEFAULT_SCHEDULER, EVERY_SCHEDULER)
    chosen = profiles[_place(names, None if flat_default else profile)]
    sets = {phase: chosen.plugins.of(phase) for phase in PHASES}
    brought = [entry.name for entry in chosen.plugins.multi_point.enabled]
    enabled, disabled = {}, {}
    for phase, part in sets.items():
        own = [entry.name for entry in part.enabled]
        refused = [entry.name for entry in part.disabled]
        coming = [name for name in brought if phase in catalogue[name].effective_phases() and name not in own]
        held = coming if ALL_PLUGINS in refused else [name for name in coming if name in refused]
        on = [*(name for name in coming if name not in held), *own]
        off = dict.fromkeys([*(n for n in refused if n != ALL_PLUGINS and n not in own), *held])
        if on:
            enabled[phase] = on
        if off:
            disabled[phase] = list(off)
    return {
        ENABLED: enabled,
        DISABLED: disabled,
        CONFIGS: {config.name: dict(config.args) for config in chosen.plugin_config},
    }


def restrictions(policy: ParsedPolicy, plugin: str, phases: Sequence[str], profile: str | None) -> Iterator[str]:
    """Why a plugin that is enabled does not act on every pod there: warnings for who has just enabled it."""
    profiles = policy.document.profiles
    if policy.form == "flat" or not profiles:
        return
    chosen = profiles[_place([{"schedulerName": part.scheduler_name} for part in profiles], profile)]
    for phase in phases:
        entries = (*chosen.plugins.of(phase).enabled, *chosen.plugins.multi_point.enabled)
        entry = next((e for e in entries if e.name == plugin), None)
        said = [] if entry is None else [key for key in _LIMITS if msgspec.to_builtins(entry).get(key) is not None]
        if said:
            yield f"{plugin} stays limited by its {' and '.join(said)} in {phase}"


def forgotten(
    tree: Mapping[str, Any], plugin: str, phases: Sequence[str], profile: str | None, catalogue: Catalogue
) -> Iterator[str]:
    """What disabling takes away beside the switch, because a disabled entry is a name and nothing else: warnings."""
    profiles = [] if is_flat(tree) else _list(tree, "profiles")
    if not profiles:
        return
    chosen = profiles[_place(profiles, profile)]
    for phase in phases:
        entry = _entry(chosen, phase, plugin, catalogue)
        said = [key for key in entry or () if key != "name" and (key, (entry or {})[key]) != ("mode", _ENFORCE)]
        if said:
            yield f"the {', '.join(said)} of {plugin} in {phase} goes with it; a rollback brings it back"
