"""ClusterQueue (kueue.x-k8s.io/v1beta1): `nominalQuota` of all flavors together, and what it may borrow in its cohort.

    guaranteed  the sum of nominalQuota over the flavors of a resource
    limit       without a cohort, the same; with one, the sum of nominalQuota + borrowingLimit, and none where a flavor
                has no borrowingLimit (Kueue: null is without limit)
    lends       the sum of lendingLimit, and all where a flavor has none; nothing without a cohort

Its namespaces are those that have a LocalQueue for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from analytics.tenants.adapters.promise import PODS, BadObject, Promise, mapping, quantity, sequence, text

KIND: Final = "ClusterQueue"
_RESOURCE_OF: Final = {name: resource for resource, parts in PODS.items() for names in parts for name in names}


def read(key: str, tree: Mapping[str, Any], namespaces: tuple[str, ...]) -> list[Promise]:
    """Raises BadObject."""
    spec = mapping(tree.get("spec"), "spec")
    cohort = text(spec.get("cohort"), "spec.cohort") or text(spec.get("cohortName"), "spec.cohortName")
    sure: dict[str, int] = {}
    borrows: dict[str, int | None] = {}
    lends: dict[str, int | None] = {}
    for resource, path, one in _quotas(spec):
        if "nominalQuota" not in one:
            raise BadObject(f"{path}.nominalQuota", "want a quantity, such as 2 or 4Gi")
        nominal = quantity(resource, one["nominalQuota"], f"{path}.nominalQuota")
        sure[resource] = sure.get(resource, 0) + nominal
        _add(borrows, resource, _limit(resource, one, path, "borrowingLimit"))
        _add(lends, resource, _limit(resource, one, path, "lendingLimit"))
    if not cohort:
        return [Promise(KIND, key, namespaces, sure, dict(sure), lends=dict.fromkeys(sure, 0))]
    most = {name: sure[name] + more for name, more in borrows.items() if more is not None}
    lent = {name: amount for name, amount in lends.items() if amount is not None}
    return [Promise(KIND, key, namespaces, sure, most, cohort, lent)]


def queues(local: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """LocalQueues by namespace/name -> ClusterQueue -> the namespaces that send to it."""
    found: dict[str, set[str]] = {}
    for key, tree in local.items():
        spec = tree.get("spec")
        to = spec.get("clusterQueue") if isinstance(spec, Mapping) else None
        if isinstance(to, str) and to:
            found.setdefault(to, set()).add(key.partition("/")[0])
    return {name: tuple(sorted(spaces)) for name, spaces in found.items()}


def _quotas(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(a tenant's resource, where it stands, the quota) of every flavor. Raises BadObject."""
    for g, group in enumerate(sequence(spec.get("resourceGroups"), "spec.resourceGroups")):
        in_group = f"spec.resourceGroups[{g}]"
        for f, flavor in enumerate(sequence(mapping(group, in_group).get("flavors"), f"{in_group}.flavors")):
            in_flavor = f"{in_group}.flavors[{f}]"
            listed = sequence(mapping(flavor, in_flavor).get("resources"), f"{in_flavor}.resources")
            for r, one in enumerate(listed):
                path = f"{in_flavor}.resources[{r}]"
                resource = _RESOURCE_OF.get(text(mapping(one, path).get("name"), f"{path}.name"))
                if resource is not None:
                    yield resource, path, one


def _limit(resource: str, one: Mapping[str, Any], path: str, name: str) -> int | None:
    return None if one.get(name) is None else quantity(resource, one[name], f"{path}.{name}")


def _add(into: dict[str, int | None], resource: str, more: int | None) -> None:
    """None, without limit, swallows every number."""
    before = into.get(resource, 0)
    into[resource] = None if before is None or more is None else before + more
