"""One PodGroup, and which pods belong to which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from extender.framework import Object, Pod, Quantities, QuantityError, milli, value

KIND = "PodGroup"
LABEL = "scheduling.x-k8s.io/pod-group"
WAIT_DEFAULT_S = 60
_NS = 10**9
_INT32 = 2**31
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class PodGroupError(ValueError):
    """The object is no usable PodGroup; the text says where and why."""


@dataclass(frozen=True, slots=True)
class PodGroup:
    uid: str
    min_member: int
    """0 or less: no member waits for another."""
    min_resources: Quantities | None
    """None where the object has none; empty is not the same."""
    timeout_s: int | None
    created_ns: int
    """unix nanoseconds; 0 if unknown"""

    def wait_s(self, otherwise_s: int) -> int:
        """How long a member waits for the others; `otherwise_s`: what the arguments say (plugins.md §4.6)."""
        own = self.timeout_s if self.timeout_s is not None else otherwise_s or WAIT_DEFAULT_S
        return own or otherwise_s


def key_of(pod: Pod) -> str:
    """namespace/name of the pod's group; empty: it belongs to none."""
    name = pod.labels.get(LABEL, "")
    return f"{pod.namespace}/{name}" if name else ""


def pod_group_of(found: Object) -> PodGroup:
    """A PodGroup as it stands in JSON. Raises PodGroupError."""
    metadata, spec = _mapping(found, "metadata", ""), _mapping(found, "spec", "")
    listed = spec.get("minResources")
    if listed is not None:
        listed = dict(_mapping(spec, "minResources", "spec."))
        _readable(listed)
    timeout = spec.get("scheduleTimeoutSeconds")
    return PodGroup(
        uid=str(metadata.get("uid") or ""),
        min_member=_whole(spec.get("minMember", 0), "minMember"),
        min_resources=listed,
        timeout_s=None if timeout is None else _whole(timeout, "scheduleTimeoutSeconds"),
        created_ns=_created_ns(metadata.get("creationTimestamp")),
    )


def _mapping(found: Mapping[str, Any], key: str, path: str) -> Mapping[str, Any]:
    inner = found.get(key)
    if inner is None:
        return {}
    if not isinstance(inner, Mapping):
        raise PodGroupError(f"{path}{key}: want a mapping, got {type(inner).__name__}")
    return inner


def _whole(told: object, key: str) -> int:
    if isinstance(told, int) and not isinstance(told, bool) and abs(told) < _INT32:
        return told
    raise PodGroupError(f"spec.{key}: want a whole number of 32 bits, got {str(told)[:60]!r}")


def _readable(listed: Quantities) -> None:
    for name, amount in listed.items():
        try:
            (milli if name == "cpu" else value)(amount)
        except QuantityError as wrong:
            raise PodGroupError(f"spec.minResources[{name}]: {wrong}") from None


def _created_ns(told: object) -> int:
    try:
        moment = datetime.fromisoformat(str(told))
    except ValueError:
        return 0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int((moment - _EPOCH).total_seconds()) * _NS
