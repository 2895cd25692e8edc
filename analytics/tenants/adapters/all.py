"""All kinds together, out of a view of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from analytics.cluster import ClusterView
from analytics.tenants.adapters import capsule, cluster_queue, elastic_quota, resource_quota
from analytics.tenants.adapters.promise import BadObject, Problem, Promise

Read = Callable[[str, Mapping[str, Any]], list[Promise]]
LOCAL_QUEUES: Final = "localqueues.kueue.x-k8s.io"


@dataclass(frozen=True, slots=True)
class System:
    kind: str
    """As promises name it."""
    objects: str
    """As a view of the cluster names them."""
    adds_up: bool = False
    """A namespace with several promises of this kind may use them all; else the smallest holds it."""


SYSTEMS: Final = (
    System(resource_quota.KIND, "resourcequotas"),
    System(elastic_quota.KIND, "elasticquotas.scheduling.x-k8s.io"),
    System(cluster_queue.KIND, "clusterqueues.kueue.x-k8s.io", adds_up=True),
    System(capsule.KIND, "tenants.capsule.clastix.io"),
)


@dataclass(frozen=True, slots=True)
class Promises:
    found: tuple[Promise, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Of objects that are left out."""
    served: tuple[str, ...] = ()
    """Kinds that the cluster has, and shows us."""

    def of(self, kind: str) -> list[Promise]:
        return [promise for promise in self.found if promise.kind == kind]


def promises_of(view: ClusterView) -> Promises:
    """What of an object cannot be used is told, and all others count."""
    sent_to = cluster_queue.queues(view.objects.get(LOCAL_QUEUES, {}))
    readers: Mapping[str, Read] = {
        resource_quota.KIND: resource_quota.read,
        elastic_quota.KIND: elastic_quota.read,
        cluster_queue.KIND: lambda key, tree: cluster_queue.read(key, tree, sent_to.get(key, ())),
        capsule.KIND: capsule.read,
    }
    found: list[Promise] = []
    problems: list[Problem] = []
    for system in SYSTEMS:
        for key, tree in sorted(view.objects.get(system.objects, {}).items()):
            try:
                found += readers[system.kind](key, tree)
            except BadObject as wrong:
                problems.append(Problem(system.kind, key, wrong.path, wrong.message))
    served = tuple(system.kind for system in SYSTEMS if system.objects in view.objects)
    return Promises(tuple(found), tuple(problems), served)
