"""Tenant of Capsule (capsule.clastix.io/v1beta2): owners, the namespaces that they made, and quotas for these.

`resourceQuotas.scope` says whom an item of the list caps: Tenant, all its namespaces together; Namespace, each of them.
Which namespaces it has stands in its status, where Capsule writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from analytics.tenants.adapters.promise import (
    HARD,
    BadObject,
    Promise,
    amounts,
    mapping,
    sequence,
    shown,
    smallest,
    text,
)

KIND: Final = "Capsule"
_SCOPES: Final = ("Tenant", "Namespace")


def read(key: str, tree: Mapping[str, Any]) -> list[Promise]:
    """One promise for scope Tenant, one for each namespace for scope Namespace. Raises BadObject."""
    spec, status = mapping(tree.get("spec"), "spec"), mapping(tree.get("status"), "status")
    namespaces = _texts(status.get("namespaces"), "status.namespaces")
    quotas = mapping(spec.get("resourceQuotas"), "spec.resourceQuotas")
    scope = text(quotas.get("scope"), "spec.resourceQuotas.scope") or _SCOPES[0]
    if scope not in _SCOPES:
        raise BadObject("spec.resourceQuotas.scope", f"want {' or '.join(_SCOPES)}, not {shown(scope)}")
    limits = []
    for at, item in enumerate(sequence(quotas.get("items"), "spec.resourceQuotas.items")):
        path = f"spec.resourceQuotas.items[{at}]"
        one = mapping(item, path)
        hard = amounts(one.get("hard"), f"{path}.hard", HARD)
        if not one.get("scopes") and not one.get("scopeSelector"):
            limits.append(hard)  # one that counts some pods only caps nothing of them all
    most = smallest(limits)
    if scope == "Tenant" or not namespaces:
        return [Promise(KIND, key, namespaces, limit=most)]
    return [Promise(KIND, f"{key}, {name}", (name,), limit=most) for name in namespaces]


def _texts(tree: object, path: str) -> tuple[str, ...]:
    return tuple(sorted({text(one, f"{path}[{at}]") for at, one in enumerate(sequence(tree, path))} - {""}))
