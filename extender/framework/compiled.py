"""Plugins made ready to run: per-node rules bound, looped, compiled and called once, before anyone asks.

Theory of the call: a loop reads its arguments from a block of words (extender/native/function.py) that stays between
calls. What seldom changes is written only when it does: columns when the table's layout changes, args when they are
other args, facts when it is another pod. A call writes the candidates, where the answer goes, and what `prepare`
computed. What is in the block is kept alive here. One thread at a time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extender.framework.arguments import default_args
from extender.framework.binding import BindingError, Parameter, Source, bind_plugin
from extender.framework.declaration import Args, Cycle, Filter, Normalize, Plugin, Score, Settled
from extender.framework.facts import PodFacts
from extender.framework.loop import (
    FILTER_HEAD,
    SCORE_HEAD,
    Loop,
    LoopError,
    filter_loop,
    score_loop,
    vector_loop,
    weighing,
)
from extender.framework.normalize import NORMALISERS
from extender.model.columns import NodeTable
from extender.model.pod import Pod
from extender.native.folders import Folders
from extender.native.function import Block, NativeFunction
from extender.native.kinds import RAISED, WRONG_ARGUMENT
from extender.native.library import load

_DTYPES: dict[type, type] = {int: np.int64, float: np.float64, bool: np.bool_}
_ROWS, _OUT = 1, 2
"""Slots of the candidates' rows and of the vector that the loop fills."""
_BASE, _LIMIT = 2, 3
"""Positions in the signature of a filter's loop."""


class PluginFault(Exception):
    """A plugin broke its promise: a value missing from `prepare`, of the wrong length, or an impossible answer."""


class CompiledPlugin:
    """One plugin and its loops. Values in, values out; holds nothing of a cycle but what spares the next one work."""

    def __init__(
        self,
        plugin: Plugin,
        loops: Mapping[str, Loop],
        parameters: Mapping[str, Sequence[Parameter]],
        last_pod: LastPod | None = None,
    ) -> None:
        self.plugin = plugin
        last_pod = last_pod or LastPod()
        self._reasons = len(plugin.filter.rejections) if plugin.filter else 0
        self._filter = self._score = None
        if plugin.filter and "filter" in loops:
            self._filter = _Call(plugin, plugin.filter, loops["filter"], parameters["filter"], last_pod)
            self._filter.block.put(_LIMIT, self._reasons)
        if plugin.score and "score" in loops:
            self._score = _Call(plugin, plugin.score, loops["score"], parameters["score"], last_pod)
        self._normalize = Block(loops["normalize"]) if "normalize" in loops else None
        self._weigh = Block(loops["weigh"]) if "weigh" in loops else None

    def filter_rows(self, cycle: Cycle, codes: NDArray[np.int16], base: int) -> int:
        """Where codes[i] is 0 and the rule rejects the node in cycle.rows[i], set codes[i] = base + its answer.

        Unknown nodes (row -1) are no data: they pass. Returns how many it rejected. Raises PluginFault, with
        `codes` changed in part, if the rule answers with a reason that the plugin does not have.
        """
        if self._filter is None:
            raise PluginFault(f"{self.plugin.name} has no such phase")
        self._filter.block.put(_BASE, base)
        rejected = self._filter.run(cycle, codes)
        if rejected < 0:
            raise PluginFault(
                f"{self.plugin.name}: its filter answered outside 0..{self._reasons} for candidate {-1 - rejected}"
            )
        return rejected

    def score_rows(self, cycle: Cycle, out: NDArray[np.int64]) -> None:
        """Raw score of each candidate, in the order of cycle.rows; an unknown node (row -1) scores 0."""
        if self._score is None:
            raise PluginFault(f"{self.plugin.name} has no such phase")
        self._score.run(cycle, out)

    def normalize(self, raw: NDArray[np.int64]) -> NDArray[np.int64]:
        """Raw scores -> 0..100, a new vector (the same one if the plugin does not normalise)."""
        block = self._normalize
        if block is None:
            return raw
        out = np.empty(len(raw), np.int64)
        block.words[1], block.words[2] = id(raw), id(out)
        if block.enter(block.address) <= RAISED:
            block.put(0, np.array(raw, np.int64))
            block.call()
        return out

    def add_weighted(self, scores: NDArray[np.int64], totals: NDArray[np.int64], weight: int) -> bool:
        """Add weight x score to each total. False, and nothing is added, if a score is not in 0..SCORE_MAX."""
        block = self._weigh
        if block is None:
            raise PluginFault(f"{self.plugin.name} has no such phase")
        block.words[1], block.words[2], block.words[3] = id(scores), id(totals), weight
        outside = block.enter(block.address)
        if outside <= RAISED:
            block.put(0, np.array(scores, np.int64))
            block.put(1, totals)
            outside = block.call()
        return outside == 0


class LastPod:
    """Facts of the pod of this call, computed once for all plugins that name them."""

    def __init__(self) -> None:
        self._pod: Pod | None = None
        self._facts: PodFacts | None = None

    def facts(self, pod: Pod) -> PodFacts:
        if self._facts is None or self._pod is not pod:
            self._pod, self._facts = pod, PodFacts(pod)
        return self._facts


class _Call:
    """What stands between a cycle and one loop."""

    def __init__(
        self, plugin: Plugin, part: Filter | Score, loop: Loop, bound: Sequence[Parameter], last_pod: LastPod
    ) -> None:
        self.block = Block(loop)
        self._enter, self._words, self._address = self.block.enter, self.block.words, self.block.address
        self._plugin = plugin
        self._loop = loop
        self._compute = part.prepare.compute if part.prepare else None
        self._last_pod = last_pod
        head = len(FILTER_HEAD if isinstance(part, Filter) else SCORE_HEAD)
        placed = list(enumerate(bound, head))
        self._of_nodes = [(i, attrgetter(p.key)) for i, p in placed if p.source in (Source.NODE, Source.NODE_ROW)]
        self._of_args = [(i, attrgetter(p.key)) for i, p in placed if p.source is Source.ARG]
        self._of_pod = [(i, attrgetter(p.key)) for i, p in placed if p.source is Source.POD]
        self._scalars = [(i, p.key, p.kind) for i, p in placed if p.source is Source.CYCLE_SCALAR]
        self._vectors = [(i, p.key, p.kind, False) for i, p in placed if p.source is Source.CYCLE_VECTOR]
        self._vectors += [(i, p.key, p.kind, True) for i, p in placed if p.source is Source.CYCLE_COLUMN]
        # What the block holds now; compared by identity, and kept so that no other object can take its place.
        self._nodes: NodeTable | None = None
        self._layout = -1
        self._args: Any = _NOTHING
        self._pod: Pod | None = None
        self._settled: Settled | None = None
        self._rows = -1

    def run(self, cycle: Cycle, out: NDArray[Any]) -> int:
        """The loop's answer for this cycle. Raises PluginFault, and TypeError if `out` is not what the loop fills."""
        compute = self._compute
        prepared = None if compute is None else compute(cycle)
        nodes = cycle.nodes
        if nodes is not self._nodes or nodes.layout_version != self._layout:
            self._place_nodes(nodes)
        if cycle.args is not self._args:
            self._place_args(cycle.args)
        if self._of_pod and cycle.pod is not self._pod:
            self._place_pod(cycle.pod)
        if prepared is not None and (prepared is not self._settled or nodes.rows != self._rows):
            self._settled = None
            self._place_prepared(prepared, nodes.rows)
            if type(prepared) is Settled:
                self._settled, self._rows = prepared, nodes.rows
        words = self._words
        words[_ROWS], words[_OUT] = id(cycle.rows), id(out)
        answer = self._enter(self._address)
        if answer <= RAISED:
            return self._again(cycle, prepared, out, answer)
        return answer

    def _place_nodes(self, nodes: NodeTable) -> None:
        for position, read in self._of_nodes:
            self.block.put(position, read(nodes))
        self._nodes, self._layout = nodes, nodes.layout_version

    def _place_args(self, args: Any) -> None:
        for position, read in self._of_args:
            self.block.put(position, read(args))
        self._args = args

    def _place_pod(self, pod: Pod) -> None:
        facts = self._last_pod.facts(pod)
        for position, read in self._of_pod:
            self.block.put(position, read(facts))
        self._pod = pod

    def _place_prepared(self, prepared: Mapping[str, Any], rows: int, *, copied: bool = False) -> None:
        """The entry checks arrays; only one that it did not take is worth a copy."""
        put, kept = self.block.put, self.block.kept
        try:
            for position, key, kind in self._scalars:
                put(position, kind(prepared[key]))
            for position, key, kind, is_column in self._vectors:
                values = prepared[key]
                if copied or type(values) is not np.ndarray:
                    values = np.array(values, _DTYPES[kind], order="C")
                # The loop does not check bounds: a column that is too short must not reach it.
                if is_column and len(values) < rows:
                    raise PluginFault(f"prepare computed {len(values)} values of cycle_{key} for {rows} rows")
                if kept.get(position) is not values:
                    put(position, values)
        except KeyError as missing:
            raise PluginFault(f"{self._plugin.name}: prepare did not compute {missing}") from None

    def _again(self, cycle: Cycle, prepared: Mapping[str, Any] | None, out: NDArray[Any], answer: int) -> int:
        """An argument was not what the loop takes; whatever may be copied is."""
        if answer == RAISED or answer == WRONG_ARGUMENT + 1:
            raise self._loop.fault(answer, cycle.rows, out)
        if prepared is not None:
            self._settled = None  # what is copied does not follow
            self._place_prepared(prepared, cycle.nodes.rows, copied=True)
        self.block.put(0, np.array(cycle.rows, np.int32))
        self.block.put(1, out)
        return self.block.call()


_NOTHING = object()


def compile_all(
    plugins: Iterable[Plugin],
    cache_dir: Path,
    refused: dict[str, str] | None = None,
    *,
    prebuilt: Path | None = None,
    beside: Sequence[NativeFunction] = (),
) -> dict[str, CompiledPlugin]:
    """Bind, generate, compile and warm every loop of every plugin: {name: CompiledPlugin}.

    `beside`: native functions that are loaded with them, out of the same library. Folders: extender/native/library.py.

    Raises BindingError or LoopError naming the plugin, unless `refused` is given: then such a plugin is left out
    and `refused[name]` says why (for plugins of third parties). Raises NotLoaded if there is nothing to compile with.
    """
    drafts = drafted(plugins, refused)
    load([*beside, *native_functions(drafts)], Folders(cache_dir, prebuilt))
    last_pod = LastPod()
    compiled = {}
    for draft in drafts:
        why = next((loop.refused for loop in draft.loops.values() if loop.refused), "")
        if not why:
            compiled[draft.plugin.name] = _warmed(draft, last_pod)
        elif refused is None:
            raise LoopError(why)
        else:
            refused[draft.plugin.name] = why
    return compiled


@dataclass(frozen=True, slots=True)
class Draft:
    """A plugin that is bound and looped, and not compiled yet."""

    plugin: Plugin
    args: Args
    parameters: Mapping[str, Sequence[Parameter]]
    loops: Mapping[str, Loop]


def drafted(plugins: Iterable[Plugin], refused: dict[str, str] | None = None) -> list[Draft]:
    """Raises BindingError or LoopError, or says in `refused` why a plugin is left out."""
    shared = {how: vector_loop(rule) for how, rule in NORMALISERS.items()}
    weigh = weighing()
    drafts = []
    for plugin in plugins:
        try:
            drafts.append(_draft(plugin, shared, weigh))
        except (BindingError, LoopError) as wrong:
            if refused is None:
                raise
            refused[plugin.name] = str(wrong)
    return drafts


def native_functions(drafts: Iterable[Draft]) -> list[NativeFunction]:
    """Each once; plugins share normalisers and the sum."""
    return list(dict.fromkeys(loop for draft in drafts for loop in draft.loops.values()))


def _draft(plugin: Plugin, normalisers: Mapping[Normalize, Loop], weigh: Loop) -> Draft:
    parameters = bind_plugin(plugin)
    loops: dict[str, Loop] = {}
    if plugin.filter is not None:
        loops["filter"] = filter_loop(plugin.filter.rule, parameters["filter"])
    if plugin.score is not None:
        loops["score"], loops["weigh"] = score_loop(plugin.score.rule, parameters["score"]), weigh
        if plugin.score.normalize is not Normalize.NONE:
            loops["normalize"] = normalisers[plugin.score.normalize]
    return Draft(plugin, _usable_defaults(plugin), parameters, loops)


def _usable_defaults(plugin: Plugin) -> Args:
    try:
        return default_args(plugin)
    except ValueError as wrong:
        raise BindingError(str(wrong)) from None


def _warmed(draft: Draft, last_pod: LastPod) -> CompiledPlugin:
    ready = CompiledPlugin(draft.plugin, draft.loops, draft.parameters, last_pod)
    # A plugin that dislikes an empty cluster may still be right about a real one.
    with contextlib.suppress(Exception):
        _warm(ready, draft.args)
    return ready


def _warm(compiled: CompiledPlugin, args: Args) -> None:
    """Call every part once on a tiny table, so that the first request pays for nothing."""
    plugin = compiled.plugin
    nodes = NodeTable()
    rows = np.array([nodes.add("warm"), -1], np.int32)
    cycle = Cycle(
        pod=Pod(namespace="default", name="warm", uid="warm"),
        nodes=nodes,
        rows=rows,
        args=args,
        book=plugin.book() if plugin.book else None,
        memo={},
        pods={},
        nominated={},
        objects={},
        assignments=(),
    )
    if plugin.pre_filter:
        plugin.pre_filter.check(cycle)
    if plugin.filter:
        compiled.filter_rows(cycle, np.zeros(len(rows), np.int16), 0)
    if plugin.score:
        raw = np.zeros(len(rows), np.int64)
        compiled.score_rows(cycle, raw)
        compiled.add_weighted(compiled.normalize(raw), np.zeros(len(rows), np.int64), 1)
