"""What the policy and the catalogue must know of a plugin, without its code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from extender.framework.arguments import args_of, default_args
from extender.framework.declaration import Plugin
from extender.model.verdict import Phase
from extender.policy import PluginInfo, Problem


def catalogue_of(plugins: Iterable[Plugin]) -> dict[str, PluginInfo]:
    """Every plugin's entry, by name; a family works where its members do."""
    listed = list(plugins)
    return {plugin.name: plugin_info(plugin, listed) for plugin in listed}


def plugin_info(plugin: Plugin, among: Iterable[Plugin] = ()) -> PluginInfo:
    """The plugin's entry in the catalogue: schema and defaults of its args, phases, and a check of raw args.

    `among`: where a family finds its members.
    """
    return PluginInfo(
        name=plugin.name,
        doc=plugin.doc,
        maturity=plugin.maturity.value,
        phases=phases_of(plugin, *(other for other in among if other.name in plugin.members)),
        args_schema=msgspec.json.schema(plugin.args),
        defaults=v1_args(default_args(plugin)),
        aliases=plugin.aliases,
        check=lambda raw: _check(plugin, raw),
        members=plugin.members,
    )


def phases_of(*plugins: Plugin) -> tuple[str, ...]:
    """The phases that any of them implements, in the order of a scheduling cycle."""
    found = {phase for plugin in plugins for phase, part in _parts_of(plugin).items() if part is not None}
    return tuple(phase.value for phase in _parts_of(plugins[0]) if phase in found)


def _parts_of(plugin: Plugin) -> dict[Phase, object]:
    return {
        Phase.QUEUE_SORT: plugin.queue_sort,
        Phase.PRE_FILTER: plugin.pre_filter,
        Phase.FILTER: plugin.filter,
        Phase.POST_FILTER: plugin.post_filter or (plugin.permit and plugin.permit.no_node),
        Phase.SCORE: plugin.score,
        Phase.RESERVE: plugin.reserve,
        Phase.PERMIT: plugin.permit,
        Phase.PRE_BIND: plugin.pre_bind,
        Phase.POST_BIND: plugin.post_bind,
    }


def v1_args(args: msgspec.Struct) -> dict[str, Any]:
    """Args as a policy would write them."""
    told: dict[str, Any] = _in_lists(msgspec.to_builtins(args))
    return told


def _in_lists(told: Any) -> Any:
    """JSON and its schemas know lists only; an Args may hold tuples, so that it cannot change."""
    if isinstance(told, dict):
        return {key: _in_lists(value) for key, value in told.items()}
    return [_in_lists(value) for value in told] if isinstance(told, (list, tuple)) else told


def _check(plugin: Plugin, raw: Mapping[str, Any]) -> list[Problem]:
    _args, problems = args_of(plugin, raw)
    return [Problem(path, message) for path, message in problems]
