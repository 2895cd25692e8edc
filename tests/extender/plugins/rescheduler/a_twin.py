"""Rescheduler once more, in plain Python over whole lists, from its description alone; tests compare the plugin to it.

Nothing is kept between two questions: every sum is taken anew over all pods. Nothing of the plugin is imported.
"""

from __future__ import annotations

from dataclasses import dataclass, field

MAINTENANCE = "scheduler.alpha.kubernetes.io/maintenance"
BOTH_BELOW = 30.0


@dataclass(frozen=True)
class TwinPod:
    uid: str
    node: str = ""
    phase: str = "Pending"
    containers: tuple[tuple[int, int], ...] = ()
    """(millicores, bytes) of each app container."""
    init: tuple[tuple[int, int], ...] = ()
    """Of each init container: only the sums of the scheduler know them."""
    reserved_on: str = ""
    """The node for which a bind is, or was, under way."""

    @property
    def request(self) -> tuple[int, int]:
        return sum(c for c, _m in self.containers), sum(m for _c, m in self.containers)

    @property
    def whole(self) -> tuple[int, int]:
        """As the scheduler counts: at least each init container."""
        cpu, memory = self.request
        return max([cpu, *(c for c, _m in self.init)]), max([memory, *(m for _c, m in self.init)])


@dataclass(frozen=True)
class TwinNode:
    name: str
    cpu: int
    memory: int
    cordoned: bool = False
    maintenance: str | None = None
    measured: tuple[float, float] | None = None


@dataclass(frozen=True)
class TwinArgs:
    cpu_threshold: float = 80.0
    memory_threshold: float = 80.0
    cpu_weight: float = 0.6
    memory_weight: float = 0.4
    bonus: float = 10.0
    optimise: bool = True
    count_incoming: bool = False
    usage: str = "runningRequests"
    guard: float = 95.0


@dataclass
class Twin:
    args: TwinArgs
    nodes: list[TwinNode]
    pods: list[TwinPod] = field(default_factory=list)

    def used(self, node: TwinNode, cpu: int = 0, memory: int = 0) -> tuple[float, float] | None:
        """(cpu %, memory %) with so much more on it; None: no measurement. A cordoned node counts as 0 of 0."""
        if node.cordoned:
            return 0.0, 0.0
        if self.args.usage == "measured":
            if node.measured is None:
                return None
            return node.measured[0] + share(cpu, node.cpu), node.measured[1] + share(memory, node.memory)
        if self.args.usage == "runningRequests":
            requests = [p.request for p in self.pods if p.node == node.name and p.phase == "Running"]
        else:
            requests = [p.whole for p in self.pods if p.node == node.name and p.phase in ("Running", "Pending")]
            requests += [p.request for p in self.pods if not p.node and p.reserved_on == node.name]
        cpu += sum(c for c, _m in requests)
        memory += sum(m for _c, m in requests)
        return share(cpu, node.cpu), share(memory, node.memory)

    def held(self, node: TwinNode, besides: str) -> tuple[int, int]:
        """What pods that are bound there will use, and that `used` does not count yet; a pod does not hold itself."""
        if self.args.usage == "requests":
            own = [p.request for p in self.pods if p.uid == besides and not p.node and p.reserved_on == node.name]
            return -sum(c for c, _m in own), -sum(m for _c, m in own)
        held = [
            p.request
            for p in self.pods
            if p.reserved_on == node.name and p.phase == "Pending" and p.uid != besides and p.node in ("", node.name)
        ]
        return sum(c for c, _m in held), sum(m for _c, m in held)

    def filter(self, pod: TwinPod, node: TwinNode) -> str:
        """Why not, or an empty text."""
        if not self.args.optimise:
            return ""
        used = self.used(node, *pod.request) if self.args.count_incoming else self.used(node)
        if used is not None:
            over = [
                f"{name} usage {value:.1f}% over threshold {threshold:.1f}%"
                for name, value, threshold in (
                    ("cpu", used[0], self.args.cpu_threshold),
                    ("memory", used[1], self.args.memory_threshold),
                )
                if value > threshold
            ]
            if over:
                return f"node overloaded: [{', '.join(over)}]"
        return "node is in maintenance mode" if node.maintenance == "true" else ""

    def score(self, node: TwinNode) -> int:
        used = self.used(node)
        if used is None or not self.args.optimise:
            return 0
        cpu, memory = used
        total = (100 - cpu) * self.args.cpu_weight + (100 - memory) * self.args.memory_weight
        if cpu < BOTH_BELOW and memory < BOTH_BELOW:
            total += self.args.bonus
        return int(min(100.0, max(0.0, total)))

    def guard(self, pod: TwinPod, node: TwinNode) -> bool:
        """Whether the bind may go on: use, what is held and this pod together stay at or below the guard."""
        held = self.held(node, pod.uid)
        used = self.used(node, held[0] + pod.request[0], held[1] + pod.request[1])
        return used is None or not self.args.optimise or (used[0] <= self.args.guard and used[1] <= self.args.guard)


def share(amount: int, capacity: int) -> float:
    """Percent; nothing can be used of nothing."""
    return amount / capacity * 100.0 if capacity else 0.0
