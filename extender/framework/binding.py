"""A rule's parameter names are its declaration: each is resolved here, once, to where its value comes from.

    prefix    looked up in                      in the loop
    pod_      PodFacts                          one value for the whole call
    node_     NodeTable.COLUMNS                 column[row]
              `node_allocatable`, `node_requested`  allocatable[row], one int per resource
    arg_      the fields of the plugin's Args   one value for the whole call
    cycle_    the plugin's Prepare              scalar as it is, column[row], vector whole

The annotation must say the kind of the value (int, float, bool; Sequence[int] or Sequence[float] for a vector
or a row), so that the rule type-checks as what it will be compiled to. A vector may be a MutableSequence: room where
a rule keeps what it has computed for a node, to be found again while its inputs stay the same.
"""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Callable, Iterable, MutableSequence, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from extender.framework.declaration import Args, Filter, Plugin, Prepare, Score
from extender.framework.facts import PodFacts
from extender.model.columns import NodeTable

Part = Filter | Score

_KIND_NAMES = {"bool": bool, "int64": int, "float64": float}
_COLUMNS = {name: _KIND_NAMES[kind.__name__.rstrip("_")] for name, kind, _meaning in NodeTable.COLUMNS}
_FACTS = {name: kind for name, kind, _meaning in PodFacts.FACTS}
_ROWS = ("allocatable", "requested")


class BindingError(Exception):
    """A rule names something that does not exist; the plugin cannot be used as it is written."""


class Source(Enum):
    POD = "pod"
    NODE = "node"
    NODE_ROW = "node row"
    ARG = "arg"
    CYCLE_SCALAR = "cycle scalar"
    CYCLE_COLUMN = "cycle column"
    CYCLE_VECTOR = "cycle vector"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a rule."""

    name: str
    """As the rule spells it."""
    source: Source
    key: str
    """Without its prefix."""
    kind: type
    """int, float or bool; of one element where the value is a column, a row or a vector."""

    @property
    def by_row(self) -> bool:
        """The loop indexes it with the node's row."""
        return self.source in (Source.NODE, Source.NODE_ROW, Source.CYCLE_COLUMN)


def bind_plugin(plugin: Plugin) -> dict[str, tuple[Parameter, ...]]:
    """{"filter" | "score": parameters} of the plugin's per-node parts. Raises BindingError naming the plugin."""
    bound = {}
    for phase, part in (("filter", plugin.filter), ("score", plugin.score)):
        if part is not None:
            try:
                bound[phase] = bind(part.rule, plugin.args, part.prepare)
            except BindingError as wrong:
                raise BindingError(f"plugin {plugin.name}, {phase}: {wrong}") from None
    return bound


def bind(rule: Callable[..., int], args: type[Args], prepare: Prepare | None = None) -> tuple[Parameter, ...]:
    """Resolve each parameter of `rule`. Raises BindingError with the list of known names."""
    hints = _hints(rule)
    if hints.get("return") is not int:
        raise BindingError(f"{_named(rule)} must be annotated to return int")
    return tuple(_resolve(name, hints, args, prepare) for name in _names(rule))


def _names(rule: Callable[..., int]) -> list[str]:
    parameters = inspect.signature(rule).parameters.values()
    for parameter in parameters:
        plain = parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        if not plain or parameter.default is not inspect.Parameter.empty:
            raise BindingError(f"{_named(rule)}({parameter}): a rule takes plain parameters without defaults")
    return [parameter.name for parameter in parameters]


def _hints(rule: Callable[..., int]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(rule)
    except (NameError, TypeError) as wrong:
        raise BindingError(f"{_named(rule)}: its annotations cannot be read: {wrong}") from None


def _resolve(name: str, hints: dict[str, Any], args: type[Args], prepare: Prepare | None) -> Parameter:
    prefix, _, key = name.partition("_")
    match prefix:
        case "pod":
            return _checked(name, Source.POD, key, _known(name, key, _FACTS, "facts of the pod"), hints)
        case "node" if key in _ROWS:
            return _checked(name, Source.NODE_ROW, key, int, hints)
        case "node":
            kind = _known(name, key, _COLUMNS, "columns", extra=_ROWS)
            return _checked(name, Source.NODE, key, kind, hints)
        case "arg":
            return _checked(name, Source.ARG, key, _known(name, key, _arg_kinds(args), "arguments"), hints)
        case "cycle":
            return _cycle_value(name, key, hints, prepare or Prepare(compute=lambda _cycle: {}))
    raise BindingError(f"parameter {name!r}: want a name that begins with pod_, node_, arg_ or cycle_")


def _cycle_value(name: str, key: str, hints: dict[str, Any], prepare: Prepare) -> Parameter:
    declared = {
        **dict.fromkeys(prepare.scalars, Source.CYCLE_SCALAR),
        **dict.fromkeys(prepare.columns, Source.CYCLE_COLUMN),
        **dict.fromkeys(prepare.vectors, Source.CYCLE_VECTOR),
    }
    if key not in declared:
        raise _unknown(name, key, declared, "values that prepare computes")
    source = declared[key]
    kind = _annotated_kind(name, hints, sequence=source is Source.CYCLE_VECTOR)
    return Parameter(name, source, key, kind)


def _known(name: str, key: str, kinds: dict[str, type], what: str, extra: Iterable[str] = ()) -> type:
    if key not in kinds:
        raise _unknown(name, key, (*kinds, *extra), what)
    return kinds[key]


def _unknown(name: str, key: str, known: Iterable[str], what: str) -> BindingError:
    prefix = name[: len(name) - len(key)]
    names = sorted(prefix + k for k in known)
    near = difflib.get_close_matches(name, names, 1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return BindingError(f"parameter {name!r} is unknown{hint}; known {what}: {', '.join(names) or 'none'}")


def _checked(name: str, source: Source, key: str, kind: type, hints: dict[str, Any]) -> Parameter:
    said = _annotated_kind(name, hints, sequence=source is Source.NODE_ROW)
    if said is not kind:
        raise BindingError(f"parameter {name!r} is {kind.__name__}, but the rule says {said.__name__}")
    return Parameter(name, source, key, kind)


def _annotated_kind(name: str, hints: dict[str, Any], *, sequence: bool) -> type:
    hint = hints.get(name)
    if sequence and typing.get_origin(hint) in (Sequence, MutableSequence):
        hint = typing.get_args(hint)[0]
    elif sequence:
        hint = None
    if hint is int or hint is float or hint is bool:
        return typing.cast("type", hint)
    want = "Sequence[int] or Sequence[float]" if sequence else "int, float or bool"
    raise BindingError(f"parameter {name!r} must be annotated as {want}")


def _arg_kinds(args: type[Args]) -> dict[str, type]:
    """Fields that a rule can take: numbers and switches. Lists and texts are for `prepare`."""
    return {name: kind for name, kind in typing.get_type_hints(args).items() if kind in (int, float, bool)}


def _named(rule: Callable[..., int]) -> str:
    return getattr(rule, "__qualname__", repr(rule))
