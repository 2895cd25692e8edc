"""Whether one pod may be asked to leave its node at all."""

from __future__ import annotations

from collections.abc import Collection

from extender.framework import Pod
from extender.plugins.rescheduler.args import ReschedulerArgs, seconds
from extender.plugins.rescheduler.book import RUNNING

SYSTEM_CRITICAL = 2_000_000_000
"""Priority from which a pod belongs to the system (system-cluster-critical and above)."""
GROUP_LABEL = "scheduling.x-k8s.io/pod-group"

_SAFE = "cluster-autoscaler.kubernetes.io/safe-to-evict"
_MIRROR, _SOURCE = "kubernetes.io/config.mirror", "kubernetes.io/config.source"
_QOS_ORDER = {"BestEffort": 0, "Burstable": 1, "Guaranteed": 2}


def immovable(pod: Pod, args: ReschedulerArgs, now_s: float) -> str:
    """Why it stays, or ""."""
    kind = pod.owner.partition("/")[0]
    if pod.phase != RUNNING or not pod.node_name or pod.terminating:
        return "it does not run, or is leaving"
    if pod.namespace in excluded(args):
        return "its namespace is excluded"
    if not pod.owner_uid:
        return "nobody would make it again"
    if kind in ("DaemonSet", "Node") or _MIRROR in pod.annotations:
        return "it belongs to its node"
    if pod.annotations.get(_SOURCE) in ("api", "file", "http"):
        return "it is a static pod"
    if pod.priority >= SYSTEM_CRITICAL:
        return "it is system-critical"
    if pod.annotations.get(_SAFE) == "false":
        return "it is marked as not safe to evict"
    if pod.local_storage and not args.evict_local_storage_pods:
        return "it has local storage"
    started_s = pod.started_at_s if pod.started_at_s is not None else pod.created_at_s
    return "it is too young" if now_s - started_s < seconds(args.min_pod_age) else ""


def excluded(args: ReschedulerArgs) -> Collection[str]:
    return {*args.excluded_namespaces, *args.evictable_namespaces.exclude}


def group_of(pod: Pod) -> str:
    """namespace/name of its pod group, or ""."""
    name = pod.labels.get(GROUP_LABEL, "")
    return f"{pod.namespace}/{name}" if name else ""


def first_to_go(pod: Pod) -> tuple[int, int, str, str]:
    """A sort key: lowest priority, then the weakest quality of service; the name decides what is left."""
    return pod.priority, _QOS_ORDER.get(pod.qos_class, 0), pod.namespace, pod.name
