"""The steps of a call, in the order in which they happen: the one table to change when the hot path changes.

A step is a function of the running extender. Its time is its own: what steps inside it took is theirs. What happens
once the answer is on its way is told apart, whichever step it is. A step that no longer exists stops the measurement
with its name, so that the table cannot fall behind unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    label: str
    """What the reader sees; steps of one label are added up."""
    place: str
    """`module:function` or `module:Class.method`. A function that is imported by name is patched where it is used."""
    detail: Callable[..., str] | None = None
    """From the arguments of the call: what to add to the label."""
    verb: Callable[..., str] | None = None
    """From the arguments: which verb this call is of. One step at least must know."""
    begins: bool = False
    """The first step of every call: here the clock starts."""
    ends: bool = False
    """The step that puts the answer on its way: at its end the clock stops."""


def _plugin(compiled: Any, *_rest: Any) -> str:
    return str(compiled.plugin.name)


def _seat(_over: Any, seat: Any, *_rest: Any) -> str:
    return str(seat.name)


def _verb_of(protocol: Any, *_rest: Any) -> str:
    return str(protocol.verb)


STEPS = (
    Step("read the head, collect the body", "extender.server.protocol:VerbProtocol.data_received", begins=True),
    Step("headers, follow-up", "extender.server.protocol:VerbProtocol._answer", verb=_verb_of),
    Step("verb, clocks, checks", "extender.server.verbs:Verbs.begin"),
    Step("is it the call that was foretold", "extender.wire.messages:Foretold.is_body"),
    Step("is it the call that was foretold", "extender.server.verbs:Verbs._still_holds"),
    Step("check UTF-8", "extender.wire.codec:require_utf8"),
    Step("find the boundary, copy the names", "extender.wire.codec:Codec.read"),
    Step("find the boundary, copy the names", "extender.wire.codec:Codec._read_names"),
    Step("scan the names", "extender.wire.codec:Codec._scan"),
    Step("pod: compare or decode", "extender.wire.codec:Codec._pod"),
    Step("pod: known from the watch", "extender.wire.codec:recognised"),
    Step("foretell the call that follows", "extender.wire.codec:Codec.foretold"),
    Step("engine: attempt, holds, leases", "extender.engine.engine:Engine.decide"),
    Step("engine: attempt, holds, leases", "extender.engine.engine:Engine.prioritize"),
    Step("cycle around the plugins", "extender.engine.engine:run_filters"),
    Step("cycle around the plugins", "extender.engine.engine:run_scores"),
    Step("plugin, pod level", "extender.engine.cycle:_pre_filter", detail=_seat),
    Step("plugin, filter", "extender.framework.compiled:CompiledPlugin.filter_rows", detail=_plugin),
    Step("plugin, score", "extender.framework.compiled:CompiledPlugin.score_rows", detail=_plugin),
    Step("plugin, normalise and weigh", "extender.framework.compiled:CompiledPlugin.normalize", detail=_plugin),
    Step("plugin, normalise and weigh", "extender.framework.compiled:CompiledPlugin.add_weighted", detail=_plugin),
    Step("conclude: charge, note who waits", "extender.server.verbs:Verbs.conclude"),
    Step("reserve", "extender.engine.engine:reserve"),
    Step("assemble the answer", "extender.wire.codec:Codec.filter_pieces"),
    Step("assemble the answer", "extender.wire.codec:Codec.prioritize_answer"),
    Step("write", "extender.server.protocol:VerbProtocol._write", ends=True),
    Step("count the call", "extender.server.verbs:Verbs.count"),
    Step("score ahead", "extender.server.verbs:Verbs.score_ahead"),
    Step("build the record", "extender.engine.call:Call.frame"),
    Step("journal: queue or hand over", "extender.journal.journal:Journal.offer"),
    Step("journal: encode", "extender.journal.journal:encode"),
    Step("journal: write", "extender.journal.segments:Segments.append"),
)
