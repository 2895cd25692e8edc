"""Policy text <-> the tree that edits work on, in the layout and form in which the text was written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from extender.control.comments import rewritten
from extender.control.problems import Invalid, Refused, TooLarge, Unreadable, details_of
from extender.policy.dump import as_yaml
from extender.policy.flat import FLAT_KEYS, is_flat
from extender.policy.problem import Findings, PolicyRefused
from extender.policy.reading import TEXT_BYTES_MAX, read
from extender.policy.structure import kind_of

Tree = dict[str, Any]


def tree_of(text: bytes) -> Tree:
    """What the text says; of the flat form also what its values say that are text. The empty text is the empty tree.

    Raises TooLarge, Unreadable, Invalid (what has no JSON form, a text that is no mapping).
    """
    if not text.strip():
        return {}
    tree = _read(text)
    if not isinstance(tree, Mapping):
        raise Unreadable(f"the policy is {kind_of(tree)}; want a mapping at the top")
    return _unfolded(tree)


def text_like(before: bytes, tree: Mapping[str, Any]) -> bytes:
    """The tree as text: JSON where `before` was JSON, else YAML with the comments and the layout of `before`.

    Where the values of the flat form were texts (as in a ConfigMap's data) they are again, and those that say the
    same as before are the same text.
    """
    old = _read(before) if before.strip() else {}
    if isinstance(old, Mapping) and is_flat(old) and any(isinstance(old.get(key), str) for key in FLAT_KEYS):
        return msgspec.json.encode(_folded(old, tree))
    if before.lstrip()[:1] in (b"{", b"["):
        return msgspec.json.format(msgspec.json.encode(tree), indent=2) + b"\n"
    return (_commented(before, tree) or as_yaml(dict(tree))).encode()


def readable(text: bytes) -> str:
    """For people's eyes and for comparing: YAML without the layout of the text; the text itself if it has no sense."""
    try:
        return as_yaml(tree_of(text)) if text.strip() else ""
    except (TooLarge, Unreadable, Invalid):
        return text.decode(errors="replace")


def _commented(before: bytes, tree: Mapping[str, Any]) -> str | None:
    """With the comments of `before`, where that says exactly the tree."""
    text = rewritten(before.decode(errors="replace"), tree)
    try:
        said = None if text is None else tree_of(text.encode())
    except Refused:
        return None
    same = said is not None and msgspec.json.encode(said, order="sorted") == msgspec.json.encode(tree, order="sorted")
    return text if same else None


def _read(text: bytes) -> Any:
    if len(text) > TEXT_BYTES_MAX:
        raise TooLarge(f"the policy has {len(text)} bytes; at most {TEXT_BYTES_MAX}")
    findings = Findings()
    try:
        tree = read(text, findings)
    except PolicyRefused as refused:
        raise Unreadable(f"the policy cannot be read: {refused}", details_of(refused.problems)) from refused
    if findings.problems:
        raise Invalid("the policy says what it cannot say", details_of(findings.problems))
    return tree


def _unfolded(tree: Mapping[str, Any]) -> Tree:
    if not is_flat(tree):
        return dict(tree)
    return {
        key: (_read(value.encode()) if value.strip() else None)
        if key in FLAT_KEYS and isinstance(value, str)
        else value
        for key, value in tree.items()
    }


def _folded(old: Mapping[str, Any], tree: Mapping[str, Any]) -> Tree:
    before = _unfolded(old)
    return {
        key: old[key] if key in old and before[key] == value else as_yaml(value) if key in FLAT_KEYS else value
        for key, value in tree.items()
    }
