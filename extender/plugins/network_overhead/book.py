"""Which pods of which application stand where: a fold over the cluster's events, and binds on their way.

    event                                place of the pod, by UID
    seen assigned                        there; an announced place ends
    announced (its bind arrived)         there, unless it is seen assigned
    released (bind failed)               an announced place ends; a seen one stays
    deleted, finished, label taken off   none

Only pods with an application's label are kept. A malformed object counts as missing; `problems` says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from extender.framework import Object, Pod
from extender.plugins.network_overhead.objects import AppGroup, ObjectError, Topology, app_group_of, topology_of

APP_GROUP, NETWORK_TOPOLOGY = "AppGroup", "NetworkTopology"
GROUP_LABEL = "appgroup.diktyo.x-k8s.io"
WORKLOAD_LABEL = "appgroup.diktyo.x-k8s.io.workload"


_T = TypeVar("_T")


class Place(NamedTuple):
    group: str
    workload: str
    node: str


@dataclass(slots=True)
class Members:
    """Pods of one application that have a node."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    """workload -> node -> pods"""
    version: int = 0
    """Changes of the whole book until its last one here: it never comes back, nor does that of a group that left."""


class GroupBook:
    def __init__(self) -> None:
        self.app_groups: dict[str, AppGroup] = {}
        self.topologies: dict[str, Topology] = {}
        self.objects_version = 0
        self._members: dict[str, Members] = {}
        self._seen: dict[str, Place] = {}
        self._announced: dict[str, Place] = {}
        self._problems: dict[str, str] = {}
        self._changes = 0

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            if old is not None:
                self._move(self._announced, old.uid, None)
                self._move(self._seen, old.uid, None)
        elif new.node_name:
            self._move(self._announced, new.uid, None)
            self._move(self._seen, new.uid, _place(new, new.node_name))

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:  # noqa: ARG002
        if kind == APP_GROUP:
            self._keep(self.app_groups, kind, key, new, app_group_of)
        elif kind == NETWORK_TOPOLOGY:
            self._keep(self.topologies, kind, key, new, topology_of)

    def take(self, pod: Pod, node: str) -> None:
        """The pod is on its way to the node."""
        if pod.uid not in self._seen:
            self._move(self._announced, pod.uid, _place(pod, node))

    def release(self, uid: str) -> None:
        """It does not come; nothing if it has been seen there."""
        self._move(self._announced, uid, None)

    def members(self, group: str) -> Members | None:
        return self._members.get(group)

    @property
    def problems(self) -> Mapping[str, str]:
        """Kind namespace/name of each object that counts as missing -> why."""
        return self._problems

    # Accounts.

    def _move(self, places: dict[str, Place], uid: str, place: Place | None) -> None:
        """Where the pod stands from now on."""
        old = places.get(uid)
        if old == place:
            return
        if old is not None:
            del places[uid]
            self._count(old, -1)
        if place is not None:
            places[uid] = place
            self._count(place, 1)

    def _count(self, place: Place, change: int) -> None:
        self._changes += 1
        members = self._members.setdefault(place.group, Members())
        members.version = self._changes
        nodes = members.counts.setdefault(place.workload, Counter())
        nodes[place.node] += change
        if not nodes[place.node]:
            del nodes[place.node]
        if not nodes:
            del members.counts[place.workload]
        if not members.counts:
            del self._members[place.group]

    def _keep(self, kept: dict[str, _T], kind: str, key: str, new: Object | None, read: Callable[[Object], _T]) -> None:
        self.objects_version += 1
        kept.pop(key, None)
        self._problems.pop(f"{kind} {key}", None)
        if new is None:
            return
        try:
            kept[key] = read(new)
        except ObjectError as wrong:
            self._problems[f"{kind} {key}"] = f"ignored: {wrong}"


def _place(pod: Pod, node: str) -> Place | None:
    group = pod.labels.get(GROUP_LABEL)
    return Place(group, pod.labels.get(WORKLOAD_LABEL, ""), node) if group else None
