"""Small edits of JSON trees that leave the original alone."""

from __future__ import annotations

from typing import Any

Tree = dict[str, Any]


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386: a null removes, an object merges, anything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def strategically_merged(target: Any, patch: Any) -> Any:
    """A merge in which conditions are merged by their type. Other lists replace: nobody patches them here."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif key == "conditions" and isinstance(value, list):
            result[key] = _by_type(result.get(key) or [], value)
        else:
            result[key] = strategically_merged(result.get(key), value)
    return result


def _by_type(old: list[Tree], new: list[Tree]) -> list[Tree]:
    """Changed ones keep their place; new ones come before everything that they have no known order with."""
    places = {condition["type"]: (i, condition) for i, condition in enumerate(old)}
    changed = [merged(places.get(c["type"], (0, {}))[1], c) for c in new]
    touched = {c["type"] for c in new}
    left = [c for c in old if c["type"] not in touched]
    found: list[Tree] = []
    while left and changed:
        place = places.get(changed[0]["type"])
        first = left if place is not None and places[left[0]["type"]][0] < place[0] else changed
        found.append(first.pop(0))
    return found + left + changed


def with_condition(tree: Tree, condition: Tree) -> Tree:
    """status.conditions with this one set; its transition time stays if its status does."""
    status = tree.get("status") or {}
    conditions = list(status.get("conditions") or ())
    for i, old in enumerate(conditions):
        if old["type"] == condition["type"]:
            same = old["status"] == condition["status"] and "lastTransitionTime" in old
            conditions[i] = {**condition, "lastTransitionTime": old["lastTransitionTime"]} if same else condition
            break
    else:
        conditions.append(condition)
    return {**tree, "status": {**status, "conditions": conditions}}
