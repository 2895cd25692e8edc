"""The rights that each program should have: as deploy/base and the users' documents give them.

A test holds the first table against what deploy/base binds to its account.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

READ = ("get", "list", "watch")
LEASE = "trimtab"
TENANTS = "trimtab-tenants"
PLUGINS_SECRET = "trimtab-plugins"  # noqa: S105 - its name
"""What arguments of plugins may refer to."""


@dataclass(frozen=True, slots=True)
class Right:
    group: str
    resource: str
    """With its subresource: pods/binding."""
    verb: str
    name: str = ""
    """Only on the object of this name."""

    def __str__(self) -> str:
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {what}{f' {self.name}' if self.name else ''}"


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    account: tuple[str, str]
    """(namespace, name) of its ServiceAccount."""
    everywhere: frozenset[Right]
    own_namespace: frozenset[Right] = frozenset()
    needed_by: tuple[tuple[str, str], ...] = ()
    """(API group, plugins): rights of the group matter while one of the plugins is on."""


def _rights(group: str, resources: str, verbs: tuple[str, ...], names: tuple[str, ...] = ("",)) -> frozenset[Right]:
    return frozenset(Right(group, *rest) for rest in product(resources.split(), verbs, names))


def extender(account: tuple[str, str], configmap: str) -> Program:
    """The extender's and the console's, which share a pod and its account; the policy stands in their own namespace."""
    return Program(
        "extender",
        account,
        everywhere=frozenset().union(
            _rights("", "pods nodes", READ),
            _rights("", "pods/binding pods/eviction", ("create",)),
            _rights("", "pods", ("patch", "delete")),
            _rights("", "pods/status", ("patch",)),
            _rights("events.k8s.io", "events", ("create",)),
            _rights("metrics.k8s.io", "nodes", ("list",)),
            _rights("appgroup.diktyo.x-k8s.io", "appgroups", READ),
            _rights("networktopology.diktyo.x-k8s.io", "networktopologies", READ),
            _rights("security-profiles-operator.x-k8s.io", "seccompprofiles", READ),
            _rights("tenancy.trimtab.dev", "tenants", READ),
            _rights("topology.node.k8s.io", "noderesourcetopologies", READ),
            _rights("policy", "poddisruptionbudgets", READ),
            _rights("scheduling.k8s.io", "priorityclasses", READ),
            _rights("scheduling.x-k8s.io", "podgroups elasticquotas", READ),
            _rights("scheduling.x-k8s.io", "podgroups/status", ("patch",)),
            _rights("scheduling.x-k8s.io", "elasticquotas/status", ("get", "patch")),
            # The console's.
            _rights("authentication.k8s.io", "tokenreviews", ("create",)),
            _rights("authorization.k8s.io", "subjectaccessreviews", ("create",)),
            _rights("tenancy.trimtab.dev", "tenants", ("create", "update", "patch", "delete")),
            _rights("", "resourcequotas persistentvolumeclaims events", READ),
            _rights("metrics.k8s.io", "pods", ("list",)),
            _rights("kueue.x-k8s.io", "clusterqueues localqueues", READ),
            _rights("capsule.clastix.io", "tenants", READ),
        ),
        own_namespace=frozenset().union(
            _rights("", "configmaps", (*READ, "patch"), (configmap, f"{configmap}-state")),
            _rights("events.k8s.io", "events", ("create", "patch")),
            _rights("coordination.k8s.io", "leases", (*READ, "patch"), (LEASE,)),
            _rights("", "secrets", ("get",), (PLUGINS_SECRET,)),
            # The console's.
            _rights("apps", "controllerrevisions", ("get", "list", "create", "patch", "delete")),
            _rights("", "configmaps", READ, (TENANTS,)),
        ),
    )


POLICY_SERVICE = Program(
    "policy service",
    ("plugin-manager", "plugin-manager-sa"),
    everywhere=frozenset().union(
        _rights("", "configmaps", (*READ, "update", "patch")),
        _rights("", "pods nodes events", READ),
        _rights("apps", "deployments", (*READ, "update", "patch")),
        _rights("apps", "replicasets", READ),
        _rights("authentication.k8s.io", "tokenreviews", ("create",)),
        _rights("authorization.k8s.io", "subjectaccessreviews", ("create",)),
    ),
)
TOOLS = Program(
    "tools",
    ("kube-system", "scheduler-tools"),
    everywhere=frozenset().union(
        _rights("", "pods nodes events", READ),
        _rights("metrics.k8s.io", "pods nodes", ("get", "list")),
        _rights("scheduling.k8s.io", "priorityclasses", ("get", "list")),
    ),
)
