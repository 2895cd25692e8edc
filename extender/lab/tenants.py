"""Who uses the simulated cluster: tenants, their applications, and what they were promised."""

from __future__ import annotations

import math
from dataclasses import dataclass

from extender.lab.machines import GPU, POOL
from extender.lab.trees import Tree

CLASSES = {"critical": 1000, "standard": 100, "spot": -10}
"""PriorityClasses of the simulated cluster."""
_TOLERATION = "preemption-toleration.scheduling.x-k8s.io"
CLASS_NOTES = {
    "standard": {f"{_TOLERATION}/minimum-preemptable-priority": "5000", f"{_TOLERATION}/toleration-seconds": "20"}
}
"""Annotations of PriorityClasses: who was placed less than so long ago is not preempted by anybody below 5000."""
GANG_LABEL = "scheduling.x-k8s.io/pod-group"
GANG_NAMESPACE = "team-sim"


@dataclass(frozen=True, slots=True)
class App:
    """One application of a tenant; all its pods ask for the same."""

    name: str
    cpu_milli: int
    memory_mi: int
    weight: float
    """Its share of arrivals, among all applications."""
    load: float
    """CPU that its pods really use, as a share of what they ask for."""
    lifetime: float = 1.0
    """How long its pods live, as a multiple of the mean."""
    gpus: int = 0
    priority_class: str = "standard"
    finishes: bool = False
    """A job, which succeeds; else a service, whose pods are deleted at the end."""
    warm_up: bool = False
    """Has an init container."""
    pool: str = ""
    """The machines that are kept for it; empty: those that are kept for nobody."""
    gang: str = ""
    """Its PodGroup, if its pods are of use only together."""


@dataclass(frozen=True, slots=True)
class Tenant:
    """One namespace with its applications."""

    namespace: str
    apps: tuple[App, ...]
    quota_share: tuple[float, float] | None = None
    """Guaranteed and largest use, as shares of the cluster; None: no ElasticQuota."""
    gpu_share: tuple[float, float] = (0.0, 0.0)


TENANTS = (
    Tenant(
        "team-shop",
        (
            App("cart", 500, 512, 5, load=0.5),
            App("search", 1000, 2048, 3, load=0.9, lifetime=1.4),
            App("checkout", 250, 384, 4, load=0.35, warm_up=True),
        ),
        quota_share=(0.21, 0.5),
    ),
    Tenant(
        "team-batch",
        (
            App("report", 1500, 2048, 3, load=0.95, lifetime=0.6, priority_class="spot", finishes=True),
            App("transcode", 2500, 1536, 2, load=1.1, lifetime=0.8, priority_class="spot", finishes=True),
        ),
        quota_share=(0.05, 0.14),
    ),
    Tenant(
        "team-ml",
        (
            App("train", 3000, 16384, 0.5, load=0.7, lifetime=2.0, gpus=2, finishes=True),
            App("infer", 1000, 4096, 0.7, load=0.6, gpus=1),
        ),
        quota_share=(0.06, 0.2),
        gpu_share=(1.0, 0.75),
    ),
    Tenant(
        "team-data",
        (
            App("ingest", 750, 3072, 3, load=0.6, lifetime=1.2, warm_up=True, pool="data"),
            App("index", 500, 6144, 1.5, load=0.4, lifetime=1.5, pool="data"),
        ),
    ),
    Tenant("team-platform", (App("gateway", 300, 256, 1.5, load=0.5),)),
    Tenant(GANG_NAMESPACE, ()),
)

SOLVER = App("solve", 2000, 2048, 0, load=0.9, lifetime=0.4, finishes=True)
"""Pods of gangs."""
SALE = "team-shop"
"""This tenant comes in waves: it then takes back from others what it was promised."""
BUDGETS = {"team-shop": ("cart", "70%"), "team-data": ("ingest", "60%")}
"""PodDisruptionBudgets by namespace: application and minAvailable."""

_PODS_MAX = 2000

INCIDENT = App(
    "incident", 14000, 8192, 0, load=0.8, lifetime=0.25, priority_class="critical", finishes=True, pool="data"
)
"""A large urgent pod that arrives now and then and fits nowhere without preemption.

It goes to machines of tenants without quota: CapacityScheduling lets nobody outside a quota preempt inside one."""
INCIDENT_NAMESPACE = "team-platform"


def mean_cpu_milli(tenants: tuple[Tenant, ...] = TENANTS) -> float:
    """CPU that an average arriving pod holds, weighted with how long it lives."""
    apps = [app for tenant in tenants for app in tenant.apps]
    return sum(a.weight * a.lifetime * a.cpu_milli for a in apps) / sum(a.weight for a in apps)


def quota_tree(tenant: Tenant, cores: int, memory_gi: int, gpus: int) -> Tree | None:
    """The tenant's ElasticQuota in a cluster of that size."""
    if tenant.quota_share is None:
        return None
    least, most = (_limits(share, cores, memory_gi) for share in tenant.quota_share)
    if tenant.gpu_share[1]:
        least[GPU] = str(int(gpus * tenant.gpu_share[0]))
        most[GPU] = str(max(1, int(gpus * tenant.gpu_share[1])))
    return {
        "metadata": {"name": "promise", "namespace": tenant.namespace},
        "spec": {"min": least, "max": most},
    }


def tenant_tree(tenant: Tenant, cores: int, memory_gi: int) -> Tree | None:
    """The same promise as a Tenant object, for the console: guaranteed as quota, the largest use as burst limit."""
    if tenant.quota_share is None:
        return None
    least, most = tenant.quota_share
    return {
        "metadata": {"name": tenant.namespace.removeprefix("team-")},
        "spec": {
            "namespaces": [tenant.namespace],
            "quota": {**_limits(least, cores, memory_gi), "pods": _PODS_MAX},
            "policies": {"allowBurstable": True, "maxBurstRatio": math.floor(100 * most / least) / 100},
        },
    }


def _limits(share: float, cores: int, memory_gi: int) -> dict[str, str]:
    return {"cpu": str(max(1, int(share * cores))), "memory": f"{max(1, int(share * memory_gi))}Gi"}


def budget_tree(namespace: str) -> Tree:
    """The PodDisruptionBudget of a namespace in BUDGETS."""
    app, least = BUDGETS[namespace]
    return {"metadata": {"name": app}, "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": app}}}}


def pod_tree(namespace: str, app: App, owner_uid: str, owner_hash: str) -> Tree:
    """A pod of the application, as its ReplicaSet (or Job) would create it."""
    amounts = {"cpu": f"{app.cpu_milli}m", "memory": f"{app.memory_mi}Mi"}
    gpus = {GPU: str(app.gpus)} if app.gpus else {}
    image = f"registry.example.test/{namespace}/{app.name}:v1"
    container = {
        "name": "main",
        "image": image,
        "env": [{"name": "LOG_LEVEL", "value": "info"}],
        "resources": {"requests": {**amounts, **gpus}, **({"limits": gpus} if gpus else {})},
    }
    first = {
        "name": "warm-up",
        "image": image,
        "command": ["/warm-up"],
        "resources": {"requests": {"cpu": f"{app.cpu_milli // 2}m", "memory": "64Mi"}},
    }
    owner = app.gang or f"{app.name}-{owner_hash}"
    gang = {GANG_LABEL: app.gang} if app.gang else {}
    kind = ("batch/v1", "Job") if app.finishes else ("apps/v1", "ReplicaSet")
    spec: Tree = {
        **({"initContainers": [first]} if app.warm_up else {}),
        "containers": [container],
        "terminationGracePeriodSeconds": 2,
        "priorityClassName": app.priority_class,
        "nodeSelector": {"kubernetes.io/os": "linux"},
    }
    if app.gpus:
        spec["tolerations"] = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]
    if app.pool:
        spec["nodeSelector"] = {**spec["nodeSelector"], POOL: app.pool}
        spec["tolerations"] = [{"key": POOL, "operator": "Exists", "effect": "NoSchedule"}]
    if app.finishes:
        spec["restartPolicy"] = "Never"
    return {
        "metadata": {
            "generateName": f"{owner}-",
            "labels": {"app": app.name, "team": namespace, "pod-template-hash": owner_hash, **gang},
            "ownerReferences": [
                {
                    "apiVersion": kind[0],
                    "kind": kind[1],
                    "name": owner,
                    "uid": owner_uid,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": spec,
    }
