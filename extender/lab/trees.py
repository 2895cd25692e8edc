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
