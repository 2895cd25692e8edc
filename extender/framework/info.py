"""What the policy and the catalogue must know of a plugin, without its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from extender.framework.arguments import args_of, default_args
from extender.framework.declaration import Plugin
from extender.model.verdict import Phase
from extender.policy import PluginInfo, Problem


def plugin_info(plugin: Plugin) -> PluginInfo:
    """The plugin's entry in the catalogue: schema and defaults of its args, phases, and a check of raw args."""
    return PluginInfo(
        name=plugin.name,
        doc=plugin.doc,
        maturity=plugin.maturity.value,
        phases=phases_of(plugin),
        args_schema=msgspec.json.schema(plugin.args),
        defaults=v1_args(default_args(plugin)),
        aliases=plugin.aliases,
        check=lambda raw: _check(plugin, raw),
    )


def phases_of(plugin: Plugin) -> tuple[str, ...]:
    """The phases it implements, in the order of a scheduling cycle."""
    parts = {
        Phase.QUEUE_SORT: plugin.queue_sort,
        Phase.PRE_FILTER: plugin.pre_filter,
        Phase.FILTER: plugin.filter,
        Phase.POST_FILTER: plugin.post_filter,
        Phase.SCORE: plugin.score,
        Phase.RESERVE: plugin.reserve,
        Phase.PERMIT: plugin.permit,
        Phase.PRE_BIND: plugin.pre_bind,
        Phase.POST_BIND: plugin.post_bind,
    }
    return tuple(phase.value for phase, part in parts.items() if part is not None)


def v1_args(args: msgspec.Struct) -> dict[str, Any]:
    """Args as a policy would write them."""
    told: dict[str, Any] = msgspec.to_builtins(args)
    return told


def _check(plugin: Plugin, raw: Mapping[str, Any]) -> list[Problem]:
    _args, problems = args_of(plugin, raw)
    return [Problem(path, message) for path, message in problems]
