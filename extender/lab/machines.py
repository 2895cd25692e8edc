"""Machine types of the simulated cluster, and the Node objects that their kubelets would register."""

from __future__ import annotations

from dataclasses import dataclass

from extender.lab.identity import Identities
from extender.lab.kinds import NODES
from extender.lab.store import Store
from extender.lab.trees import Tree
from extender.lab.writing import Writer

GPU = "example.com/gpu"
POOL = "example.com/pool"
"""Label and taint of machines that are kept for some."""
ZONES = ("zone-a", "zone-b", "zone-c")
_KUBELET_SHARE_MILLI = 120
"""What a kubelet keeps for itself of every machine: capacity minus allocatable."""
_KUBELET_SHARE_MI = 700


@dataclass(frozen=True, slots=True)
class Machine:
    """One kind of machine. CPU in cores, memory in GiB."""

    name: str
    cores: int
    memory_gi: int
    share: float
    """Of all nodes of a cluster."""
    gpus: int = 0
    pool: str = ""
    """If set, only pods that say so come here."""


MACHINES = (
    Machine("general-16", 16, 64, 0.55),
    Machine("small-8", 8, 32, 0.25),
    Machine("memory-16", 16, 128, 0.12, pool="data"),
    Machine("gpu-32", 32, 256, 0.08, gpus=8),
)


def fleet(nodes: int) -> list[Machine]:
    """The machines of a cluster of so many nodes, at least one of each kind while there is room."""
    counts = {m: max(1, int(m.share * nodes)) for m in MACHINES}
    listed = [m for m in reversed(MACHINES) for _ in range(counts[m])]
    return (listed + [MACHINES[0]] * nodes)[:nodes]


def node_tree(name: str, machine: Machine, zone: str, now: str) -> Tree:
    """A Ready node as its kubelet registers it."""
    extended = {GPU: str(machine.gpus)} if machine.gpus else {}
    capacity = {
        "cpu": str(machine.cores),
        "memory": f"{machine.memory_gi * 1024 * 1024}Ki",
        "ephemeral-storage": "209702892Ki",
        "pods": "110",
        **extended,
    }
    allocatable = {
        **capacity,
        "cpu": f"{machine.cores * 1000 - _KUBELET_SHARE_MILLI}m",
        "memory": f"{machine.memory_gi * 1024 - _KUBELET_SHARE_MI}Mi",
    }
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": machine.name,
        "topology.kubernetes.io/region": "lab",
        "topology.kubernetes.io/zone": zone,
    }
    taints = [{"key": GPU, "value": "present", "effect": "NoSchedule"}] if machine.gpus else []
    if machine.pool:
        labels[POOL] = machine.pool
        taints.append({"key": POOL, "value": machine.pool, "effect": "NoSchedule"})
    spec: Tree = {"taints": taints} if taints else {}
    status = {"capacity": capacity, "allocatable": allocatable, "conditions": [ready_condition(now, is_ready=True)]}
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
        "status": status,
    }


def add_machine(store: Store, writer: Writer, identities: Identities, machine: Machine, zone: str) -> None:
    """A machine joins the cluster under a name that no other has."""
    name = ""
    while not name or store.find(NODES, "", name) is not None:
        name = f"{machine.name}-{zone[-1]}-{identities.suffix()}"
    writer.add(NODES, "", node_tree(name, machine, zone, identities.now()))


def ready_condition(now: str, *, is_ready: bool) -> Tree:
    reason, message = (
        ("KubeletReady", "kubelet is posting ready status")
        if is_ready
        else ("KubeletNotReady", "container runtime is down")
    )
    return {
        "type": "Ready",
        "status": "True" if is_ready else "False",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }
