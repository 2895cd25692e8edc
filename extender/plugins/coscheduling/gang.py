"""What is known about one gang: its members, where they are to stand, and who has arrived there."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from extender.framework import Pod
from extender.plugins.coscheduling.pod_group import PodGroup
from extender.plugins.coscheduling.shape import Shape, shape_of


@dataclass(slots=True)
class Slot:
    """A place that the plan keeps for one member of a shape."""

    node: str
    shape: Shape
    uid: str = ""
    """The member that was sent there; empty: any of the shape may take it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The nodes that the scheduler offered a member of some shape last."""

    at_s: float
    names_version: int
    packed: NDArray[np.uint8]
    """One bit for each row of the table: thousands of gangs may wait."""


@dataclass(slots=True)
class Gang:
    """Times are unix seconds."""

    key: str
    group: PodGroup | None = None
    problem: str = ""
    """Why its PodGroup cannot be used."""
    members: dict[str, Pod] = field(default_factory=dict)
    """Non-terminal pods with its label, by UID."""
    bound: set[str] = field(default_factory=set)
    placed: dict[str, str] = field(default_factory=dict)
    """UID -> node of members whose bind has come in and is not seen done: they wait, or are being bound."""
    placed_s: float = 0.0
    """Since when some are."""
    slots: list[Slot] = field(default_factory=list)
    """The plan; of members that are bound no longer."""
    priority: int = 0
    """Of the member for which the plan was made."""
    planned_s: float = 0.0
    expires_s: float = 0.0
    failed_ns: int | None = None
    """When it last failed, unix nanoseconds; forgotten when it succeeds."""
    backed_off_until_s: float = 0.0
    permitted_until_s: float = 0.0
    """Until then its minResources are not compared again."""
    seen: dict[Shape, Seen] = field(default_factory=dict)
    shapes: dict[str, tuple[Pod, Shape]] = field(default_factory=dict)
    """What `shape_of` has found of members, by UID."""
    hopeless: str = ""
    """The member for which the last plan failed."""

    @property
    def assigned(self) -> int:
        """Members that have a node, or soon have."""
        return len(self.bound) + len(self.placed)

    @property
    def missing(self) -> int:
        """Members without which it may not be bound; 0 or less: it is complete."""
        return (self.group.min_member if self.group else 0) - self.assigned

    @property
    def is_empty(self) -> bool:
        return not self.members and self.group is None and not self.problem and not self.placed

    def shape_of(self, pod: Pod) -> Shape:
        """Kept for members as they were seen last: a plan asks for the shape of all. Raises QuantityError."""
        if self.members.get(pod.uid) is not pod:
            return shape_of(pod)
        known = self.shapes.get(pod.uid)
        if known is None or known[0] is not pod:
            known = self.shapes[pod.uid] = pod, shape_of(pod)
        return known[1]

    def slot_of(self, uid: str) -> Slot | None:
        return next((slot for slot in self.slots if slot.uid == uid), None)
