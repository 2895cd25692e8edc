"""A tenant, a cluster that has it, and a place to keep Tenant objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analytics.cluster import ClusterView
from extender.control.problems import Conflict, NotFound
from tests.analytics.cluster.clusters import a_node, a_view

TEAM_A = {
    "name": "team-a",
    "namespaces": ["team-a-dev", "team-a-prod"],
    "quota": {"cpu": "10", "memory": "20Gi", "storage": "100Gi", "gpu": "2", "pods": 100},
    "priority": 100,
    "policies": {
        "allowBurstable": True,
        "maxBurstRatio": 1.5,
        "preemptionPolicy": "LowerPriority",
        "schedulingPolicy": "BestEffort",
    },
}


def an_object(tenant: dict[str, Any], created: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    return {"metadata": {"name": tenant["name"], "creationTimestamp": created}, "spec": {**tenant}}


def a_cluster(*tenants: dict[str, Any], pods: Sequence[Any] = ()) -> ClusterView:
    view = a_view([a_node("n1", "64", "256Gi")], pods)
    objects = {"tenants.tenancy.trimtab.dev": {one["name"]: an_object(one) for one in tenants}}
    return with_objects(view, objects)


def with_objects(view: ClusterView, objects: Any) -> ClusterView:
    return ClusterView(view.at_us, view.known, view.nodes, view.pods, view.usage, objects)


class FakeTenants:
    """Tenant objects as ClusterTenants keeps them."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    async def read(self) -> list[Any]:
        return list(self.kept.values())

    async def write(self, tenant: Any, *, dry_run: bool = False) -> None:
        raise NotImplementedError

    async def create(self, tenant: Any, *, dry_run: bool = False) -> None:
        name = tenant["metadata"]["name"]
        if name in self.kept:
            raise Conflict(f"there is a Tenant {name} already")
        if not dry_run:
            self.kept[name] = tenant

    async def replace(self, tenant: Any, *, dry_run: bool = False) -> None:
        name = tenant["metadata"]["name"]
        if name not in self.kept:
            raise NotFound(f"there is no Tenant object {name}")
        if not dry_run:
            self.kept[name] = tenant

    async def remove(self, tenant: Any, *, dry_run: bool = False) -> None:
        if not dry_run:
            del self.kept[tenant["metadata"]["name"]]
