"""YAML that stays as people wrote it where an edit did not touch it: comments, quotes, order, flow and block."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.util import load_yaml_guess_indent

BYTES_MAX = 64 << 10
"""The reader that keeps comments is slow: longer texts are laid out anew."""
WIDTH = 120
_NAMES = ("name", "schedulerName")
"""What an entry of a list is known by, so that its comments stay with it when others come and go."""


def rewritten(before: str, tree: Mapping[str, Any]) -> str | None:
    """The text `before` changed until it says `tree`. None: it cannot be (it is too long, or written otherwise than as
    a plain YAML mapping). Comments of what is taken away go with it. Whoever uses it checks what it says."""
    if len(before) > BYTES_MAX:
        return None
    try:
        yaml = YAML()
        yaml.preserve_quotes, yaml.width = True, WIDTH
        node, indent, offset = load_yaml_guess_indent(before, yaml=yaml)
        if not isinstance(node, CommentedMap):
            return None
        _fit_mapping(node, tree)
        yaml.indent(mapping=2, sequence=(indent or 2), offset=(offset or 0))
        out = io.StringIO()
        yaml.dump(node, out)
    except (YAMLError, ValueError, TypeError, AttributeError, IndexError, KeyError, RecursionError):
        return None
    return out.getvalue()


def _fitted(node: Any, wanted: Any) -> Any:
    """`node` changed in place until it says `wanted`; what is wanted itself where there is nothing to keep."""
    if isinstance(node, CommentedMap) and isinstance(wanted, Mapping):
        _fit_mapping(node, wanted)
        return node
    if isinstance(node, CommentedSeq) and isinstance(wanted, list):
        return node if _fit_entries(node, wanted) else _new(wanted)
    return node if type(node) is not bool and not isinstance(wanted, bool) and node == wanted else _new(wanted)


def _fit_mapping(node: CommentedMap, wanted: Mapping[str, Any]) -> None:
    for key in [key for key in node if key not in wanted]:
        del node[key]
    for key, value in wanted.items():
        node[key] = _fitted(node[key], value) if key in node else _new(value)


def _fit_entries(node: CommentedSeq, wanted: Sequence[Any]) -> bool:
    """False, and nothing is changed, if the entries have no names, or stand in another order than before."""
    ours, theirs = [_name(entry) for entry in node], [_name(entry) for entry in wanted]
    staying = [name for name in ours if name in theirs]
    if None in ours or None in theirs or len(set(ours)) < len(ours) or len(set(theirs)) < len(theirs):
        return False
    if staying != [name for name in theirs if name in ours]:
        return False
    for place in reversed(range(len(ours))):
        if ours[place] not in theirs:
            del node[place]
    on_one_line = bool(node) and isinstance(node[0], CommentedMap) and node[0].fa.flow_style()
    for place, entry in enumerate(wanted):
        if theirs[place] in ours:
            node[place] = _fitted(node[place], entry)
        else:
            node.insert(place, _new(entry))
            if on_one_line and isinstance(node[place], CommentedMap):
                node[place].fa.set_flow_style()
    return True


def _new(value: Any) -> Any:
    """The library lays out its own mappings and lists only."""
    if isinstance(value, Mapping):
        made = CommentedMap()
        for key, part in value.items():
            made[key] = _new(part)
        return made
    return CommentedSeq([_new(part) for part in value]) if isinstance(value, list) else value


def _name(entry: Any) -> tuple[str, str] | None:
    if isinstance(entry, Mapping):
        return next(((key, str(entry[key])) for key in _NAMES if key in entry), None)
    return ("", entry) if isinstance(entry, str) else None
