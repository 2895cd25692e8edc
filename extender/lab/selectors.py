"""fieldSelector and labelSelector: parsed once, asked per object."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from extender.lab.kinds import Served
from extender.lab.refusal import bad_request

Selector = Callable[[Mapping[str, Any]], bool]

_REQUIREMENT = re.compile(
    r"\s*(?:(?P<absent>!)\s*(?P<gone>[^\s=!,()]+)"
    r"|(?P<key>[^\s=!,()]+)(?:\s*(?P<op>==|=|!=)\s*(?P<value>[^\s,()]*)"
    r"|\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*"
)


def everything(_tree: Mapping[str, Any]) -> bool:
    return True


def selector(kind: Served, fields: str, labels: str) -> Selector:
    """Both selectors of a request in one. Raises Refusal (400) for what the server does not know."""
    parts = [part for part in (_field_selector(kind, fields), _label_selector(labels)) if part is not None]
    match parts:
        case []:
            return everything
        case [only]:
            return only
        case _:
            return lambda tree: all(part(tree) for part in parts)


def label_selector(tree: Mapping[str, Any]) -> Selector:
    """A LabelSelector of an object's spec; an empty one chooses everything."""
    terms = [(key, "In", (value,)) for key, value in (tree.get("matchLabels") or {}).items()]
    terms += [(e["key"], e["operator"], tuple(e.get("values") or ())) for e in tree.get("matchExpressions") or ()]
    return lambda found: all(_meets(_labels(found), *term) for term in terms)


def _meets(labels: Mapping[str, str], key: str, operator: str, values: tuple[str, ...]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _field_selector(kind: Served, text: str) -> Selector | None:
    terms: list[tuple[str, tuple[str, ...], bool, str]] = []
    for term in filter(None, text.split(",")):
        label, operator, value = re.match(r"(.*?)(!=|==|=|$)(.*)", term, re.DOTALL).groups()  # type: ignore[union-attr]
        if label not in kind.fields:
            raise bad_request(f"field label not supported: {label}")
        if not operator:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{term}'")
        terms.append((label, tuple(label.split(".")), operator != "!=", value))
    if not terms:
        return None
    return lambda tree: all((_field(tree, label, path) == value) == wanted for label, path, wanted, value in terms)


def _field(tree: Mapping[str, Any], label: str, path: tuple[str, ...]) -> str:
    value: Any = tree
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or (value is None and label in ("spec.unschedulable", "spec.hostNetwork")):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _label_selector(text: str) -> Selector | None:
    terms: list[Selector] = []
    at = 0
    while at < len(text):
        found = _REQUIREMENT.match(text, at)
        if found is None or found.end() == at or (found.end() < len(text) and text[found.end()] != ","):
            raise bad_request(f"unable to parse requirement: found '{text[at:]}', expected: !, identifier, or ','")
        terms.append(_requirement(found))
        at = found.end() + 1
    return (lambda tree: all(term(tree) for term in terms)) if terms else None


def _requirement(found: re.Match[str]) -> Selector:
    if found["absent"]:
        gone = found["gone"]
        return lambda tree: gone not in _labels(tree)
    key = found["key"]
    if found["op"]:
        values, inside = {found["value"]}, found["op"] != "!="
    elif found["set"]:
        values, inside = {v.strip() for v in found["values"].split(",")}, found["set"] == "in"
    else:
        return lambda tree: key in _labels(tree)
    return lambda tree: (_labels(tree).get(key) in values) == inside


def _labels(tree: Mapping[str, Any]) -> Mapping[str, str]:
    return tree["metadata"].get("labels") or {}
