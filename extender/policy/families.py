"""A family: one name in a policy that brings several plugins, with one weight and one set of args.

* Where the family is enabled its members are, each with the family's weight, in the family's place; a phase in which a
  member does no work is nothing to it.
* Where the family is disabled its members are.
* A member that is disabled by its own name where the family is enabled stays off there.
* A member that is enabled anywhere by its own name is configured by itself: the family leaves it alone.
* A member takes those of the family's args that it knows (also where it writes them with a capital); a member with a
  pluginConfig entry of its own takes that instead, as a whole.
* If the family's args hold a list `members`, only those are brought.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from extender.policy.args import root_of
from extender.policy.catalogue import Catalogue, PluginInfo
from extender.policy.document import FIELD_OF_PHASE, DisabledPlugin, EnabledPlugin, PluginConfig, PluginSet, Profile

MEMBERS_ARG = "members"


def unfolded(profile: Profile, catalogue: Catalogue) -> Profile:
    """The profile in which no family is named any more. Names are the plugins' own and known."""
    if not any(catalogue[name].members for name in _named(profile)):
        return profile
    brought = _brought(profile, catalogue)
    sets = {field: _set(profile.plugins.of(phase), brought) for phase, field in FIELD_OF_PHASE.items()}
    plugins = msgspec.structs.replace(profile.plugins, **sets)
    return msgspec.structs.replace(profile, plugins=plugins, plugin_config=tuple(_configs(profile, catalogue)))


def families_on(profile: Profile, catalogue: Catalogue) -> set[str]:
    """Families that are enabled somewhere."""
    return {name for name in _enabled(profile) if catalogue[name].members}


def members_of(info: PluginInfo, args: Mapping[str, Any], catalogue: Catalogue) -> list[str]:
    """Those members of a family that its args choose and that are installed."""
    chosen = args.get(MEMBERS_ARG, info.members)
    return [name for name in info.members if name in chosen and name in catalogue]


def share_of(member: PluginInfo, args: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the family's args that the member knows, as it spells them."""
    known = root_of(member.args_schema).get("properties", {})
    spelled = {key: key if key in known else key[:1].upper() + key[1:] for key in args}
    return {own: args[key] for key, own in spelled.items() if own in known and key != MEMBERS_ARG}


def own_configs(profile: Profile) -> set[str]:
    """Plugins with args of their own."""
    return {config.name for config in profile.plugin_config}


def _named(profile: Profile) -> set[str]:
    return _enabled(profile) | own_configs(profile) | {entry.name for entry in _disabled(profile)} - {"*"}


def _enabled(profile: Profile) -> set[str]:
    return {entry.name for phase in FIELD_OF_PHASE for entry in profile.plugins.of(phase).enabled}


def _disabled(profile: Profile) -> Iterator[DisabledPlugin]:
    for phase in FIELD_OF_PHASE:
        yield from profile.plugins.of(phase).disabled


def _brought(profile: Profile, catalogue: Catalogue) -> dict[str, list[str]]:
    """family -> the members that stand in its place."""
    args = {config.name: config.args for config in profile.plugin_config}
    by_themselves = _enabled(profile)
    found = {}
    for name in _named(profile):
        if catalogue[name].members:
            members = members_of(catalogue[name], args.get(name, {}), catalogue)
            found[name] = [member for member in members if member not in by_themselves]
    return found


def _set(chosen: PluginSet, brought: Mapping[str, list[str]]) -> PluginSet:
    enabled: dict[str, EnabledPlugin] = {}
    refused = {entry.name for entry in chosen.disabled}
    for entry in chosen.enabled:
        of_family = [name for name in brought.get(entry.name, ()) if name not in refused]
        for name in of_family if entry.name in brought else [entry.name]:
            enabled.setdefault(name, msgspec.structs.replace(entry, name=name))
    disabled = [name for entry in chosen.disabled for name in brought.get(entry.name, [entry.name])]
    return PluginSet(
        enabled=tuple(enabled.values()), disabled=tuple(DisabledPlugin(name=name) for name in dict.fromkeys(disabled))
    )


def _configs(profile: Profile, catalogue: Catalogue) -> Iterator[PluginConfig]:
    taken = own_configs(profile)
    for config in profile.plugin_config:
        info = catalogue[config.name]
        if not info.members:
            yield config
            continue
        for name in members_of(info, config.args, catalogue):
            if name not in taken:
                taken.add(name)
                yield PluginConfig(name=name, args=share_of(catalogue[name], config.args))
