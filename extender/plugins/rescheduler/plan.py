"""A round in the making: what has been decided so far, and how the cluster would look afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from extender.framework import Pod, request_k8s
from extender.framework.preemption import misplaced
from extender.framework.preemption.placement import tolerates
from extender.framework.preemption.ports import clash
from extender.plugins.rescheduler.book import RUNNING, requested
from extender.plugins.rescheduler.kernel import percent, unclamped
from extender.plugins.rescheduler.movable import first_to_go, group_of, immovable
from extender.plugins.rescheduler.scene import Machine, Move, Percents, Scene

# Targets looked for in one round; a cluster where nothing fits is not searched to its end. The next round goes on.
SEARCHES_MAX = 50


class Place:
    """One node as it would be."""

    def __init__(self, machine: Machine, resources: Iterable[str], scene: Scene) -> None:
        self.machine = machine
        self.name = machine.node.name
        # A resource that came up while the scene was made is at the end, and missing in what was seen before.
        self.allocatable = dict(zip(resources, machine.allocatable, strict=False))
        self.requested = dict(zip(resources, machine.requested, strict=False))
        self.pods = list(machine.pods)
        self.known = machine.used is not None
        self.cpu, self.memory = machine.used or (0.0, 0.0)
        for pod in machine.pods:
            # They still count as use, and their going is decided.
            if scene.is_leaving(pod) and pod.phase == RUNNING:
                self._use(pod, -1)

    @property
    def used(self) -> Percents:
        return self.cpu, self.memory

    @property
    def takes_pods(self) -> bool:
        return (
            self.known
            and not self.machine.node.unschedulable
            and self.machine.node.ready
            and not self.machine.maintenance
        )

    def with_pod(self, pod: Pod) -> Percents:
        cpu, memory = requested(pod)
        return (
            self.cpu + percent(cpu, self.machine.capacity[0], 0.0),
            self.memory + percent(memory, self.machine.capacity[1], 0.0),
        )

    def has_room(self, pod: Pod) -> bool:
        """Whether its requests and host ports are free beside those of all pods, the leaving ones included."""
        ports = pod.placement.host_ports
        if ports and any(clash(ports, other.placement.host_ports) for other in (*self.machine.pods, *self.pods)):
            return False
        return all(
            amount <= self.allocatable.get(name, 0) - self.requested.get(name, 0)
            for name, amount in wanted(pod).items()
            if amount
        )

    def give(self, pod: Pod) -> None:
        """The pod is asked to leave. Its room is free only when it has gone."""
        self.pods.remove(pod)
        self._use(pod, -1)

    def take(self, pod: Pod) -> None:
        """Another one like it is expected here."""
        self._use(pod, 1)
        self.pods.append(pod)
        for name, amount in wanted(pod).items():
            self.requested[name] = self.requested.get(name, 0) + amount

    def _use(self, pod: Pod, sign: int) -> None:
        cpu, memory = requested(pod)
        self.cpu += sign * percent(cpu, self.machine.capacity[0], 0.0)
        self.memory += sign * percent(memory, self.machine.capacity[1], 0.0)


class Plan:
    """Moves that respect every limit of the round."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.args = scene.args
        self.places = [Place(machine, scene.resources, scene) for machine in scene.machines]
        self.moves: list[Move] = []
        self.searches = 0
        self._staying = scene.members_staying()
        self._busy_owners = scene.owners_with_leaving()
        self._taken: set[str] = set()
        self._nodes: Counter[str] = Counter()
        self._namespaces: Counter[str] = Counter()
        self._owners: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        return len(self.moves) >= self.args.max_reschedule_pods or self.searches >= SEARCHES_MAX

    def movable(self, place: Place) -> Iterator[Pod]:
        """Pods that may leave this node now, first to go first. Asks again before each: moves change the answer."""
        for pod in sorted(place.machine.pods, key=first_to_go):
            if not self._kept(pod, place):
                yield pod

    def target(
        self,
        pod: Pod,
        source: Place,
        prefer: Callable[[Place], float],
        among: Collection[Place] | None = None,
        *,
        soft_taints: bool = False,
    ) -> Place | None:
        """The most preferred node (lowest value, first of equals) that would take the pod and stay below."""
        self.searches += 1
        for place in sorted(self.places if among is None else among, key=prefer):
            if place is not source and place.takes_pods and self._may_go_to(pod, place, soft_taints=soft_taints):
                return place
        return None

    def add(self, pod: Pod, source: Place, target: Place, strategy: str, reason: str) -> None:
        source.give(pod)
        target.take(pod)
        self._taken.add(pod.uid)
        self._nodes[source.name] += 1
        self._namespaces[pod.namespace] += 1
        self._owners[pod.owner_uid] += 1
        if group := group_of(pod):
            self._staying[group] -= 1
        after = source.used if source.known else None
        self.moves.append(
            Move(pod=pod, source=source.name, target=target.name, strategy=strategy, reason=reason, after=after)
        )

    def score(self, place: Place) -> float:
        """As filter's neighbour has it, before it is cut to 0..100."""
        args = self.args
        return unclamped(
            place.cpu, place.memory, args.cpu_score_weight, args.memory_score_weight, args.load_balance_bonus
        )

    def _kept(self, pod: Pod, place: Place) -> bool:
        scene, limits = self.scene, self.args.eviction_limits
        return bool(
            pod.uid in self._taken
            or (scene.governed is not None and pod.uid not in scene.governed)
            or scene.is_leaving(pod)
            or pod.owner_uid in self._busy_owners
            or (pod.owner_uid, place.name) in scene.cooling
            or _reached(limits.node, self._nodes[place.name])
            or _reached(limits.namespace, self._namespaces[pod.namespace])
            or _reached(limits.owner, self._owners[pod.owner_uid])
            or self._needed_by_group(pod)
            or immovable(pod, self.args, scene.now_s)
        )

    def _needed_by_group(self, pod: Pod) -> bool:
        group = group_of(pod)
        return bool(group) and self._staying[group] <= self.scene.min_members.get(group, 0)

    def _may_go_to(self, pod: Pod, place: Place, *, soft_taints: bool) -> bool:
        args = self.args
        cpu, memory = place.with_pod(pod)
        if cpu > args.cpu_threshold - args.hysteresis or memory > args.memory_threshold - args.hysteresis:
            return False
        if (pod.owner_uid, place.name) in self.scene.cooling:
            return False
        if not args.node_fit:
            return True
        if soft_taints and not _tolerates_all(pod, place):
            return False
        return place.has_room(pod) and not misplaced(pod, place.machine.node)


def wanted(pod: Pod) -> Mapping[str, int]:
    """What the scheduler counts for the pod, by resource."""
    request = request_k8s(pod)
    return {
        "cpu": request.cpu_milli,
        "memory": request.memory_bytes,
        "ephemeral-storage": request.ephemeral_bytes,
        "pods": 1,
        **request.scalars,
    }


def _tolerates_all(pod: Pod, place: Place) -> bool:
    """Taints of any effect: a node that would rather not have the pod is no destination."""
    tolerations = pod.placement.tolerations
    return all(any(tolerates(t, taint) for t in tolerations) for taint in place.machine.node.taints)


def _reached(limit: int | None, count: int) -> bool:
    return limit is not None and count >= limit
