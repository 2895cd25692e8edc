"""Journal frames of many decisions about pods of a cluster of 5,000 nodes, seeded."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from extender.record.frames import (
    Decision,
    Frame,
    LeaseTouch,
    NodeRejection,
    NodeScore,
    Outcome,
    PluginVerdict,
    PodRef,
)

NODES: Final = 5000
ASKED: Final = 500
"""Candidates of one call: kube-scheduler stops at a share of a large cluster."""
_WORKLOADS: Final = ("web", "checkout", "ledger-sync", "feature-store", "batch-etl", "search-indexer")
_NAMESPACES: Final = tuple(f"team-{letter}-{stage}" for letter in "abcdefgh" for stage in ("dev", "prod"))
_SMALL: Final = "insufficient allocatable memory"
_MANY: Final = "too many terminating pods"


@dataclass
class Decisions:
    """Equal seeds make equal frames."""

    seed: int = 1
    revision: str = "48213"
    _count: int = 0
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def one(self, at_us: int) -> Iterator[Frame]:
        """A pod's only attempt: nine of ten are bound, the others find no place."""
        draw = self._random
        self._count += 1
        name = f"{self._count:08x}-{draw.getrandbits(48):012x}"
        workload = draw.choice(_WORKLOADS)
        set_ = f"{workload}-{draw.getrandbits(10):09x}"
        pod = PodRef(
            namespace=draw.choice(_NAMESPACES),
            name=f"{set_}-{draw.getrandbits(20):05x}",
            uid=f"{draw.getrandbits(32):08x}-8000-4000-8000-{draw.getrandbits(48):012x}",
            scheduler="default-scheduler",
            owner=f"ReplicaSet/{set_}",
        )
        placed = draw.random() < 0.9
        rejected = (
            {_SMALL: draw.randint(5, 40), _MANY: draw.randint(1, 6)} if placed else {_SMALL: ASKED - 13, _MANY: 13}
        )
        left = ASKED - sum(rejected.values())
        code = "Success" if left else "Unschedulable"
        yield self._call(
            at_us,
            name,
            pod,
            "filter",
            code=code,
            nodes_in=ASKED,
            nodes_out=left,
            plugins=[
                PluginVerdict(plugin="CapacityScheduling", phase="preFilter", nodes_in=ASKED, duration_us=18.2),
                PluginVerdict(
                    plugin="PodState",
                    phase="filter",
                    code=code,
                    nodes_in=ASKED,
                    rejected=ASKED - left,
                    reasons=rejected,
                    duration_us=draw.uniform(5, 30),
                ),
            ],
            rejected=[NodeRejection(self._node(), "PodState", reason) for reason in rejected for _ in range(5)],
            leases=[LeaseTouch("CapacityScheduling", "taken", "cpu 500m, memory 1Gi")],
            features={"requests": {"cpu": 500, "memory": 1 << 30}, "created_at_s": at_us // 1_000_000 - 1},
        )
        if not placed:
            return
        best = sorted((self._score() for _ in range(10)), key=lambda score: -score.total)
        yield self._call(
            at_us + 1500,
            name,
            pod,
            "prioritize",
            nodes_in=left,
            nodes_out=left,
            best=best,
            plugins=[
                PluginVerdict(plugin=plugin, phase="score", nodes_in=left, duration_us=draw.uniform(20, 60))
                for plugin in ("NodeResourcesAllocatable", "TargetLoadPacking")
            ],
        )
        node = best[0].node if draw.random() < 0.7 else draw.choice(best).node
        yield self._call(at_us + 4000, name, pod, "bind", nodes_in=1, nodes_out=1, node=node)
        yield Outcome(at_us=at_us + 14_000, decision=name, pod=pod, result="bound", node=node, seen_by="watch")

    def _node(self) -> str:
        return f"node-{self._random.randrange(NODES):04d}"

    def _score(self) -> NodeScore:
        load, fit = self._random.randint(30, 100), self._random.randint(20, 100)
        parts = {"TargetLoadPacking": (load, load, load * 3), "NodeResourcesAllocatable": (-fit, fit, fit * 2)}
        return NodeScore(self._node(), load * 3 + fit * 2, parts)

    def _call(self, at_us: int, name: str, pod: PodRef, verb: str, **more: Any) -> Decision:
        return Decision(
            at_us=at_us,
            decision=name,
            attempt=1,
            verb=verb,
            pod=pod,
            profile="default-scheduler",
            revision=self.revision,
            generation=9000 + self._count,
            duration_us=self._random.lognormvariate(5.8, 0.4),
            decode_us=21.5,
            encode_us=12.0,
            **more,
        )
