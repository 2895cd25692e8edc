"""R-178 to R-181."""

from __future__ import annotations

from prometheus_client import Gauge, Histogram

NODES = Gauge("scheduler_heatmap_nodes_total", "Nodes in the heatmap.", registry=None)
CPU = Gauge(
    "scheduler_heatmap_cpu_utilization_ratio", "CPU used of what the node can allocate.", ["node"], registry=None
)
MEMORY = Gauge(
    "scheduler_heatmap_memory_utilization_ratio", "Memory used of what the node can allocate.", ["node"], registry=None
)
UPDATE = Histogram(
    "scheduler_heatmap_update_duration_seconds",
    "Collecting and building one heatmap.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
    registry=None,
)
COLLECTORS = (NODES, CPU, MEMORY, UPDATE)
