"""ElasticQuota (scheduling.x-k8s.io/v1alpha1): a namespace has `min` for sure, and at most `max`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from analytics.tenants.adapters.promise import PODS, Promise, amounts, mapping

KIND: Final = "ElasticQuota"


def read(key: str, tree: Mapping[str, Any]) -> list[Promise]:
    """All namespaces that have one borrow from each other. Raises BadObject."""
    spec = mapping(tree.get("spec"), "spec")
    sure, most = amounts(spec.get("min"), "spec.min", PODS), amounts(spec.get("max"), "spec.max", PODS)
    return [Promise(KIND, key, (key.partition("/")[0],), sure, most, cohort="all ElasticQuotas")]
