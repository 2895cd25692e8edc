"""Raw arguments of a policy -> the plugin's typed Args, or every problem with its path below `args`.

Decoding is strict and case-sensitive, as upstream's configuration is. A null counts as absent, and so do the
`apiVersion` and `kind` that a pasted configuration carries.
"""

from __future__ import annotations

import difflib
import functools
import re
import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from extender.framework.declaration import Args, Plugin
from extender.quantity import QuantityError

Problem = tuple[str, str]
"""(path below args such as `resources[0].weight`, message)"""

_PASTED = ("apiVersion", "kind")
_AT = re.compile(r" - at `(?:key in )?\$(.*)`$")


def args_of(plugin: Plugin, raw: object) -> tuple[Args | None, list[Problem]]:
    """Decode, default and check. Either the Args, or at least one problem; never both, never an exception."""
    args, problems = decode(plugin, raw)
    if args is None:
        return None, problems
    problems = plugin.check(args)
    return (None, problems) if problems else (args, [])


def decode(plugin: Plugin, raw: object) -> tuple[Args | None, list[Problem]]:
    """Decode and default only: what the types say."""
    if not isinstance(raw, Mapping):
        return None, [("", f"want a mapping of arguments, got {type(raw).__name__}")]
    tree = _without_nulls({k: v for k, v in raw.items() if k not in _PASTED})
    problems = list(_problems(plugin.args, tree, ""))
    if problems:
        return None, problems
    try:
        if plugin.decode_args is not None:
            return plugin.decode_args(tree), []
        return msgspec.convert(tree, plugin.args, strict=True), []
    except msgspec.ValidationError as wrong:
        return None, [located(wrong, "")]
    except QuantityError as wrong:
        return None, [("", str(wrong))]


def default_args(plugin: Plugin) -> Args:
    """The Args of a policy that gives none. A plugin without usable defaults breaks its promise: ValueError.

    Those of a plugin that needs arguments are what its types say, and nothing that a policy could use.
    """
    args, problems = decode(plugin, {}) if plugin.needs_args else args_of(plugin, {})
    if args is None:
        raise ValueError(f"plugin {plugin.name} has no usable default arguments: {problems}")
    return args


def _without_nulls(tree: Any) -> Any:
    """Nulls in mappings are absent; as elements of a list they stay, and are refused by their type."""
    if isinstance(tree, Mapping):
        return {k: _without_nulls(v) for k, v in tree.items() if v is not None}
    if isinstance(tree, list):
        return [_without_nulls(v) for v in tree]
    return tree


def _problems(kind: Any, tree: Any, path: str) -> typing.Iterator[Problem]:
    """msgspec stops at the first problem; walk the struct and its lists to find them all."""
    bare = typing.get_args(kind)[0] if typing.get_origin(kind) is typing.Annotated else kind
    fields = _fields(bare)
    if fields is not None and isinstance(tree, Mapping):
        yield from _struct_problems(bare, fields, tree, path)
    elif typing.get_origin(bare) in (list, tuple) and isinstance(tree, list):
        for i, item in enumerate(tree):
            yield from _problems(typing.get_args(bare)[0], item, f"{path}[{i}]")
    else:
        try:
            msgspec.convert(tree, kind, strict=True)
        except msgspec.ValidationError as wrong:
            yield located(wrong, path)


def _struct_problems(kind: Any, fields: dict[str, Any], tree: Mapping[Any, Any], path: str) -> typing.Iterator[Problem]:
    for key in tree:
        if key not in fields:
            near = difflib.get_close_matches(str(key), fields, 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(fields) or 'none'}"
            yield _join(path, str(key)), f"unknown field; {hint}"
    for field in msgspec.structs.fields(kind):
        if field.encode_name in tree:
            yield from _problems(fields[field.encode_name], tree[field.encode_name], _join(path, field.encode_name))
        elif field.required:
            yield _join(path, field.encode_name), "missing"


@functools.cache
def _fields(kind: Any) -> dict[str, Any] | None:
    """{name on the wire: type} of a Struct, bounds of Annotated included; None for anything else."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return None
    hints = typing.get_type_hints(kind, include_extras=True)
    return {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}


def located(wrong: msgspec.DecodeError, path: str) -> Problem:
    """(path of the value below `path`, message without the path) of a decoding error."""
    text = str(wrong)
    found = _AT.search(text)
    if not found:
        return path, text
    below = found[1].removeprefix(".") if not path else found[1]
    return path + below, text[: found.start()]


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
