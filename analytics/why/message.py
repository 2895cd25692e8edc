"""What kube-scheduler says of a pod that fits nowhere: `0/5 nodes are available: 3 Insufficient cpu, ...`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_HEAD: Final = re.compile(r"0/(\d+) nodes? (?:is|are) available[:,]?\s*")
_COUNTED: Final = re.compile(r"(?:^|, )(\d+) (?=\S)")
IN_TREE: Final[tuple[tuple[str, str], ...]] = (
    ("insufficient ", "NodeResourcesFit"),
    ("too many pods", "NodeResourcesFit"),
    ("untolerated taint", "TaintToleration"),
    ("node affinity/selector", "NodeAffinity"),
    ("node affinity", "NodeAffinity"),
    ("were unschedulable", "NodeUnschedulable"),
    ("free ports for the requested pod ports", "NodePorts"),
    ("requested node name", "NodeName"),
    ("pod anti-affinity rules", "InterPodAffinity"),
    ("existing pods anti-affinity", "InterPodAffinity"),
    ("pod affinity rules", "InterPodAffinity"),
    ("topology spread constraints", "PodTopologySpread"),
    ("persistentvolumeclaim", "VolumeBinding"),
    ("persistent volumes to bind", "VolumeBinding"),
    ("volume node affinity conflict", "VolumeBinding"),
    ("available volume zone", "VolumeZone"),
    ("max volume count", "NodeVolumeLimits"),
    ("no available volume", "VolumeRestrictions"),
    ("storageclass", "VolumeBinding"),
    ("enough free storage", "VolumeBinding"),
    ("unavailable due to one or more pvc", "VolumeBinding"),
    ("resourceclaim", "DynamicResources"),
    ("cannot allocate all claims", "DynamicResources"),
)
"""Part of a reason, in small letters -> the plugin of kube-scheduler that says it."""


@dataclass(frozen=True, slots=True)
class Reason:
    text: str
    nodes: int
    """0: said of the pod, not of nodes."""

    @property
    def plugin(self) -> str:
        """Which of kube-scheduler's own says so; empty: an extender or a plugin unknown here."""
        said = self.text.lower()
        return next((plugin for part, plugin in IN_TREE if part in said), "")


@dataclass(frozen=True, slots=True)
class Message:
    nodes: int = 0
    reasons: tuple[Reason, ...] = ()
    preemption: str = ""
    """What is said of preemption, as it is."""

    def says(self, part: str) -> Reason | None:
        """The first reason that holds this text, whatever its case."""
        return next((reason for reason in self.reasons if part.lower() in reason.text.lower()), None)

    @property
    def foreign(self) -> tuple[Reason, ...]:
        """Reasons that no plugin of kube-scheduler gives."""
        return tuple(reason for reason in self.reasons if not reason.plugin)


def parsed(text: str) -> Message:
    """Of any text; one of another form is a single reason about the pod."""
    text = text.strip()
    if not text:
        return Message()
    head = _HEAD.match(text)
    if head is None:
        return Message(0, (Reason(text.rstrip("."), 0),))
    rest = text[head.end() :]
    body, _, preemption = rest.partition("preemption: ")
    reasons, begin = [], None
    parts = list(_COUNTED.finditer(body))
    for at, part in enumerate(parts):
        until = parts[at + 1].start() if at + 1 < len(parts) else len(body)
        reasons.append(Reason(body[part.end() : until].strip().rstrip(".,"), int(part.group(1))))
        begin = begin if begin is not None else part.start()
    whole = body[: begin if begin is not None else len(body)].strip().rstrip(".,")
    if whole:
        reasons.insert(0, Reason(whole, 0))
    return Message(int(head.group(1)), tuple(reasons), preemption.strip())
