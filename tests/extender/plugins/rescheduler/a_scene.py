"""Scenes for tests of the balance: a few nodes and pods in one line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from extender.model.node import Node
from extender.model.pod import Container, Pod
from extender.model.resources import request_k8s
from extender.plugins.rescheduler.args import ReschedulerArgs, Strategy
from extender.plugins.rescheduler.book import RUNNING, requested
from extender.plugins.rescheduler.kernel import percent
from extender.plugins.rescheduler.scene import Machine, Move, Scene

GIB = 2**30
NOW_S = 1_800_000_000.0
RESOURCES = ("cpu", "memory", "ephemeral-storage", "pods")
_names = iter(range(10**9))


def pod(cpu_milli: int = 1000, memory: int = 0, **parts: Any) -> Pod:
    """A pod that may be moved, of an owner of its own, named in the order of making."""
    name = f"p{next(_names):06d}"
    found: dict[str, Any] = {
        "phase": RUNNING,
        "owner": "ReplicaSet/web",
        "owner_uid": f"o-{name}",
        "started_at_s": int(NOW_S) - 3600,
        "containers": (Container(requests={"cpu": f"{cpu_milli}m", "memory": str(memory)}),),
        **parts,
    }
    return Pod(namespace=found.pop("namespace", "team"), name=name, uid=name, **found)


def machine(
    name: str, pods: Iterable[Pod] = (), *, cpu: int = 10_000, memory: int = 100 * GIB, **parts: Any
) -> Machine:
    """A node with its pods; use and requests are theirs. `taints`, `labels`, ... go to the node."""
    there = tuple(msgspec.structs.replace(p, node_name=name) for p in pods)
    used_cpu, used_memory = _running(there)
    requests = [request_k8s(p) for p in there]
    known = parts.pop("known", True)
    maintenance = parts.pop("maintenance", False)
    return Machine(
        node=Node(name=name, **parts),
        used=(percent(used_cpu, cpu, 0.0), percent(used_memory, memory, 0.0)) if known else None,
        capacity=(cpu, memory),
        allocatable=(cpu, memory, 0, 110),
        requested=(sum(r.cpu_milli for r in requests), sum(r.memory_bytes for r in requests), 0, len(there)),
        pods=there,
        maintenance=maintenance,
    )


def scene(machines: Sequence[Machine], *strategies: Strategy, **parts: Any) -> Scene:
    """`args` are those of the policy; without strategies all are on."""
    args = parts.pop("args", {})
    if strategies:
        args = {**args, "enabledStrategies": list(strategies)}
    return Scene(
        machines=machines,
        resources=RESOURCES,
        args=msgspec.convert(args, ReschedulerArgs),
        now_s=NOW_S,
        **parts,
    )


def after(before: Scene, moves: Iterable[Move]) -> Scene:
    """The cluster once every pod that was moved runs on the node that was meant for it, and nobody cools down."""
    goes = {move.pod.uid: move.target for move in moves}
    machines = []
    for old in before.machines:
        name = old.node.name
        here = [p for p in old.pods if p.uid not in goes]
        here += [p for other in before.machines for p in other.pods if goes.get(p.uid) == name]
        machines.append(
            machine(
                name,
                here,
                cpu=old.capacity[0],
                memory=old.capacity[1],
                maintenance=old.maintenance,
                unschedulable=old.node.unschedulable,
                labels=old.node.labels,
            )
        )
    return Scene(
        machines=machines,
        resources=before.resources,
        args=before.args,
        now_s=before.now_s,
        min_members=before.min_members,
    )


def counts(moves: Iterable[Move]) -> Counter[str]:
    return Counter(move.strategy for move in moves)


def _running(pods: Iterable[Pod]) -> tuple[int, int]:
    amounts = [requested(p) for p in pods if p.phase == RUNNING]
    return sum(c for c, _m in amounts), sum(m for _c, m in amounts)
