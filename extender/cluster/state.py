"""The single writer: applies events to the node table and the small tables beside it, in order, in place.

It runs on the event loop of the requests, so a cycle that does not await sees one state.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec
import numpy as np

from extender.cluster.assignments import KEPT_S, Assignments
from extender.cluster.load_columns import blank_load, show_load, show_table
from extender.cluster.readings import Digest, Reading, readings_of, table_of
from extender.cluster.sound import sound_node, sound_pod
from extender.cluster.tally import Tally
from extender.model.columns import FIXED_RESOURCES, NodeTable
from extender.model.events import (
    Event,
    MetricsReplaced,
    NodeDeleted,
    NodeUpserted,
    Object,
    ObjectDeleted,
    ObjectUpserted,
    PodAssumed,
    PodDeleted,
    PodUpserted,
)
from extender.model.node import Node
from extender.model.pod import Pod
from extender.model.resources import Resources, request_k8s, resources_of
from extender.telemetry.metrics import METRICS_ODD, OBJECTS_REFUSED, QUANTITIES_REFUSED, STATE_FAULTS

log = logging.getLogger(__name__)

NODE_NAME_MAX = 253
# Distinct resources over all nodes; more would only widen every row. Further ones are left out and counted.
RESOURCES_MAX = 256
# Load metrics older than this tell nothing: the feeds then replace them with an empty document.
METRICS_STALE_S = 300.0
# Deleted UIDs remembered, so that an own bind which is told late brings no ghost.
_DELETED_MAX = 4096

_NOBODY: Mapping[str, str] = {}

PodChange = tuple[Pod | None, Pod | None]
"""Old and new; None: there was none, or is none any more."""
PodListener = Callable[[Pod | None, Pod | None], None]
NodeListener = Callable[[Node | None, Node | None], None]
ObjectListener = Callable[[str, str, Object | None, Object | None], None]


class ClusterState:
    """Only `apply` changes it. What it hands out is live: read it before the next await, or copy."""

    def __init__(self) -> None:
        self.nodes = NodeTable()
        self.pods: dict[str, Pod] = {}
        """Non-terminal pods by UID."""
        self.nominated: dict[str, Pod] = {}
        """Unassigned, not terminating pods with a nominated node, by UID."""
        self.assumed: dict[str, None] = {}
        """UIDs of pods of which only our own bind has told."""
        self.objects: dict[str, dict[str, Object]] = {}
        """kind -> key -> object."""
        self.assignments = Assignments()
        self.metrics_end_s = 0
        """End of the window of the newest load metrics, unix seconds; 0 before the first."""
        self.metrics_at_s: float | None = None
        """When they were had."""
        self.generation = 0
        self.pod_listeners: list[PodListener] = []
        self.node_listeners: list[NodeListener] = []
        self.object_listeners: list[ObjectListener] = []
        self.listeners: list[Callable[[Event], None]] = []
        self._uids: dict[str, dict[str, str]] = {}
        """namespace -> name -> UID."""
        self._tallies: dict[str, Tally] = {}
        self._assigned_at_s: dict[str, float] = {}
        self._deleted: OrderedDict[str, None] = OrderedDict()
        self._readings: dict[str, Reading] = {}
        self._untold: list[PodChange] | None = None
        """What listeners will hear of pods when all events of an `apply_all` are in; None: they hear at once."""

    def pods_on(self, node_name: str) -> Collection[str]:
        """UIDs of the non-terminal pods on a node, known or not, in the order in which they came."""
        tally = self._tallies.get(node_name)
        return tally.uids.keys() if tally else ()

    def requested_by(self, pod: Pod) -> Resources:
        """What the scheduler counts for a pod (REQ-K8S)."""
        return request_k8s(pod)

    def find_pod(self, namespace: str, name: str) -> Pod | None:
        """The non-terminal pod of that name."""
        return self.pods.get(self._uids.get(namespace, _NOBODY).get(name, ""))

    def apply(self, event: Event, now_s: float) -> None:
        """Take one event in and tell the listeners. Never raises: a fault of ours is counted and logged."""
        self._take(event, now_s)
        self._forget_old(now_s)
        self.generation += 1
        _tell(self.listeners, event)

    def apply_all(self, events: Sequence[Event], now_s: float) -> None:
        """As `apply` of one after the other, faster: of pods, the listeners are told when all events are in.

        Each hears of every pod in order, one listener after the other, so that its code and its tables are at hand.
        Meanwhile the state is ahead of what they hear: for lists, while nobody is served yet.
        """
        if len(events) == 1:
            self.apply(events[0], now_s)
            return
        changes: list[PodChange] = []
        self._untold = changes
        for event in events:
            self._take(event, now_s)
        self._untold = None
        self._forget_old(now_s)
        self.generation += len(events)
        for listener in self.pod_listeners:
            _hear(listener, changes)
        for heard in self.listeners:
            _hear(heard, ((event,) for event in events))

    def _take(self, event: Event, now_s: float) -> None:
        try:
            self._dispatch(event, now_s)
        except Exception:
            STATE_FAULTS.labels("apply").inc()
            log.exception("a %s could not be applied; the cluster cache goes on without it", type(event).__name__)

    def _forget_old(self, now_s: float) -> None:
        try:
            self._prune(now_s)
        except Exception:
            STATE_FAULTS.labels("apply").inc()
            log.exception("old assignments could not be forgotten; the cluster cache goes on with them")

    def _dispatch(self, event: Event, now_s: float) -> None:
        match event:
            case PodUpserted(pod):
                self._upsert_pod(pod, now_s)
            case PodDeleted(uid):
                self._delete_pod(uid, now_s)
            case PodAssumed(pod, at_s):
                self._assume_pod(pod, at_s)
            case NodeUpserted(node):
                self._upsert_node(node)
            case NodeDeleted(name):
                self._delete_node(name, now_s)
            case ObjectUpserted(kind, key, found):
                self._change_object(kind, key, found)
            case ObjectDeleted(kind, key):
                self._change_object(kind, key, None)
            case MetricsReplaced():
                self._replace_metrics(event)

    # Pods.

    def _upsert_pod(self, pod: Pod, now_s: float) -> None:
        pod = self._identified(pod)
        if pod.is_terminal:
            self._delete_pod(pod.uid, now_s)
            return
        self._deleted.pop(pod.uid, None)
        self.assumed.pop(pod.uid, None)
        old = self.pods.get(pod.uid)
        if old is not None and old.node_name and not pod.node_name:
            # A binding is final: this event is older than what we know, from our own bind.
            pod = msgspec.structs.replace(pod, node_name=old.node_name)
        self._set_pod(old, sound_pod(pod), now_s)

    def _assume_pod(self, pod: Pod, at_s: float) -> None:
        pod = self._identified(pod)
        old = self.pods.get(pod.uid)
        if not pod.node_name or pod.is_terminal or pod.uid in self._deleted or (old is not None and old.node_name):
            # Gone meanwhile, or the watch was faster than our own answer: it knows more.
            return
        if old is None:
            self.assumed[pod.uid] = None
        self._set_pod(old, sound_pod(pod), at_s)

    def _identified(self, pod: Pod) -> Pod:
        """Pods written by hand may lack a UID; their name then stands for it."""
        return pod if pod.uid else msgspec.structs.replace(pod, uid=pod.key)

    def _set_pod(self, old: Pod | None, pod: Pod, now_s: float) -> None:
        namesake = self._uids.get(pod.namespace, _NOBODY).get(pod.name, pod.uid)
        if namesake != pod.uid:
            self._delete_pod(namesake, now_s)
        self.pods[pod.uid] = pod
        if old is None:
            self._name(pod)
            self._take_place(pod, now_s)
        else:
            if old.name != pod.name or old.namespace != pod.namespace:
                self._unname(old)
                self._name(pod)
            if not self._stays(old, pod):
                self._forget_place(old, now_s, keeps_node=old.node_name == pod.node_name)
                self._take_place(pod, now_s)
        self._tell_of_pod(old, pod)

    def _delete_pod(self, uid: str, now_s: float) -> None:
        self._deleted[uid] = None
        self._deleted.move_to_end(uid)
        if len(self._deleted) > _DELETED_MAX:
            self._deleted.popitem(last=False)
        self.assumed.pop(uid, None)
        old = self.pods.pop(uid, None)
        if old is None:
            return
        self._unname(old)
        self._forget_place(old, now_s, keeps_node=False)
        self._tell_of_pod(old, None)

    def _tell_of_pod(self, old: Pod | None, new: Pod | None) -> None:
        if self._untold is None:
            _tell(self.pod_listeners, old, new)
        else:
            self._untold.append((old, new))

    def _name(self, pod: Pod) -> None:
        self._uids.setdefault(pod.namespace, {})[pod.name] = pod.uid

    def _unname(self, pod: Pod) -> None:
        names = self._uids.get(pod.namespace, {})
        if names.get(pod.name) == pod.uid:
            del names[pod.name]
            if not names:
                del self._uids[pod.namespace]

    def _stays(self, old: Pod, new: Pod) -> bool:
        """Most events of a placed pod change nothing that is counted: the node is told that it changed, and no more."""
        name = new.node_name
        if not name or old.node_name != name or old.terminating != new.terminating:
            return False
        tally = self._tallies.get(name)
        if tally is None or new.uid not in tally.uids or request_k8s(old) != request_k8s(new):
            return False
        tally.renew(new.uid)
        if self.nodes.row(name) >= 0:
            self.nodes.touch()
        return True

    def _take_place(self, pod: Pod, now_s: float) -> None:
        """Count the pod where it stands, or where it is nominated."""
        if pod.node_name:
            self._tally(pod.node_name).add(pod.uid, request_k8s(pod), terminating=pod.terminating)
            self._begin_assignment(pod, now_s)
            self._show_tally(pod.node_name)
        elif pod.nominated_node_name:
            # The scheduler's nominator, which the column mirrors, knows terminating pods too.
            if not pod.terminating:
                self.nominated[pod.uid] = pod
            self._tally(pod.nominated_node_name).nominated += 1
            self._show_tally(pod.nominated_node_name)

    def _forget_place(self, pod: Pod, now_s: float, *, keeps_node: bool) -> None:
        """The reverse of `_take_place`; with `keeps_node` the assignment itself goes on."""
        if pod.node_name:
            self._tally(pod.node_name).remove(pod.uid, request_k8s(pod), terminating=pod.terminating)
            if not keeps_node:
                self._end_assignment(pod, now_s)
            self._show_tally(pod.node_name)
        elif pod.nominated_node_name:
            self.nominated.pop(pod.uid, None)
            self._tally(pod.nominated_node_name).nominated -= 1
            self._show_tally(pod.nominated_node_name)

    def _begin_assignment(self, pod: Pod, now_s: float) -> None:
        if pod.uid in self._assigned_at_s:
            return
        self._assigned_at_s[pod.uid] = now_s
        row = self.nodes.row(pod.node_name)
        if row >= 0:
            self.assignments.add(pod.uid, row, now_s, pod)

    def _end_assignment(self, pod: Pod, now_s: float) -> None:
        del self._assigned_at_s[pod.uid]
        row = self.nodes.row(pod.node_name)
        if row >= 0:
            self.assignments.remove(pod.uid, row, now_s, pod)

    def _tally(self, node_name: str) -> Tally:
        tally = self._tallies.get(node_name)
        if tally is None:
            tally = self._tallies[node_name] = Tally()
        return tally

    def _show_tally(self, node_name: str) -> None:
        tally = self._tallies[node_name]
        row = self.nodes.row(node_name)
        if row >= 0:
            tally.write(self.nodes, row)
            self.nodes.touch()
        if tally.is_empty:
            del self._tallies[node_name]

    # Nodes.

    def _upsert_node(self, node: Node) -> None:
        if not 0 < len(node.name) <= NODE_NAME_MAX:
            OBJECTS_REFUSED.labels("nodes").inc()
            log.warning("a node is left out: its name has %d characters, want 1 to %d", len(node.name), NODE_NAME_MAX)
            return
        node = sound_node(node)
        # Both can fail only before the table is touched.
        allocatable, capacity = resources_of(node.allocatable), resources_of(node.capacity)
        is_new = self.nodes.row(node.name) < 0
        row = self.nodes.add(node.name)
        old = self.nodes.objects[row]
        changed = self._set_facts(row, node, capacity)
        changed |= self._set_allocatable(row, allocatable)
        changed |= self._set_object(row, old, node)
        if is_new:
            self._settle(node.name, row)
        if changed:
            self.nodes.touch()
            _tell(self.node_listeners, old, node)

    def _set_object(self, row: int, old: Node | None, node: Node) -> bool:
        """A heartbeat changes nothing but the version: whatever is derived from the object stays fresh."""
        if old is not None and msgspec.structs.replace(old, resource_version=node.resource_version) == node:
            return False
        self.nodes.set_object(row, node)
        return True

    def _set_facts(self, row: int, node: Node, capacity: Resources) -> bool:
        nodes = self.nodes
        before = (
            bool(nodes.unschedulable[row]),
            bool(nodes.ready[row]),
            int(nodes.capacity_cpu_milli[row]),
            int(nodes.capacity_memory_bytes[row]),
        )
        after = (node.unschedulable, node.ready, capacity.cpu_milli, capacity.memory_bytes)
        nodes.unschedulable[row], nodes.ready[row] = node.unschedulable, node.ready
        nodes.capacity_cpu_milli[row] = capacity.cpu_milli
        nodes.capacity_memory_bytes[row] = capacity.memory_bytes
        return before != after

    def _set_allocatable(self, row: int, has: Resources) -> bool:
        known = [(self._resource_column(name), amount) for name, amount in has.scalars.items()]
        amounts = [0] * len(self.nodes.resources)
        amounts[: len(FIXED_RESOURCES)] = has.cpu_milli, has.memory_bytes, has.ephemeral_bytes, has.pods
        for column, amount in known:
            if column >= 0:
                amounts[column] = amount
        if amounts == self.nodes.allocatable[row].tolist():
            return False
        self.nodes.allocatable[row] = amounts
        return True

    def _resource_column(self, name: str) -> int:
        if self.nodes.resource_index(name) < 0 and len(self.nodes.resources) >= RESOURCES_MAX:
            QUANTITIES_REFUSED.labels("nodes").inc()
            return -1
        is_new = self.nodes.resource_index(name) < 0
        column = self.nodes.add_resource(name)
        if is_new:
            self._count_requests_of(name)
        return column

    def _count_requests_of(self, resource: str) -> None:
        """A resource got its column: pods that requested it before are counted now."""
        for node_name, tally in self._tallies.items():
            row = self.nodes.row(node_name)
            if row >= 0 and resource in tally.requested.scalars:
                tally.write(self.nodes, row)

    def _settle(self, name: str, row: int) -> None:
        """A node appeared: what waited for it moves in."""
        reading = self._readings.get(name)
        if reading is not None:
            show_load(self.nodes, [row], [reading])
        tally = self._tallies.get(name)
        if tally is None:
            return
        tally.write(self.nodes, row)
        for uid in sorted(tally.uids, key=lambda uid: (self._assigned_at_s[uid], uid)):
            self.assignments.add(uid, row, self._assigned_at_s[uid], self.pods[uid])

    def _delete_node(self, name: str, now_s: float) -> None:
        row = self.nodes.row(name)
        if row < 0:
            return
        old = self.nodes.objects[row]
        self.nodes.remove(name)
        # Its pods wait; the row may soon be another node's, so nothing recent may point to it.
        for uid in sorted(self.pods_on(name)):
            self.assignments.remove(uid, row, now_s, self.pods[uid])
        _tell(self.node_listeners, old, None)

    # Objects and metrics.

    def _change_object(self, kind: str, key: str, new: Object | None) -> None:
        of_kind = self.objects.setdefault(kind, {})
        old = of_kind.get(key)
        if new is None:
            of_kind.pop(key, None)
        else:
            of_kind[key] = new
        if old is None and new is None:
            return
        _tell(self.object_listeners, kind, key, old, new)

    def _replace_metrics(self, event: MetricsReplaced) -> None:
        document, nodes = event.document, self.nodes
        readings = readings_of(document)
        table = document.table if isinstance(document, Digest) else table_of(list(readings.nodes.values()))
        rows = np.array([nodes.row(name) for name in readings.nodes], np.intp)
        known = rows >= 0
        blank_load(nodes)
        show_table(nodes, rows[known], table[known])
        unknown = len(rows) - int(np.count_nonzero(known))
        if unknown:
            METRICS_ODD.labels("unknown node").inc(unknown)
        self._readings = readings.nodes
        self.metrics_end_s = readings.end_s
        self.metrics_at_s = event.fetched_at_s
        nodes.touch()

    def _prune(self, now_s: float) -> None:
        # Without metrics nobody reads assignments, but the next document may look back a little.
        since_s = min(now_s, self.metrics_end_s) if self._readings and self.metrics_end_s else now_s
        self.assignments.prune(since_s - KEPT_S)


def _tell(listeners: Iterable[Callable[..., None]], *what: object) -> None:
    for listener in listeners:
        _hear(listener, (what,))


def _hear(listener: Callable[..., None], told: Iterable[tuple[object, ...]]) -> None:
    """What a listener is told, whatever becomes of a part of it."""
    for what in told:
        try:
            listener(*what)
        except Exception:
            STATE_FAULTS.labels("listener").inc()
            log.exception("listener %r failed; the cluster cache goes on", listener)
