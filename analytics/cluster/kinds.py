"""The kinds of objects that the sidecar follows, and how each is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from analytics.cluster.detail import read_pod
from extender.model.node import KubeNode
from extender.model.pod import SharedParts

UNREADABLE: Final = (msgspec.DecodeError, ValueError, OverflowError, RecursionError)
"""What reading raises over bad bytes, bad shapes, absurd times and absurd depth."""
LIVING: Final = "status.phase!=Succeeded,status.phase!=Failed"
"""As for the scheduler: a pod that has ended is none."""


@dataclass(frozen=True, slots=True)
class Kind:
    name: str
    """Plural.group; the plural alone in the core group."""
    path: str
    read: Callable[[msgspec.Raw], Any]
    """Raises one of UNREADABLE."""
    by_uid: bool = False
    """Known by UID, else by namespace/name (a name alone where there is no namespace)."""
    selector: str = ""
    """Field selector."""
    optional: bool = True
    """A cluster may not serve it, or not to us."""


# Most pods of a cluster are copies of few templates: what they have in common is kept once.
_PARTS = SharedParts()
_NODE = msgspec.json.Decoder(KubeNode)
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_UNREAD = ("managedFields",)


def _pod(raw: msgspec.Raw) -> Any:
    return read_pod(raw, _PARTS)


def _object(raw: msgspec.Raw) -> dict[str, Any]:
    found = _OBJECT.decode(raw)
    metadata = found.get("metadata")
    if isinstance(metadata, dict):
        for name in _UNREAD:
            metadata.pop(name, None)
    return found


NODES: Final = Kind("nodes", "/api/v1/nodes", lambda raw: _NODE.decode(raw).flatten(), optional=False)
PODS: Final = Kind("pods", "/api/v1/pods", _pod, by_uid=True, selector=LIVING, optional=False)


def _core(plural: str) -> Kind:
    return Kind(plural, f"/api/v1/{plural}", _object)


def _custom(plural: str, group: str, version: str) -> Kind:
    return Kind(f"{plural}.{group}", f"/apis/{group}/{version}/{plural}", _object)


class _Involved(Struct, gc=False):
    uid: str = ""


class _Event(Struct, gc=False, rename="camel"):
    involved_object: _Involved = field(default_factory=_Involved)
    reason: str | None = None
    message: str | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None


class Happening(Struct, frozen=True, gc=False):
    """An event about a pod, of the few reasons that say why it does not run."""

    uid: str
    """Of the pod."""
    reason: str
    message: str
    at_s: int
    """Unix seconds; 0: not said."""


_EVENT: Final = msgspec.json.Decoder(_Event)
_ELSE: Final = Happening("", "", "", 0)
TOLD: Final = frozenset({"NotTriggerScaleUp", "TriggeredScaleUp", "Nominated", "FailedMount", "FailedAttachVolume"})
"""Reasons that are kept: of autoscalers, and of volumes that cannot be mounted."""
_FREQUENT: Final = (
    "Scheduled", "Pulling", "Pulled", "Created", "Started", "Killing", "BackOff", "Unhealthy", "FailedScheduling",
)  # fmt: skip
"""Reasons of most events; what FailedScheduling says, the pod's condition says too."""
_MESSAGE_MAX: Final = 1024


def _happening(raw: msgspec.Raw) -> Happening:
    found = _EVENT.decode(raw)
    if found.reason not in TOLD:
        return _ELSE
    at = found.last_timestamp or found.event_time
    message = (found.message or "")[:_MESSAGE_MAX]
    return Happening(found.involved_object.uid, found.reason or "", message, int(at.timestamp()) if at else 0)


EVENTS: Final = Kind(
    "events",
    "/api/v1/events",
    _happening,
    selector=",".join(["involvedObject.kind=Pod", *(f"reason!={reason}" for reason in _FREQUENT)]),
)


def tenants_configmap(namespace: str, name: str) -> Kind:
    """The one ConfigMap that may hold a list of tenants."""
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    return Kind("configmaps.tenants", path, _object, selector=f"metadata.name={name}")


OBJECTS: Final = (
    _core("resourcequotas"),
    _core("persistentvolumeclaims"),
    _custom("tenants", "tenancy.trimtab.dev", "v1alpha1"),
    _custom("elasticquotas", "scheduling.x-k8s.io", "v1alpha1"),
    _custom("podgroups", "scheduling.x-k8s.io", "v1alpha1"),
    _custom("priorityclasses", "scheduling.k8s.io", "v1"),
    _custom("clusterqueues", "kueue.x-k8s.io", "v1beta1"),
    _custom("localqueues", "kueue.x-k8s.io", "v1beta1"),
    Kind("tenants.capsule.clastix.io", "/apis/capsule.clastix.io/v1beta2/tenants", _object),
)
"""What tools read beside nodes and pods, as JSON."""
