"""ResourceQuota (v1): `hard` caps what the pods of one namespace request; it guarantees nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from analytics.tenants.adapters.promise import HARD, Promise, amounts, mapping, sequence

KIND: Final = "ResourceQuota"
CAPSULE_LABEL: Final = "capsule.clastix.io/tenant"
"""On those that Capsule writes, and keeps changing so that all of a tenant's leave together what it may have."""


def read(key: str, tree: Mapping[str, Any]) -> list[Promise]:
    """Raises BadObject."""
    spec = mapping(tree.get("spec"), "spec")
    hard = amounts(spec.get("hard"), "spec.hard", HARD)
    namespace = key.partition("/")[0]
    return [Promise(KIND, key, (namespace,), limit=hard, only=_only(tree, spec))]


def _only(tree: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    labels = mapping(mapping(tree.get("metadata"), "metadata").get("labels"), "metadata.labels")
    if CAPSULE_LABEL in labels:
        return f"written by Capsule for its tenant {labels[CAPSULE_LABEL]}"
    selector = mapping(spec.get("scopeSelector"), "spec.scopeSelector")
    chosen = [
        mapping(one, f"spec.scopeSelector.matchExpressions[{at}]").get("scopeName")
        for at, one in enumerate(sequence(selector.get("matchExpressions"), "spec.scopeSelector.matchExpressions"))
    ]
    scopes = [*sequence(spec.get("scopes"), "spec.scopes"), *chosen]
    return f"counts pods of scope {', '.join(map(str, scopes))} only" if scopes else ""
