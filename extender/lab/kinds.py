"""The resource kinds that the lab's API server serves."""

from __future__ import annotations

from dataclasses import dataclass

_META_FIELDS = ("metadata.name", "metadata.namespace")


@dataclass(frozen=True, slots=True)
class Served:
    """One row of the API: where a kind is served, and what can be asked of it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    fields: tuple[str, ...] = _META_FIELDS
    """Field labels that a fieldSelector may name."""
    subresources: tuple[str, ...] = ()
    custom: bool = False
    """Defined by a CRD: the server then writes keys in sorted order and names the group in messages."""
    short: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """How messages name it: `pods`, `elasticquotas.scheduling.x-k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def list_kind(self) -> str:
        return f"{self.kind}List"


PODS = Served(
    "",
    "v1",
    "pods",
    "Pod",
    namespaced=True,
    fields=(
        *_META_FIELDS,
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    subresources=("binding", "eviction", "status"),
    short=("po",),
)
NODES = Served(
    "",
    "v1",
    "nodes",
    "Node",
    namespaced=False,
    fields=("metadata.name", "spec.unschedulable"),
    subresources=("status",),
    short=("no",),
)
NAMESPACES = Served("", "v1", "namespaces", "Namespace", namespaced=False, fields=("metadata.name", "status.phase"))
CONFIGMAPS = Served("", "v1", "configmaps", "ConfigMap", namespaced=True, short=("cm",))
CONTROLLER_REVISIONS = Served("apps", "v1", "controllerrevisions", "ControllerRevision", namespaced=True)
EVENTS = Served(
    "",
    "v1",
    "events",
    "Event",
    namespaced=True,
    fields=(
        *_META_FIELDS,
        "involvedObject.kind",
        "involvedObject.name",
        "involvedObject.namespace",
        "involvedObject.uid",
        "reason",
        "type",
    ),
    short=("ev",),
)
NEW_EVENTS = Served(
    "events.k8s.io",
    "v1",
    "events",
    "Event",
    namespaced=True,
    fields=(*_META_FIELDS, "reason", "reportingController", "regarding.name", "type"),
    short=("ev",),
)
"""The newer face of events. A real server shows both faces of each event; here each shows what was written to it."""
LEASES = Served("coordination.k8s.io", "v1", "leases", "Lease", namespaced=True)
PRIORITY_CLASSES = Served(
    "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False, short=("pc",)
)
DISRUPTION_BUDGETS = Served(
    "policy",
    "v1",
    "poddisruptionbudgets",
    "PodDisruptionBudget",
    namespaced=True,
    subresources=("status",),
    short=("pdb",),
)


def _custom(
    group: str, version: str, plural: str, kind: str, short: tuple[str, ...], *, namespaced: bool = True
) -> Served:
    return Served(group, version, plural, kind, namespaced, subresources=("status",), custom=True, short=short)


ELASTIC_QUOTAS = _custom("scheduling.x-k8s.io", "v1alpha1", "elasticquotas", "ElasticQuota", ("eq", "eqs"))
POD_GROUPS = _custom("scheduling.x-k8s.io", "v1alpha1", "podgroups", "PodGroup", ("pg", "pgs"))
NODE_TOPOLOGIES = _custom(
    "topology.node.k8s.io",
    "v1alpha2",
    "noderesourcetopologies",
    "NodeResourceTopology",
    ("node-res-topo",),
    namespaced=False,
)
SECCOMP_PROFILES = _custom(
    "security-profiles-operator.x-k8s.io", "v1beta1", "seccompprofiles", "SeccompProfile", ("sp",)
)
APP_GROUPS = _custom("appgroup.diktyo.x-k8s.io", "v1alpha1", "appgroups", "AppGroup", ("ag",))
NETWORK_TOPOLOGIES = _custom(
    "networktopology.diktyo.x-k8s.io", "v1alpha1", "networktopologies", "NetworkTopology", ("nt",)
)
TENANT_OBJECTS = _custom("tenancy.trimtab.dev", "v1alpha1", "tenants", "Tenant", (), namespaced=False)

SERVED = (
    PODS,
    NODES,
    NAMESPACES,
    CONFIGMAPS,
    CONTROLLER_REVISIONS,
    EVENTS,
    NEW_EVENTS,
    LEASES,
    PRIORITY_CLASSES,
    DISRUPTION_BUDGETS,
    ELASTIC_QUOTAS,
    POD_GROUPS,
    NODE_TOPOLOGIES,
    SECCOMP_PROFILES,
    APP_GROUPS,
    NETWORK_TOPOLOGIES,
    TENANT_OBJECTS,
)

_BY_PLACE = {(kind.group, kind.version, kind.plural): kind for kind in SERVED}


def served(group: str, version: str, plural: str) -> Served | None:
    """The kind that is served there, or None."""
    return _BY_PLACE.get((group, version, plural))


def groups() -> set[tuple[str, str]]:
    """Every (group, version) that is served."""
    return {(kind.group, kind.version) for kind in SERVED}
