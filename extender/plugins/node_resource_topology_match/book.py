"""What is believed of every node's zones: a fold over objects, pods and promises.

Three beliefs, of which the arguments choose one:

    live      the newest object of each node (passthrough; discard reserved)
    held      the object that was flushed last, less what pods were charged since (over reserve)
    landing   nodes to which a pod is being bound (discard reserved)

The held belief, once somebody keeps it:

    event                                        what follows
    first object of a node                       held at once
    later object                                 nothing until a flush; a changed policy marks the node
    pod taken                                    charged on every zone of its node
    pod released                                 its charge ends
    pod of another scheduler seen on the node    the node is stale until a flush
    flush                                        the newest object is held; charges that it proves and marks end
    object deleted                               nothing is known of the node

A malformed object changes nothing; `problems` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from extender.framework import Object, Pod, QuantityError, qos_of
from extender.plugins.node_resource_topology_match.args import (
    AUTODETECT,
    NONE,
    ONLY_EXCLUSIVE,
    ONLY_RESOURCES,
    Cache,
)
from extender.plugins.node_resource_topology_match.fingerprint import fingerprint
from extender.plugins.node_resource_topology_match.placement import PlacementError, placement_of
from extender.plugins.node_resource_topology_match.requests import Asked, asked_in_all, exclusive_containers
from extender.plugins.node_resource_topology_match.topology import (
    SINGLE_NUMA_NODE,
    Topology,
    TopologyError,
    topology_of,
)
from extender.plugins.node_resource_topology_match.zones import ZoneTable

KIND = "NodeResourceTopology"

# Without a look at the period for so long, nobody kept the held belief: it begins anew.
KEPT_S = 60.0
# Pods that left a node lately and may still be in its fingerprint.
DEPARTED_MAX = 64

PodsOf = Callable[[str], Sequence[Pod]]


@dataclass(frozen=True, slots=True)
class Stranger:
    """A pod on a node that another scheduler may have put there."""

    scheduler: str
    exclusive: bool
    unasked: bool
    """It became assigned without a bind of ours."""
    certain: bool = False
    """Somebody said so."""

    def is_foreign(self, ours: Collection[str], detect: str) -> bool:
        if self.certain:
            return True
        if detect == NONE or (detect == ONLY_EXCLUSIVE and not self.exclusive):
            return False
        return self.unasked if "*" in ours else self.scheduler not in ours


class TopologyBook:
    def __init__(self) -> None:
        self.problems: dict[str, str] = {}
        """Node -> what is wrong with its object, or why it cannot be flushed."""
        self.live: dict[str, Topology] = {}
        self.held: dict[str, Topology] = {}
        self.live_zones = ZoneTable()
        self.held_zones = ZoneTable()
        self.placements: dict[str, dict[int, int]] = {}
        """Node -> container hash -> zone id, as of the last flush."""
        self.marks_version = 0
        """Rises whenever foreign pods may make another set of nodes stale."""
        self.generation = 0
        """Number of flushes."""
        self._charges: dict[str, dict[str, Asked]] = {}
        self._landing: dict[str, set[str]] = {}
        self._node_of: dict[str, str] = {}
        """UID of each charged or landing pod -> its node."""
        self._strangers: dict[str, set[Stranger]] = {}
        self._unasked: set[str] = set()
        self._over_reserved: set[str] = set()
        self._reconfigured: set[str] = set()
        self._departed: dict[str, dict[str, Pod]] = {}
        self._over: set[str] = set()
        """UIDs of charged pods that are gone: the next proof ends their charge."""
        self._kept_at_s: float | None = None
        self._resynced_at_s: float | None = None

    # What events say.

    def object_changed(self, kind: str, key: str, _old: Object | None, new: Object | None) -> None:
        if kind != KIND:
            return
        if new is None:
            self._forget_node(key)
            return
        try:
            topology = topology_of(new)
        except TopologyError as wrong:
            self.problems[key] = f"ignored: {wrong}"
            return
        self.problems.pop(key, None)
        self.live[key] = topology
        self.live_zones.put(key, topology)
        held = self.held.get(key)
        if held is None:
            self.held[key] = topology
            self._show(key)
        elif held.config != topology.config:
            self._reconfigured.add(key)
        else:
            self._reconfigured.discard(key)

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        if pod is None:
            return
        if new is not None and new.node_name and old is not None and not old.node_name and not self._lands(new):
            self._unasked.add(pod.uid)
        if new is None or new.node_name:
            self.landed(pod.uid)
        if pod.node_name in self.held and self._kept_at_s is not None:
            self._note(pod)
            if new is None:
                self._depart(pod)
        if new is None:
            self._unasked.discard(pod.uid)
            if pod.uid in self._charges.get(pod.node_name, ()):
                self._over.add(pod.uid)

    # What the engine promises.

    def take(self, pod: Pod, node: str) -> None:
        """Charge a pod on a node."""
        self.release(pod.uid)
        self._node_of[pod.uid] = node
        self._landing.setdefault(node, set()).add(pod.uid)
        if node in self.held:
            self._charges.setdefault(node, {})[pod.uid] = asked_in_all(pod)
            self._show(node)

    def release(self, uid: str) -> None:
        """Give back what `take` charged."""
        node = self._node_of.get(uid, "")
        self.landed(uid)
        if self._charges.get(node, {}).pop(uid, None) is not None:
            self._show(node)
        self._over.discard(uid)
        self._node_of.pop(uid, None)

    def landed(self, uid: str) -> None:
        """Its bind is over; its charge stays until the node reports it."""
        node = self._node_of.get(uid, "")
        landing = self._landing.get(node)
        if landing is None or uid not in landing:
            return
        landing.discard(uid)
        if not landing:
            del self._landing[node]

    # What plugins ask.

    def is_kept(self, now_s: float) -> bool:
        """Whether the held belief can be used."""
        return self._kept_at_s is not None and now_s - self._kept_at_s <= KEPT_S

    def landing(self) -> Collection[str]:
        """Nodes to which a pod is being bound."""
        return self._landing.keys()

    def foreign(self, ours: Collection[str], detect: str) -> list[str]:
        """Nodes on which a pod of another scheduler was seen since their last flush."""
        return [
            node
            for node, strangers in self._strangers.items()
            if any(stranger.is_foreign(ours, detect) for stranger in strangers)
        ]

    def available(self, node: str) -> dict[str, dict[str, int]]:
        """Held: zone name -> resource -> billionths left, of every zone that the object lists."""
        charged = self.charged(node)
        return {
            zone.name: {
                name: max(0, amount.available - charged[name]) if name in charged else amount.available
                for name, amount in zone.resources.items()
            }
            for zone in self.held[node].zones
        }

    # Time.

    def keep(self, now_s: float) -> None:
        """Somebody uses the held belief; begin it anew if nobody did for long."""
        if not self.is_kept(now_s):
            self._begin()
        self._kept_at_s = now_s

    def rest(self, now_s: float) -> None:
        """Nobody here uses the held belief: charges need not pile up."""
        if self._kept_at_s is not None and not self.is_kept(now_s):
            self._kept_at_s = None
        if self._kept_at_s is None:
            self._begin()

    def is_due(self, period_s: float, now_s: float) -> bool:
        """Whether a resync is due; if so the next one is due a period later."""
        if self._resynced_at_s is not None and 0 <= now_s - self._resynced_at_s < period_s:
            return False
        self._resynced_at_s = now_s
        return True

    def mark_stranger(self, node: str) -> None:
        """Somebody says that a foreign pod is on the node."""
        if node in self.held:
            self._strangers.setdefault(node, set()).add(Stranger("", exclusive=True, unasked=True, certain=True))
            self.marks_version += 1

    def mark_over_reserved(self, node: str) -> None:
        """A pod did not align there, perhaps for charges that are no longer true."""
        if node in self.held:
            self._over_reserved.add(node)

    def marked(self, ours: Collection[str], cache: Cache) -> set[str]:
        """Nodes that upstream resyncs: stale, perhaps over-reserved, or reconfigured."""
        marked = {*self.foreign(ours, cache.foreign_pods_detect), *self._over_reserved}
        return marked if cache.resync_scope == ONLY_RESOURCES else marked | self._reconfigured

    def behind(self) -> set[str]:
        """Nodes whose newest object, charges or placement of containers wait for a flush."""
        waiting = {
            node
            for node, held in self.held.items()
            if self.live.get(node) is not held or (held.placement and node not in self.placements)
        }
        return waiting | {node for node, charges in self._charges.items() if charges}

    def resync(self, nodes: Iterable[str], pods_of: PodsOf, cache: Cache, *, as_upstream: bool = False) -> list[str]:
        """Flush those of the nodes whose newest object accounts for exactly their pods; which they are, by name.

        `as_upstream`: a node without pods is never flushed, and a flush forgets charges that it does not prove.
        """
        flushed = []
        for node in sorted(nodes):
            if node not in self.live:
                continue
            pods = pods_of(node)
            if node in self._reconfigured and cache.resync_scope != ONLY_RESOURCES:
                unproven = set(self._charges.get(node, ()))
            elif self._proves(node, pods, cache, as_upstream=as_upstream):
                unproven = self._unproven(node, pods)
            else:
                continue
            self._flush(node, pods, () if as_upstream else unproven)
            flushed.append(node)
        return flushed

    # Parts.

    def _begin(self) -> None:
        """Hold the newest objects; only pods on their way stay charged."""
        outdated = {node for node, held in self.held.items() if self.live.get(node) is not held}
        for node in outdated | self._charges.keys() | self._strangers.keys() | self._over_reserved:
            self._flush(node, None, self._landing.get(node, ()))

    def _proves(self, node: str, pods: Sequence[Pod], cache: Cache, *, as_upstream: bool) -> bool:
        live = self.live[node]
        if as_upstream and not pods:
            return False
        if not live.fingerprint:
            self.problems[node] = "no fingerprint of its pods: nothing proves that its zones are up to date"
            return False
        self.problems.pop(node, None)
        only_exclusive = not live.legacy_fingerprint and (
            cache.resync_method == ONLY_EXCLUSIVE or (cache.resync_method == AUTODETECT and live.only_exclusive)
        )
        present = self._fingerprinted(pods, live, only_exclusive=only_exclusive)
        if fingerprint(present) == live.fingerprint:
            self._departed.pop(node, None)
            return True
        gone = list(self._departed.get(node, {}).values())
        # A finished pod that still has its object is invisible to us, but not to the node. More pods prove no less.
        more = present | self._fingerprinted(gone, live, only_exclusive=only_exclusive)
        return bool(gone) and not as_upstream and fingerprint(more) == live.fingerprint

    @staticmethod
    def _fingerprinted(pods: Iterable[Pod], live: Topology, *, only_exclusive: bool) -> set[tuple[str, str]]:
        return {(pod.namespace, pod.name) for pod in pods if not only_exclusive or _is_exclusive(pod, live)}

    def _unproven(self, node: str, pods: Sequence[Pod]) -> set[str]:
        """Charged pods that the fingerprint did not cover and that may still come."""
        return self._charges.get(node, {}).keys() - {pod.uid for pod in pods} - self._over

    def _flush(self, node: str, pods: Sequence[Pod] | None, keep: Collection[str]) -> None:
        """`pods`: what the node has, if that is known; `keep`: UIDs whose charges stay."""
        self.held[node] = self.live[node]
        charges = self._charges.pop(node, {})
        kept = {uid: asked for uid, asked in charges.items() if uid in keep}
        if kept:
            self._charges[node] = kept
        self._forget_charged(node, charges.keys() - kept.keys())
        self._unmark(node)
        self.placements.pop(node, None)
        if pods is not None:
            self._place(node, pods)
        self._show(node)
        self.generation += 1

    def _forget_charged(self, node: str, uids: Collection[str]) -> None:
        """Their charges have ended; those on their way are still known."""
        for uid in uids:
            self._over.discard(uid)
            if uid not in self._landing.get(node, ()):
                self._node_of.pop(uid, None)

    def _unmark(self, node: str) -> None:
        self._strangers.pop(node, None)
        self._over_reserved.discard(node)
        self._reconfigured.discard(node)
        self.marks_version += 1

    def _place(self, node: str, pods: Sequence[Pod]) -> None:
        """Where the pods' containers stand, if the object tells and the kubelet pins them to one zone."""
        topology = self.held[node]
        if not topology.placement or topology.policy != SINGLE_NUMA_NODE:
            return
        pinned = [
            (pod.namespace, pod.name, container.name)
            for pod in pods
            for container in exclusive_containers(pod, qos_of(pod), topology.listed)
        ]
        try:
            self.placements[node] = placement_of(topology, pinned)
        except PlacementError as wrong:
            self.problems[node] = f"its placement of containers is ignored: {wrong}"

    def _show(self, node: str) -> None:
        self.held_zones.put(node, self.held[node], self.charged(node))

    def charged(self, node: str) -> Mapping[str, int]:
        """Everything that pods are charged there, by resource."""
        total: Asked = {}
        for asked in self._charges.get(node, {}).values():
            for name, amount in asked.items():
                total[name] = total.get(name, 0) + amount
        return total

    def _lands(self, pod: Pod) -> bool:
        return pod.uid in self._landing.get(pod.node_name, ())

    def _note(self, pod: Pod) -> None:
        stranger = Stranger(pod.scheduler_name, _is_exclusive(pod, self.held[pod.node_name]), pod.uid in self._unasked)
        strangers = self._strangers.setdefault(pod.node_name, set())
        if stranger not in strangers:
            strangers.add(stranger)
            self.marks_version += 1

    def _depart(self, pod: Pod) -> None:
        gone = self._departed.setdefault(pod.node_name, {})
        gone[pod.uid] = pod
        if len(gone) > DEPARTED_MAX:
            del gone[next(iter(gone))]

    def _forget_node(self, node: str) -> None:
        self.problems.pop(node, None)
        self.live.pop(node, None)
        self.held.pop(node, None)
        self.placements.pop(node, None)
        self._departed.pop(node, None)
        self._forget_charged(node, self._charges.pop(node, {}).keys())
        self.live_zones.drop(node)
        self.held_zones.drop(node)
        self._unmark(node)


def _is_exclusive(pod: Pod, topology: Topology) -> bool:
    """Whether it has exclusive resources; of a pod that cannot be read we believe it."""
    try:
        return bool(exclusive_containers(pod, qos_of(pod), topology.listed))
    except QuantityError:
        return True
