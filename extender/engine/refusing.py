"""What stands in the place of a plugin that was taken out although its policy says `onFailure: closed`."""

from __future__ import annotations

from dataclasses import replace

from extender.engine.profile import Seat
from extender.framework.declaration import Cycle, Plugin, PreBind, PreFilter, Status
from extender.model.verdict import Code, Phase

_NODES = frozenset({Phase.PRE_FILTER, Phase.FILTER})
_BIND = frozenset({Phase.RESERVE, Phase.PERMIT, Phase.PRE_BIND})


def refusing(seat: Seat) -> Seat | None:
    """A seat that refuses every pod where the plugin could have refused it; None where it never could."""
    reason = f"{seat.name} is left out after failures, and its policy says onFailure: closed"

    def refuse(_cycle: Cycle) -> Status:
        return Status(Code.UNSCHEDULABLE, reason)

    plugin = seat.plugin
    if seat.phases & _NODES and (plugin.pre_filter or plugin.filter):
        stands_in = Plugin(plugin.name, plugin.doc, args=plugin.args, pre_filter=PreFilter(refuse))
        return replace(seat, plugin=stands_in, phases=frozenset({Phase.PRE_FILTER}), deadline_ns=0)
    if seat.phases & _BIND and (plugin.reserve or plugin.permit or plugin.pre_bind):
        stands_in = Plugin(plugin.name, plugin.doc, args=plugin.args, pre_bind=PreBind(refuse))
        return replace(seat, plugin=stands_in, phases=frozenset({Phase.PRE_BIND}), deadline_ns=0)
    return None
