"""How much is measured: a full run, or everything once and small."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of clusters, and how often each thing is done. Times in seconds."""

    short: bool
    """Only to see that it works: the figures mean nothing."""
    nodes: int
    """Of the cluster that most parts use; none of `sizes` may be above it."""
    pods: int
    standing_pods: int
    """On a cluster of so many nodes for start, sync and memory alone."""
    huge: int
    """Nodes of a cluster for as many names alone; 0: left out."""
    sizes: tuple[int, ...]
    """Names in a request: filter and prioritize beside Go and the floor."""
    usual: int
    """Names in a request everywhere else: what kube-scheduler sends of a cluster of 5,000 by default."""
    many: int
    """Names where a second size is of interest."""
    repeats: int
    """Runs of each comparison; the median of their ratios is judged."""
    rounds: int
    """Good rounds of each run."""
    block: int
    """Cycles per server and round where p99 is judged; elsewhere fewer do."""
    limit_s: float
    """So long noisy rounds are dropped, per run of the client."""
    burst_rounds: int
    burst_block: int
    """Cycles in a phase with bursts, or without."""
    burst_events: int
    edits: int
    steering_edits: int
    """Of each of four writers at once."""
    owners: int
    """Of pods, for a canary's share."""
    guard_trips: int
    audit_rounds: int
    """Of the labelled audit log: two hours each, with every attack once."""
    audit_scenes: int
    """Ordinary ones of such a round, of some 30 events each."""
    decisions: int
    cold: bool
    """Also start with an empty kernel cache."""

    def cycles(self, size: int, *, tail: bool = False) -> int:
        """Cycles per server and round for lists of `size` names; `tail`: p99 is judged."""
        if tail:
            return self.block
        return min(self.block, 40 if size <= 1000 else 15 if size <= 5000 else 8)


FULL = Plan(
    short=False,
    nodes=5000,
    pods=10_000,
    standing_pods=50_000,
    huge=15_000,
    sizes=(100, 500, 1000, 5000),
    usual=500,
    many=5000,
    repeats=3,
    rounds=12,
    block=100,
    limit_s=12.0,
    burst_rounds=6,
    burst_block=450,
    burst_events=2000,
    edits=40,
    steering_edits=250,
    owners=10_000,
    guard_trips=5,
    audit_rounds=5,
    audit_scenes=400,
    decisions=20,
    cold=True,
)
SHORT = Plan(
    short=True,
    nodes=500,
    pods=100,
    standing_pods=100,
    huge=0,
    sizes=(100, 500),
    usual=500,
    many=500,
    repeats=1,
    rounds=2,
    block=4,
    limit_s=0.0,
    burst_rounds=1,
    burst_block=10,
    burst_events=20,
    edits=2,
    steering_edits=8,
    owners=200,
    guard_trips=1,
    audit_rounds=1,
    audit_scenes=250,
    decisions=2,
    cold=False,
)
