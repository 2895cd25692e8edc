"""Objects of other systems, as the API server sends them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analytics.cluster import ClusterView
from tests.analytics.tenants.a_tenancy import a_cluster, with_objects

QUOTAS = "resourcequotas"
ELASTIC = "elasticquotas.scheduling.x-k8s.io"
QUEUES = "clusterqueues.kueue.x-k8s.io"
LOCAL = "localqueues.kueue.x-k8s.io"
CAPSULE = "tenants.capsule.clastix.io"


def a_quota(key: str, hard: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    namespace, _, name = key.partition("/")
    return {"metadata": {"namespace": namespace, "name": name}, "spec": {"hard": dict(hard), **spec}}


def an_elastic(key: str, sure: Mapping[str, Any], most: Mapping[str, Any]) -> dict[str, Any]:
    namespace, _, name = key.partition("/")
    return {"metadata": {"namespace": namespace, "name": name}, "spec": {"min": dict(sure), "max": dict(most)}}


def a_queue(name: str, flavors: Sequence[Mapping[str, Mapping[str, Any]]], cohort: str = "") -> dict[str, Any]:
    """`flavors`: resource -> nominalQuota, borrowingLimit, lendingLimit, of each."""
    listed = [
        {"name": f"f{at}", "resources": [{"name": resource, **quota} for resource, quota in flavor.items()]}
        for at, flavor in enumerate(flavors)
    ]
    spec = {"resourceGroups": [{"flavors": listed}]} | ({"cohort": cohort} if cohort else {})
    return {"metadata": {"name": name}, "spec": spec}


def a_local(key: str, queue: str) -> dict[str, Any]:
    namespace, _, name = key.partition("/")
    return {"metadata": {"namespace": namespace, "name": name}, "spec": {"clusterQueue": queue}}


def a_capsule(
    name: str, namespaces: Sequence[str], scope: str, *hard: Mapping[str, Any], **of_items: Any
) -> dict[str, Any]:
    items = [{"hard": dict(one), **of_items} for one in hard]
    return {
        "metadata": {"name": name},
        "spec": {"owners": [{"kind": "User", "name": "ann"}], "resourceQuotas": {"scope": scope, "items": items}},
        "status": {"namespaces": list(namespaces)},
    }


def promising(*tenants: dict[str, Any], pods: Sequence[Any] = (), **kinds: Sequence[dict[str, Any]]) -> ClusterView:
    """`kinds`: quotas, elastic, queues, local, capsule -> objects; a kind that is not named is not served."""
    names = {"quotas": QUOTAS, "elastic": ELASTIC, "queues": QUEUES, "local": LOCAL, "capsule": CAPSULE}
    view = a_cluster(*tenants, pods=pods)
    more = {names[kind]: {_key(one): one for one in found} for kind, found in kinds.items()}
    return with_objects(view, {**view.objects, **more})


def _key(tree: Mapping[str, Any]) -> str:
    metadata = tree["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if "namespace" in metadata else str(metadata["name"])
