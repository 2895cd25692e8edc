"""A tree -> typed parts, collecting every problem on the way instead of stopping at the first.

A part that is wrong is reported and left out; what is right goes on to the checks of meaning, so that one answer
tells about all mistakes. What comes out is complete only if nothing was found.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from extender.policy.problem import Findings, at, nearest, one_of, shown
from extender.policy.reading import ABSENT

_WORDS_FOR_BOOL = frozenset({"yes", "no", "on", "off", "y", "n"})

Part = TypeVar("Part", bound=msgspec.Struct)


class Places:
    """Where each typed part stands in the text."""

    def __init__(self) -> None:
        self._paths: dict[int, tuple[str, str]] = {}
        self._parts: list[object] = []  # kept alive, so that no id is used twice

    def put(self, part: object, path: str, name_path: str | None = None) -> None:
        self._paths[id(part)] = path, at(path, "name") if name_path is None else name_path
        self._parts.append(part)

    def of(self, part: object) -> str:
        return self._paths[id(part)][0] if id(part) in self._paths else ""

    def name_of(self, part: object) -> str:
        """Where the part's name stands; the part itself where a name is all it is."""
        return self._paths[id(part)][1] if id(part) in self._paths else ""


class Structure:
    def __init__(self, findings: Findings, places: Places) -> None:
        self._findings = findings
        self._places = places

    def part(self, kind: type[Part], tree: Any, path: str) -> Part | None:
        """`tree` as a `kind`; None if it is not one (then the problem is in the findings)."""
        if not isinstance(tree, Mapping):
            self._findings.wrong(path, f"want a mapping, got {kind_of(tree)}", one_of(_keys(kind)))
            return None
        self._refuse_unknown(kind, tree, path)
        values = {}
        complete = True
        for field in _fields(kind):
            raw = tree.get(field.encode_name)
            if raw is None:
                # As in Kubernetes, null is the same as absent.
                complete = self._absence_is_fine(field, path) and complete
                continue
            value = self._value(field.type, raw, at(path, field.encode_name))
            if value is not ABSENT:
                values[field.name] = value
            elif field.required:
                complete = False
        if not complete:
            return None
        made = kind(**values)
        self._places.put(made, path)
        return made

    def _absence_is_fine(self, field: msgspec.structs.FieldInfo, path: str) -> bool:
        if field.required:
            self._findings.wrong(at(path, field.encode_name), "missing")
        return not field.required

    def _refuse_unknown(self, kind: type[msgspec.Struct], tree: Mapping[str, Any], path: str) -> None:
        known = _keys(kind)
        for key in tree:
            if key not in known:
                noun = getattr(kind, "noun", "field")
                self._findings.wrong(at(path, key), f"unknown {noun} {shown(key)}", nearest(key, known))

    def _value(self, kind: Any, raw: Any, path: str) -> Any:
        bare = _bare(kind)
        if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
            made = self.part(bare, raw, path)
            return ABSENT if made is None else made
        if get_origin(bare) is tuple:
            return self._list(kind, get_args(bare)[0], raw, path)
        if get_origin(bare) is dict:
            return self._map(get_args(bare)[1], raw, path)
        return self._leaf(kind, raw, path)

    def _list(self, kind: Any, item: Any, raw: Any, path: str) -> Any:
        if not isinstance(raw, list):
            self._findings.wrong(path, f"want a list, got {kind_of(raw)}", "begin each entry with `- `")
            return ABSENT
        longest = max((meta.max_length or 0 for meta in _metas(kind)), default=0)
        if longest and len(raw) > longest:
            self._findings.wrong(path, f"too many entries: {len(raw)}", f"at most {longest}")
            return ABSENT
        values = [self._value(item, entry, at(path, index)) for index, entry in enumerate(raw)]
        return tuple(value for value in values if value is not ABSENT)

    def _map(self, item: Any, raw: Any, path: str) -> Any:
        if not isinstance(raw, Mapping):
            self._findings.wrong(path, f"want a mapping, got {kind_of(raw)}")
            return ABSENT
        if item is Any:
            return dict(raw)
        values = {key: self._value(item, value, at(path, key)) for key, value in raw.items() if value is not None}
        return {key: value for key, value in values.items() if value is not ABSENT}

    def _leaf(self, kind: Any, raw: Any, path: str) -> Any:
        try:
            return msgspec.convert(raw, kind, strict=True)
        except msgspec.ValidationError:
            message, hint = _complaint(kind, raw)
            self._findings.wrong(path, message, hint)
            return ABSENT


def kind_of(value: Any) -> str:
    """What a tree's value is, in the words of YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return f"{shown(value)}"


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    # Kept, because msgspec evaluates the annotations anew each time: half of all parsing.
    return msgspec.structs.fields(kind)


@cache
def _keys(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field.encode_name for field in _fields(kind))


def _bare(kind: Any) -> Any:
    """The type without its bounds and without `| None`."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (types.UnionType, typing.Union):
        options = [option for option in get_args(kind) if option is not type(None)]
        return _bare(options[0])
    return kind


def _metas(kind: Any) -> list[msgspec.Meta]:
    if get_origin(kind) is Annotated:
        return [extra for extra in get_args(kind)[1:] if isinstance(extra, msgspec.Meta)]
    return [meta for option in get_args(kind) for meta in _metas(option)] if get_origin(kind) is not None else []


def _complaint(kind: Any, raw: Any) -> tuple[str, str]:
    bare = _bare(kind)
    if get_origin(bare) is typing.Literal:
        choices = [str(choice) for choice in get_args(bare)]
        return f"want {' or '.join(choices)}, got {kind_of(raw)}", nearest(raw, choices) if isinstance(raw, str) else ""
    wanted = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}.get(bare, "another value")
    if form := _form(kind, raw, bare):
        return form
    if _fits(raw, bare):
        return f"{kind_of(raw)} is out of bounds", _bounds(kind)
    hint = "write true or false" if bare is bool and str(raw).lower() in _WORDS_FOR_BOOL else ""
    if bare is str and isinstance(raw, int | float):
        hint = "put it in quotes to make it text"
    return f"want {wanted}, got {kind_of(raw)}", hint


def _form(kind: Any, raw: Any, bare: Any) -> tuple[str, str] | None:
    """What to say of a text that has not the form that its type asks for."""
    meta = next((meta for meta in _metas(kind) if meta.pattern is not None), None)
    if meta is None or (isinstance(raw, str) and bare is str and re.search(meta.pattern or "", raw)):
        return None
    return f"want {meta.title}, got {kind_of(raw)}", f"such as {', '.join(map(str, meta.examples or ()))}"


def _fits(raw: Any, bare: Any) -> bool:
    return isinstance(bare, type) and (type(raw) is bare or (bare is float and type(raw) is int))


def _bounds(kind: Any) -> str:
    words = []
    for meta in _metas(kind):
        limits = {
            "at least": meta.ge,
            "at most": meta.le,
            "at least this many characters:": meta.min_length,
            "at most this many characters:": meta.max_length,
        }
        words += [f"{word} {limit}" for word, limit in limits.items() if limit is not None]
    return ", ".join(words)
