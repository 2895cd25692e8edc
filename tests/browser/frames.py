"""Realistic journal frames, seeded: what an extender of a mid-size cluster would have written."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from extender.record.frames import (
    Decision,
    Frame,
    LeaseTouch,
    NodeRejection,
    NodeScore,
    Outcome,
    PluginVerdict,
    PodRef,
    Policy,
)

WORKLOADS = (
    "web",
    "checkout",
    "ledger-sync",
    "feature-store",
    "batch-etl",
    "search-indexer",
    "gpu-train",
    "mail-relay",
)
NAMESPACES = ("team-a-dev", "team-a-prod", "payments", "ml-research", "platform")
TOO_SMALL = "insufficient allocatable memory"
TOO_MANY = "too many terminating pods"
OVER_QUOTA = "Pod is rejected in PreFilter because ElasticQuota max is exceeded"


@dataclass
class Cluster:
    """Makes decisions one after another; equal seeds make equal ones."""

    seed: int = 1
    nodes: int = 120
    revision: str = "48213"
    generation: int = 9000
    _count: int = 0
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def policy(self, at_us: int) -> Policy:
        return Policy(
            at_us=at_us, revision=self.revision, hash="5d1f", source="configmap trimtab-system/trimtab-policy"
        )

    def decision(
        self,
        at_us: int,
        *,
        end: str = "",
        pod: PodRef | None = None,
        attempt: int = 1,
        reasons: dict[str, int] | None = None,
    ) -> Iterator[Frame]:
        """The frames of one decision. `end`: scheduled, unschedulable, error, unknown; else one of these by chance."""
        draw = self._random
        self._count += 1
        self.generation += draw.randint(1, 5)
        end = end or draw.choices(["scheduled", "unschedulable", "error", "unknown"], [86, 9, 2, 3])[0]
        pod = pod or self._pod()
        name = f"{self.seed:02x}{self._count:06x}-{draw.getrandbits(48):012x}"
        yield self._filter(at_us, name, pod, attempt, end, reasons)
        if end in ("unschedulable", "unknown"):
            if end == "unschedulable":
                yield self._preempt(at_us + 2_000, name, pod, attempt)
            return
        score = self._score(at_us + 1_500, name, pod, attempt)
        yield score
        node = score.best[0].node
        failed = "binding rejected by the API server: pod web-0 is already assigned" if end == "error" else ""
        yield self._call(
            at_us + 4_000,
            name,
            pod,
            attempt,
            "bind",
            code="Error" if failed else "Success",
            nodes_in=1,
            nodes_out=0 if failed else 1,
            node=node,
            message=failed,
            duration_us=draw.uniform(3_000, 14_000),
            leases=[LeaseTouch("CapacityScheduling", "confirmed", "cpu 500m, memory 1Gi")],
        )
        yield Outcome(
            at_us=at_us + 14_000,
            decision=name,
            pod=pod,
            result="failed" if failed else "bound",
            node=node,
            message=failed,
        )

    def _pod(self) -> PodRef:
        draw = self._random
        workload = draw.choice(WORKLOADS)
        suffix = f"{draw.getrandbits(36):09x}-{draw.getrandbits(20):05x}"
        return PodRef(
            namespace=draw.choice(NAMESPACES),
            name=f"{workload}-{suffix}",
            uid=f"{draw.getrandbits(32):08x}-{draw.getrandbits(16):04x}-4{draw.getrandbits(12):03x}-8000-{draw.getrandbits(48):012x}",
            scheduler="default-scheduler",
            priority=draw.choice([0, 0, 0, 1000]),
            owner=f"ReplicaSet/{workload}-{suffix[:9]}",
        )

    def _call(self, at_us: int, name: str, pod: PodRef, attempt: int, verb: str, **more: object) -> Decision:
        return Decision(
            at_us=at_us,
            decision=name,
            attempt=attempt,
            verb=verb,
            pod=pod,
            profile="default-scheduler",
            revision=self.revision,
            generation=self.generation,
            decode_us=21.5,
            encode_us=12.0,
            **more,  # type: ignore[arg-type]
        )

    def _filter(
        self, at_us: int, name: str, pod: PodRef, attempt: int, end: str, reasons: dict[str, int] | None
    ) -> Decision:
        draw = self._random
        left = self.nodes
        if end == "unschedulable":
            reasons = reasons or {TOO_SMALL: self.nodes - 13, TOO_MANY: 13}
        elif reasons is None:
            reasons = {TOO_SMALL: draw.randint(5, 40), TOO_MANY: draw.randint(0, 6)}
        reasons = {reason: count for reason, count in reasons.items() if count}
        rejected = sum(reasons.values())
        return self._call(
            at_us,
            name,
            pod,
            attempt,
            "filter",
            code="Unschedulable" if rejected >= left else "Success",
            nodes_in=left,
            nodes_out=max(0, left - rejected),
            plugins=[
                PluginVerdict(plugin="CapacityScheduling", phase="preFilter", nodes_in=left, duration_us=18.2),
                PluginVerdict(
                    plugin="PodState",
                    phase="filter",
                    code="Unschedulable" if rejected >= left else "Success",
                    nodes_in=left,
                    rejected=rejected,
                    reasons=reasons,
                    duration_us=draw.uniform(5, 30),
                ),
                PluginVerdict(plugin="CapacityScheduling", phase="reserve", nodes_in=left, duration_us=6.1),
            ],
            rejected=[
                NodeRejection(self._node(), "PodState", reason)
                for reason in reasons
                for _ in range(min(8, reasons[reason]))
            ],
            leases=[LeaseTouch("CapacityScheduling", "taken", "cpu 500m, memory 1Gi")],
            duration_us=draw.lognormvariate(5.8, 0.4),
            features={"requests": {"cpu": 500, "memory": 1 << 30}},
        )

    def _score(self, at_us: int, name: str, pod: PodRef, attempt: int) -> Decision:
        draw = self._random
        best = []
        for _ in range(5):
            load, fit, state = draw.randint(30, 100), draw.randint(20, 100), draw.randint(60, 100)
            best.append(
                NodeScore(
                    node=self._node(),
                    total=load * 3 + fit * 2 + state,
                    parts={
                        "TargetLoadPacking": (load, load, load * 3),
                        "NodeResourcesAllocatable": (-draw.randint(10**9, 10**11), fit, fit * 2),
                        "PodState": (draw.randint(-9, 0), state, state),
                    },
                )
            )
        best.sort(key=lambda score: -score.total)
        return self._call(
            at_us,
            name,
            pod,
            attempt,
            "prioritize",
            nodes_in=80,
            nodes_out=80,
            best=best,
            plugins=[
                PluginVerdict(plugin=plugin, phase="score", nodes_in=80, duration_us=draw.uniform(5, 40))
                for plugin in ("TargetLoadPacking", "NodeResourcesAllocatable", "PodState")
            ],
            duration_us=draw.lognormvariate(5.5, 0.4),
        )

    def _preempt(self, at_us: int, name: str, pod: PodRef, attempt: int) -> Decision:
        return self._call(at_us, name, pod, attempt, "preempt", code="Unschedulable", nodes_in=3, duration_us=210.0)

    def _node(self) -> str:
        zone = self._random.choice("abc")
        return f"node-{zone}-{self._random.randint(1, self.nodes):03d}"
