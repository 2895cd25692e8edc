"""What the extender knows about a pod: only the fields that decisions read.

`decode_pod` takes API JSON (a pod of a request, a watch or a list). Fields that are not named here are
skipped without being built, which is what makes decoding cheap and keeps secrets (environment values,
unread annotations) out of every record.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct, field

Quantities = dict[str, str | int | float]

# Annotations that some plugin reads; all others are dropped while decoding.
READ_ANNOTATIONS: frozenset[str] = frozenset()


class Container(Struct, frozen=True, gc=False, omit_defaults=True):
    """Resources of one container. Quantities stay as written: plugins round them in different ways."""

    requests: Quantities = {}
    limits: Quantities = {}
    sidecar: bool = False
    """An init container with restartPolicy Always."""


class Pod(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One pod, flat. Times are unix seconds."""

    namespace: str
    name: str
    uid: str
    resource_version: str = ""
    scheduler_name: str = "default-scheduler"
    priority: int = 0
    preemption_policy: str = "PreemptLowerPriority"
    node_name: str = ""
    nominated_node_name: str = ""
    phase: str = "Pending"
    qos_class: str = ""
    terminating: bool = False
    created_at_s: int = 0
    started_at_s: int | None = None
    unschedulable_at_s: int | None = None
    """Last transition of the condition PodScheduled=False, if that is its status."""
    owner: str = ""
    """Kind/name of the controlling owner."""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    overhead: Quantities = {}
    requests: Quantities = {}
    """Pod-level spec.resources.requests."""
    limits: Quantities = {}

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def is_terminal(self) -> bool:
        """Succeeded and Failed pods are invisible to the scheduler, and so to every plugin."""
        return self.phase in ("Succeeded", "Failed")


class _Resources(Struct, gc=False):
    requests: Quantities | None = None
    limits: Quantities | None = None


class _Container(Struct, gc=False, rename="camel"):
    resources: _Resources | None = None
    restart_policy: str | None = None


class _Owner(Struct, gc=False):
    kind: str = ""
    name: str = ""
    controller: bool | None = None


class _Metadata(Struct, gc=False, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None


class _Spec(Struct, gc=False, rename="camel"):
    scheduler_name: str | None = None
    priority: int | None = None
    preemption_policy: str | None = None
    node_name: str | None = None
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None
    overhead: Quantities | None = None
    resources: _Resources | None = None


class _Condition(Struct, gc=False, rename="camel"):
    type: str = ""
    status: str = ""
    last_transition_time: datetime | None = None


class _Status(Struct, gc=False, rename="camel"):
    phase: str | None = None
    qos_class: str | None = None
    nominated_node_name: str | None = None
    start_time: datetime | None = None
    conditions: list[_Condition] | None = None


class KubePod(Struct, gc=False):
    """A core/v1 Pod as it stands in JSON, reduced to what we read."""

    metadata: _Metadata = field(default_factory=_Metadata)
    spec: _Spec | None = None
    status: _Status | None = None

    def flatten(self) -> Pod:
        meta, spec, status = self.metadata, self.spec or _Spec(), self.status or _Status()
        level = spec.resources
        return Pod(
            namespace=meta.namespace or "default",
            name=meta.name,
            uid=meta.uid,
            resource_version=meta.resource_version,
            scheduler_name=spec.scheduler_name or "default-scheduler",
            priority=spec.priority or 0,
            preemption_policy=spec.preemption_policy or "PreemptLowerPriority",
            node_name=spec.node_name or "",
            nominated_node_name=status.nominated_node_name or "",
            phase=status.phase or "Pending",
            qos_class=status.qos_class or "",
            terminating=meta.deletion_timestamp is not None,
            created_at_s=_seconds(meta.creation_timestamp) or 0,
            started_at_s=_seconds(status.start_time),
            unschedulable_at_s=_unschedulable_at(status.conditions),
            owner=_controller(meta.owner_references),
            labels=meta.labels or {},
            annotations={k: v for k, v in (meta.annotations or {}).items() if k in READ_ANNOTATIONS},
            containers=_containers(spec.containers),
            init_containers=_containers(spec.init_containers),
            overhead=spec.overhead or {},
            requests=(level.requests if level else None) or {},
            limits=(level.limits if level else None) or {},
        )


_DECODER = msgspec.json.Decoder(KubePod)


def decode_pod(raw: bytes | memoryview) -> Pod:
    """JSON bytes -> Pod. Raises msgspec.DecodeError, or its subclass ValidationError with the path of the field."""
    return _DECODER.decode(raw).flatten()


def pod_of(tree: object) -> Pod:
    """A pod already parsed (from YAML or a batch line) -> Pod. Raises msgspec.ValidationError."""
    return msgspec.convert(tree, KubePod, strict=True).flatten()


def _containers(found: list[_Container] | None) -> tuple[Container, ...]:
    return tuple(
        Container(
            requests=(c.resources.requests if c.resources else None) or {},
            limits=(c.resources.limits if c.resources else None) or {},
            sidecar=c.restart_policy == "Always",
        )
        for c in found or ()
    )


def _controller(owners: list[_Owner] | None) -> str:
    return next((f"{o.kind}/{o.name}" for o in owners or () if o.controller), "")


def _unschedulable_at(conditions: list[_Condition] | None) -> int | None:
    for condition in conditions or ():
        if condition.type == "PodScheduled" and condition.status == "False":
            return _seconds(condition.last_transition_time) or 0
    return None


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
