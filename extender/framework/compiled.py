"""Plugins made ready to run: per-node rules bound, looped, compiled and called once, before anyone asks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from extender.framework.arguments import default_args
from extender.framework.binding import BindingError, Parameter, Source, bind_plugin
from extender.framework.cache import prepare_cache
from extender.framework.declaration import Args, Cycle, Filter, Normalize, Plugin, Prepare, Score
from extender.framework.facts import PodFacts
from extender.framework.loop import Loop, LoopError, filter_loop, prune, score_loop, vector_loop
from extender.framework.normalize import NORMALISERS
from extender.model.columns import NodeTable
from extender.model.pod import Pod

_DTYPES: dict[type, type] = {int: np.int64, float: np.float64, bool: np.bool_}


class PluginFault(Exception):
    """A plugin broke its promise: a value missing from `prepare`, of the wrong length, or an impossible answer."""


class CompiledPlugin:
    """One plugin and its loops. Values in, values out; holds nothing of a cycle."""

    def __init__(
        self, plugin: Plugin, loops: Mapping[str, Loop], parameters: Mapping[str, Sequence[Parameter]]
    ) -> None:
        self.plugin = plugin
        self._filter = _Call(plugin, plugin.filter, loops.get("filter"), parameters.get("filter", ()))
        self._score = _Call(plugin, plugin.score, loops.get("score"), parameters.get("score", ()))
        self._normalize = loops.get("normalize")

    def filter_rows(self, cycle: Cycle, codes: NDArray[np.int16], base: int) -> int:
        """Where codes[i] is 0 and the rule rejects the node in cycle.rows[i], set codes[i] = base + its answer.

        Unknown nodes (row -1) are no data: they pass. Returns how many it rejected. Raises PluginFault, with
        `codes` changed in part, if the rule answers with a reason that the plugin does not have.
        """
        loop, values = self._filter.ready(cycle)
        assert self.plugin.filter is not None  # noqa: S101 - ready() raises otherwise
        reasons = len(self.plugin.filter.rejections)
        rejected = loop(_rows(cycle), codes, base, reasons, *values)
        if rejected < 0:
            raise PluginFault(
                f"{self.plugin.name}: its filter answered outside 0..{reasons} for candidate {-1 - rejected}"
            )
        return rejected

    def score_rows(self, cycle: Cycle, out: NDArray[np.int64]) -> None:
        """Raw score of each candidate, in the order of cycle.rows; an unknown node (row -1) scores 0."""
        loop, values = self._score.ready(cycle)
        loop(_rows(cycle), out, *values)

    def normalize(self, raw: NDArray[np.int64]) -> NDArray[np.int64]:
        """Raw scores -> 0..100, a new vector (the same one if the plugin does not normalise)."""
        if self._normalize is None:
            return raw
        out = np.empty(len(raw), np.int64)
        self._normalize(_plain(raw, np.int64), out)
        return out


class _Call:
    """What stands between a cycle and the arguments of one loop."""

    def __init__(
        self, plugin: Plugin, part: Filter | Score | None, loop: Loop | None, bound: Sequence[Parameter]
    ) -> None:
        self._plugin = plugin
        self._loop = loop
        self._prepare = part.prepare if part else None
        self._getters = [_getter(parameter) for parameter in bound]

    def ready(self, cycle: Cycle) -> tuple[Loop, list[Any]]:
        """The loop and its values for this cycle; columns are read anew, because a growing table replaces them."""
        if self._loop is None:
            raise PluginFault(f"{self._plugin.name} has no such phase")
        prepared = _prepared(self._prepare, cycle)
        facts = PodFacts(cycle.pod)
        try:
            return self._loop, [get(cycle, facts, prepared) for get in self._getters]
        except KeyError as missing:
            raise PluginFault(f"{self._plugin.name}: prepare did not compute {missing}") from None


_Getter = Callable[[Cycle, PodFacts, Mapping[str, Any]], Any]
_NOTHING: Mapping[str, Any] = {}


def _prepared(prepare: Prepare | None, cycle: Cycle) -> Mapping[str, Any]:
    return _NOTHING if prepare is None else prepare.compute(cycle)


def _getter(parameter: Parameter) -> _Getter:
    read = attrgetter(parameter.key)
    key, kind, dtype = parameter.key, parameter.kind, _DTYPES[parameter.kind]
    match parameter.source:
        case Source.POD:
            return lambda _cycle, facts, _prepared: read(facts)
        case Source.NODE | Source.NODE_ROW:
            return lambda cycle, _facts, _prepared: read(cycle.nodes)
        case Source.ARG:
            return lambda cycle, _facts, _prepared: read(cycle.args)
        case Source.CYCLE_SCALAR:
            return lambda _cycle, _facts, prepared: kind(prepared[key])
        case Source.CYCLE_VECTOR:
            return lambda _cycle, _facts, prepared: _plain(prepared[key], dtype)
        case Source.CYCLE_COLUMN:
            return lambda cycle, _facts, prepared: _column(key, prepared[key], dtype, cycle.nodes.rows)


def _column(key: str, values: Any, dtype: type, rows: int) -> NDArray[Any]:
    """The loop does not check bounds: a column that is too short must not reach it."""
    column = _plain(values, dtype)
    if len(column) < rows:
        raise PluginFault(f"prepare computed {len(column)} values of cycle_{key} for {rows} rows")
    return column


def _plain(values: Any, dtype: type) -> NDArray[Any]:
    """As the compiled signature wants it: contiguous, writable, of this type; a copy only where it is not."""
    array: NDArray[Any] = np.ascontiguousarray(values, dtype)
    return array if array.flags.writeable else array.copy()


def _rows(cycle: Cycle) -> NDArray[np.int32]:
    return _plain(cycle.rows, np.int32)


def compile_all(
    plugins: Iterable[Plugin], cache_dir: Path, refused: dict[str, str] | None = None
) -> dict[str, CompiledPlugin]:
    """Bind, generate, compile and warm every loop of every plugin: {name: CompiledPlugin}.

    Raises BindingError or LoopError naming the plugin, unless `refused` is given: then such a plugin is left out
    and `refused[name]` says why (for plugins of third parties). Raises KernelCacheError if `cache_dir` is unusable.
    """
    prepare_cache(cache_dir)
    compiled = {}
    for plugin in plugins:
        try:
            compiled[plugin.name] = _compile(plugin, cache_dir)
        except (BindingError, LoopError) as wrong:
            if refused is None:
                raise
            refused[plugin.name] = str(wrong)
    prune(cache_dir)
    return compiled


def _compile(plugin: Plugin, cache_dir: Path) -> CompiledPlugin:
    parameters = bind_plugin(plugin)
    args = _usable_defaults(plugin)
    loops: dict[str, Loop] = {}
    if plugin.filter is not None:
        loops["filter"] = filter_loop(plugin.filter.rule, parameters["filter"], cache_dir)
    if plugin.score is not None:
        loops["score"] = score_loop(plugin.score.rule, parameters["score"], cache_dir)
        if plugin.score.normalize is not Normalize.NONE:
            loops["normalize"] = vector_loop(NORMALISERS[plugin.score.normalize], cache_dir)
    ready = CompiledPlugin(plugin, loops, parameters)
    # A plugin that dislikes an empty cluster may still be right about a real one.
    with contextlib.suppress(Exception):
        _warm(ready, args)
    return ready


def _usable_defaults(plugin: Plugin) -> Args:
    try:
        return default_args(plugin)
    except ValueError as wrong:
        raise BindingError(str(wrong)) from None


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
        compiled.normalize(raw)
