"""Scheduling is over: the pod is gone, leaving, or has its node."""

from __future__ import annotations

from typing import Final

from analytics.why.answer import Evidence, Found
from analytics.why.facts import Facts, node_of

_IMAGE: Final = ("ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError")
_CONFIG: Final = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
_CRASH: Final = ("CrashLoopBackOff",)
_CREATING: Final = ("ContainerCreating", "PodInitializing")


def gone(facts: Facts) -> Found | None:
    """Only a cluster that is known can be without the pod."""
    if facts.known or not facts.view.known:
        return None
    if facts.gone is not None:
        values = {"node": facts.gone.node, "plugin": facts.gone.plugin, "reason": facts.gone.reason}
        return Found("pod.evicted", {"pod": facts.key, **values})
    return Found("pod.gone", {"pod": facts.key})


def deleted(facts: Facts) -> Found | None:
    pod = facts.pod
    if pod is None or not pod.terminating:
        return None
    return Found("pod.deleting", {"pod": facts.key})


def started(facts: Facts) -> Found | None:
    pod = facts.pod
    if pod is None or not pod.node_name:
        return None
    values: dict[str, str | int] = {"pod": facts.key, "node": pod.node_name}
    if pod.phase != "Pending":
        return Found("pod.running", values)
    node = node_of(facts, pod.node_name)
    if node is None:
        return Found("start.node_gone", values)
    for cause, reasons in (("start.image", _IMAGE), ("start.config", _CONFIG), ("start.crash", _CRASH)):
        for one in facts.detail.waiting:
            if one.reason in reasons:
                said = (
                    (Evidence("told", {"text": one.message}, source=f"container {one.container}"),)
                    if one.message
                    else ()
                )
                return Found(cause, {**values, "container": one.container, "reason": one.reason}, said)
    if not node.ready:
        return Found("start.node_down", values)
    failed = facts.happened("FailedMount", "FailedAttachVolume")
    if failed is not None:
        return Found("start.volume", {**values, "reason": failed.message or failed.reason})
    if any(one.reason in _CREATING for one in facts.detail.waiting):
        return Found("start.creating", values)
    return Found("start.kubelet", values)
