"""Every call, listed by hand. A call of your own is added here (docs/api.md)."""

from __future__ import annotations

from dataclasses import replace

from analytics.control.call import PLUGIN_MANAGER, Call
from analytics.control.calls import analyzer, audit, history, plugins, policy, scheduler, tenants
from analytics.control.tools import Tools


def calls_of(tools: Tools) -> tuple[Call, ...]:
    return (
        *_of(PLUGIN_MANAGER, plugins.calls(tools)),
        *_of(PLUGIN_MANAGER, policy.calls(tools)),
        *_of(PLUGIN_MANAGER, history.calls(tools)),
        *_of(PLUGIN_MANAGER, scheduler.calls(tools)),
        *_of("tenant-resource-manager", tenants.calls(tools)),
        *_of("scheduler-analyzer", analyzer.calls(tools)),
        *_of("scheduler-audit-analyzer", audit.calls(tools)),
    )


def _of(tool: str, calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """Those that do not say whose they are belong to the tool."""
    return tuple(replace(call, tool=tool) if call.tool is None else call for call in calls)


__all__ = ["calls_of"]
