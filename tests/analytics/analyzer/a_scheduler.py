"""Stores, clusters and extenders that an analysis may meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from analytics.cluster import Cluster, ClusterView, Usage
from analytics.store import Store
from analytics.store.tables import Row
from analytics.views.analyzer.analyzer import SchedulerAnalyzer
from analytics.views.analyzer.chain import Chain
from analytics.views.sources import Sources
from extender.model.node import Node
from extender.model.pod import Container, Pod
from tests.analytics.store.rows import call, end, rejection, verdict

NOW_S = 1_767_323_045.0
"""2026-01-02T03:04:05Z"""
NOW_US = int(NOW_S * 1e6)
READY = Chain(asked=True, reachable=True, ready=True, revision="7", lags_s={"pods": 20.0, "nodes": 30.0})


def attempt(
    number: int,
    ago_s: float,
    *,
    rank: int = 3,
    pod: str = "",
    scheduler: str = "default-scheduler",
    took_ms: float = 20.0,
    own_us: float = 400.0,
    reason: str = "too small",
    message: str = "node is gone",
) -> list[Row]:
    """One attempt that began so long ago; rank 3 bound, 2 error, 1 unschedulable, -1 without an end."""
    at, name, frame = NOW_US - int(ago_s * 1e6), f"d{scheduler}{number}", 100 * number
    common: dict[str, Any] = {
        "at_us": at, "pod": pod or f"pod-{number}", "uid": f"uid-{pod or number}", "scheduler": scheduler,
        "producer": scheduler,
    }  # fmt: skip
    rows: list[Row] = [call(frame, name, duration_us=own_us, **common)]
    rows.append(verdict(frame, name, "Fit", at_us=at, producer=scheduler, duration_us=own_us / 2))
    if rank in (2, 3):
        rows.append(call(frame + 1, name, "prioritize", opens=False, duration_us=100.0, **common))
        rows.append(call(frame + 2, name, "bind", opens=False, duration_us=3000.0, **common))
    elif rank == 1:
        rows.append(replace(rejection(frame, name, "Fit", reason, 10), at_us=at, producer=scheduler))
    if rank >= 0:
        told = message if rank == 2 else ""
        rows.append(
            end(frame + 3, name, rank, "node-1" if rank == 3 else "", at_us=at + int(took_ms * 1000), message=told,
                producer=scheduler)
        )  # fmt: skip
    return rows


def a_store(*attempts: Sequence[Row]) -> Store:
    store = Store.open(":memory:")
    rows = [row for one in attempts for row in one]
    if rows:
        store.write(rows)
    return store


def a_cluster(
    *,
    nodes: int = 2,
    cpu: str = "8",
    memory: str = "32Gi",
    requests: Mapping[str, str] | None = None,
    used: tuple[int, int] | None = (3000, 8 << 30),
    waiting: Mapping[str, float] | None = None,
) -> Cluster:
    """Equal nodes, one pod on each; `waiting`: name of a pending pod -> seconds that it waits already."""
    names = [f"node-{at}" for at in range(nodes)]
    requested: dict[str, Any] = dict(requests or {"cpu": "4", "memory": "16Gi"})
    pods = [
        Pod(namespace="a", name=f"on-{name}", uid=f"on-{name}", node_name=name,
            containers=(Container(name="c", requests=requested),))
        for name in names
    ] + [
        Pod(namespace="a", name=name, uid=name, created_at_s=int(NOW_S - ago)) for name, ago in (waiting or {}).items()
    ]  # fmt: skip
    view = ClusterView(
        at_us=NOW_US,
        known=True,
        nodes={name: Node(name=name, allocatable={"cpu": cpu, "memory": memory}) for name in names},
        pods={pod.uid: pod for pod in pods},
        usage={} if used is None else {name: Usage(NOW_US, *used) for name in names},
    )
    return Cluster.of(view)


def an_analyzer(
    store: Store, cluster: Cluster | None = None, *, scheduler: str = "", chain: Chain = READY, **more: Any
) -> SchedulerAnalyzer:
    sources = Sources(store, cluster or a_cluster(), "http://127.0.0.1:1", **more)
    return SchedulerAnalyzer(sources, scheduler, clock=lambda: NOW_S, ask_extender=lambda _: chain)
