"""Policy text -> a plain tree of dicts, lists and scalars.

A policy is edited by hand, by people and by programs, so the reader trusts nothing: the size of the text, the
depth, and what aliases expand to are bounded before anything is built from them. It works on the event stream of
libyaml with its own stack: no recursion that a document could exhaust.

Scalars follow YAML 1.2's core schema, as JSON does: `yes` and `on` are strings, `010` is ten, and a time stays text.
What cannot be expressed in JSON (keys that are not strings, NaN, foreign tags) is a problem.
JSON text is read by a JSON reader, since not all JSON is YAML for libyaml (surrogate pairs, DEL).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from extender.policy.problem import Findings, PolicyRefused, Problem, at, shown

TEXT_BYTES_MAX = 1024 * 1024
"""As much as a ConfigMap can hold."""
DEPTH_MAX = 32
NODES_MAX = 50_000
"""Mappings, lists and scalars, every use of an alias counted in full."""
CHARS_MAX = 2 * TEXT_BYTES_MAX
"""Characters of all scalars, every use of an alias counted in full."""
INT_MAX = 2**63 - 1
_INT_DIGITS_MAX = 32

_CORE = "tag:yaml.org,2002:"
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+", re.ASCII)
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", re.ASCII)
_TAGGED: dict[str, tuple[type, ...]] = {
    _CORE + "int": (int,),
    _CORE + "float": (int, float),
    _CORE + "bool": (bool,),
    _CORE + "null": (type(None),),
}
_STRING_HINT = "put it in quotes to make it text"


class _Absent:
    """A part that was wrong and has been reported."""


ABSENT = _Absent()


def read(text: str | bytes, findings: Findings) -> Any:
    """The document as a tree. Raises PolicyRefused where reading cannot go on; other problems go to `findings`."""
    content = _decoded(text)
    if not content.strip():
        _refuse("", "the policy is empty", "want apiVersion, kind and profiles; in a ConfigMap, key policy.yaml")
    tree = _read_json(content, findings) if content.lstrip()[0] in "{[" else ABSENT
    if tree is ABSENT:
        tree = _read_yaml(content, findings)
    return tree


def _refuse(path: str, message: str, hint: str = "") -> NoReturn:
    raise PolicyRefused([Problem(path, message, hint)])


def _decoded(text: str | bytes) -> str:
    try:
        raw = text.encode() if isinstance(text, str) else text
        if len(raw) > TEXT_BYTES_MAX:
            _refuse("", f"the policy is too large: {len(raw)} bytes", f"at most {TEXT_BYTES_MAX}")
        return raw.decode("utf-8-sig")
    except UnicodeError as error:
        position = getattr(error, "start", 0)
        _refuse("", f"the policy is not UTF-8 text (at byte {position})", "save it as UTF-8")


@dataclass(slots=True)
class _Size:
    nodes: int = 0
    chars: int = 0
    height: int = 0
    """Levels of mappings and lists below, this one included."""


class _Meter:
    """Counts what the document expands to, and stops where it is too much."""

    def __init__(self) -> None:
        self._total = _Size()

    def add(self, path: str, depth: int, size: _Size) -> None:
        self._total.nodes += size.nodes
        self._total.chars += size.chars
        if depth + size.height > DEPTH_MAX:
            _refuse(path, "nested too deeply", f"at most {DEPTH_MAX} levels")
        if self._total.nodes > NODES_MAX:
            _refuse(path, "the document has too many values", f"at most {NODES_MAX}, aliases expanded")
        if self._total.chars > CHARS_MAX:
            _refuse(path, "the document's values are too long", f"at most {CHARS_MAX} characters, aliases expanded")


# --- JSON ------------------------------------------------------------------------------------------------------


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as written, duplicates and all."""


class _Literal(str):
    """A number that is left to be judged with its path."""

    __slots__ = ()


def _read_json(content: str, findings: Findings) -> Any:
    try:
        raw = json.loads(
            content, object_pairs_hook=_Pairs, parse_int=_Literal, parse_float=_Literal, parse_constant=_Literal
        )
    except (ValueError, RecursionError):
        return ABSENT  # a YAML flow mapping looks alike
    return _JsonTree(findings).value(raw, "", 0)


class _JsonTree:
    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._meter = _Meter()

    def value(self, raw: Any, path: str, depth: int) -> Any:
        nested = isinstance(raw, list)
        self._meter.add(path, depth, _Size(1, len(raw) if isinstance(raw, str) else 0, 1 if nested else 0))
        if isinstance(raw, _Pairs):
            return self._mapping(raw, path, depth)
        if isinstance(raw, list):
            return [self.value(item, at(path, index), depth + 1) for index, item in enumerate(raw)]
        if isinstance(raw, _Literal):
            return _number(str(raw), path, self._findings)
        if isinstance(raw, str):
            return _sound_text(raw, path, self._findings)
        return raw

    def _mapping(self, pairs: _Pairs, path: str, depth: int) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for key, raw in pairs:
            if key in tree:
                self._findings.wrong(at(path, key), "duplicate key", "keep one of them")
            self._meter.add(path, depth, _Size(0, len(key), 0))
            if _sound_text(key, path, self._findings) is not ABSENT:
                tree[key] = self.value(raw, at(path, key), depth + 1)
        return tree


def _sound_text(text: str, path: str, findings: Findings) -> Any:
    try:
        text.encode()
    except UnicodeEncodeError:
        findings.wrong(path, f"not valid Unicode: {shown(text)}", "half of a surrogate pair stands alone")
        return ABSENT
    return text


def _number(text: str, path: str, findings: Findings) -> Any:
    """An int64, or a finite float; ABSENT, and a problem, for anything else."""
    if _INT.fullmatch(text):
        return _int(text, 10, path, findings)
    value = float(text) if _FLOAT.fullmatch(text) else math.nan
    if math.isfinite(value):
        return value
    findings.wrong(path, f"{shown(text)} is not a finite number", "write a number that fits, or leave the field out")
    return ABSENT


def _int(text: str, base: int, path: str, findings: Findings) -> Any:
    if len(text) <= _INT_DIGITS_MAX and abs(value := int(text, base)) <= INT_MAX:
        return value
    findings.wrong(path, f"{shown(text)} is too large", "at most 64 bits; " + _STRING_HINT)
    return ABSENT


# --- YAML ------------------------------------------------------------------------------------------------------


def _read_yaml(content: str, findings: Findings) -> Any:
    builder = _Builder(findings)
    handlers: dict[type[yaml.Event], Callable[[Any], None]] = {
        yaml.DocumentStartEvent: builder.document,
        yaml.MappingStartEvent: builder.open_mapping,
        yaml.SequenceStartEvent: builder.open_list,
        yaml.MappingEndEvent: builder.close,
        yaml.SequenceEndEvent: builder.close,
        yaml.ScalarEvent: builder.scalar,
        yaml.AliasEvent: builder.alias,
    }
    try:
        for event in yaml.parse(content.encode(), Loader=yaml.CSafeLoader):
            handle = handlers.get(type(event))
            if handle is not None:
                handle(event)
    except yaml.YAMLError as error:
        raise PolicyRefused([_syntax(error)]) from error
    return builder.root


def _syntax(error: yaml.YAMLError) -> Problem:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        return Problem("", f"not YAML: {error.problem or error.context}{where}", "check indentation and quotes there")
    reason = getattr(error, "reason", None) or str(error)
    return Problem("", f"not YAML: {reason} at position {getattr(error, 'position', 0)}", "remove that character")


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being read."""

    value: dict[str, Any] | list[Any]
    path: str
    anchor: str | None
    size: _Size = field(default_factory=lambda: _Size(1, 0, 1))
    key: Any = None
    """The key whose value comes next; ABSENT: a wrong one, its value is dropped."""
    wants_key: bool = True
    lines: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Anchored:
    value: Any
    size: _Size | None
    """None: not finished yet."""


class _Builder:
    def __init__(self, findings: Findings) -> None:
        self.root: Any = None
        self._findings = findings
        self._meter = _Meter()
        self._stack: list[_Open] = []
        self._anchors: dict[str, _Anchored] = {}
        self._documents = 0

    def document(self, event: yaml.DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            _refuse("", f"a second document begins at line {_line(event)}", "keep one document; remove the `---`")

    def open_mapping(self, event: yaml.MappingStartEvent) -> None:
        self._open(event, {}, "map")

    def open_list(self, event: yaml.SequenceStartEvent) -> None:
        self._open(event, [], "seq")

    def _open(self, event: Any, value: dict[str, Any] | list[Any], kind: str) -> None:
        path = self._next_path()
        if self._at_key():
            _refuse(path, f"a key that is a list or a mapping, line {_line(event)}", "keys must be text")
        if event.tag not in (None, "!", _CORE + kind):
            self._findings.wrong(path, f"unknown tag {shown(event.tag)}, line {_line(event)}", "remove the tag")
        self._meter.add(path, len(self._stack), _Size(1, 0, 1))
        self._stack.append(_Open(value, path, event.anchor))
        if event.anchor is not None:
            self._anchors[event.anchor] = _Anchored(value, None)

    def close(self, _event: yaml.Event) -> None:
        done = self._stack.pop()
        if done.anchor is not None:
            self._anchors[done.anchor] = _Anchored(done.value, done.size)
        self._put(done.value, done.size)

    def scalar(self, event: yaml.ScalarEvent) -> None:
        path, size = self._next_path(), _Size(1, len(event.value), 0)
        self._meter.add(path, len(self._stack), size)
        if self._at_key():
            self._take_key(self._key_of(event, path), event)
        else:
            value = self._resolved(event, path)
            if event.anchor is not None:
                self._anchors[event.anchor] = _Anchored(value, size)
            self._put(value, size)

    def alias(self, event: yaml.AliasEvent) -> None:
        path, name = self._next_path(), event.anchor or ""
        known = self._anchors.get(name)
        if self._at_key():
            _refuse(path, f"a key that is an alias, line {_line(event)}", "write the key out")
        if known is None:
            _refuse(path, f"alias *{name[:40]} has no anchor, line {_line(event)}", "write the value out")
        if known.size is None:
            _refuse(path, f"alias *{name[:40]} contains itself, line {_line(event)}", "write the value out")
        self._meter.add(path, len(self._stack), known.size)
        self._put(known.value, known.size)

    # Where the next value goes.

    def _at_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].value, dict) and self._stack[-1].wants_key

    def _next_path(self) -> str:
        if not self._stack:
            return ""
        top = self._stack[-1]
        if isinstance(top.value, list):
            return at(top.path, len(top.value))
        return top.path if top.wants_key or top.key is ABSENT else at(top.path, top.key)

    def _take_key(self, key: Any, event: yaml.ScalarEvent) -> None:
        top = self._stack[-1]
        top.key, top.wants_key = key, False
        top.size.chars += len(event.value)
        if key is ABSENT:
            return
        first = top.lines.setdefault(key, _line(event))
        if isinstance(top.value, dict) and key in top.value:
            self._findings.wrong(
                at(top.path, key), f"duplicate key, line {_line(event)} (first on line {first})", "keep one of them"
            )

    def _put(self, value: Any, size: _Size) -> None:
        if not self._stack:
            self.root = value
            return
        top = self._stack[-1]
        top.size.nodes += size.nodes
        top.size.chars += size.chars
        top.size.height = max(top.size.height, size.height + 1)
        if isinstance(top.value, list):
            top.value.append(value)
        else:
            if top.key is not ABSENT:
                top.value[top.key] = value
            top.wants_key = True

    # What a scalar means.

    def _key_of(self, event: yaml.ScalarEvent, path: str) -> Any:
        if event.value == "<<" and not event.style and event.tag is None:
            self._findings.wrong(path, f"merge key <<, line {_line(event)}", "write the fields out")
            return ABSENT
        key = self._resolved(event, path)
        if isinstance(key, str) or key is ABSENT:
            return key
        self._findings.wrong(path, f"the key {shown(event.value)} is not text, line {_line(event)}", "put it in quotes")
        return ABSENT

    def _resolved(self, event: yaml.ScalarEvent, path: str) -> Any:
        if event.tag is None and not event.style:
            return _core(event.value, path, self._findings)
        if event.tag in (None, "!", _CORE + "str"):
            return event.value
        value = _core(event.value, path, self._findings)
        if type(value) in _TAGGED.get(event.tag or "", ()):
            return float(value) if event.tag == _CORE + "float" else value
        if value is not ABSENT:
            self._findings.wrong(
                path, f"tag {shown(event.tag)} does not fit here, line {_line(event)}", "remove the tag"
            )
        return ABSENT


def _core(text: str, path: str, findings: Findings) -> Any:
    """A plain scalar by YAML 1.2's core schema."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _BASED.fullmatch(text):
        return _int(text, 0, path, findings)
    if _INT.fullmatch(text) or _FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text):
        return _number(text, path, findings)
    return text


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
