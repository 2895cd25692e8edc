"""How a Prometheus server is asked for node load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

ADDRESS = "http://prometheus-k8s:9090"
CPU_AVG, CPU_STD, MEMORY_AVG, MEMORY_STD = QUERY_NAMES = ("cpu-avg", "cpu-std", "memory-avg", "memory-std")
QUERIES: Mapping[str, str] = MappingProxyType(
    {
        CPU_AVG: "avg_over_time(instance:node_cpu:ratio[15m])",
        CPU_STD: "stddev_over_time(instance:node_cpu:ratio[15m])",
        MEMORY_AVG: "avg_over_time(instance:node_memory_utilisation:ratio[15m])",
        MEMORY_STD: "stddev_over_time(instance:node_memory_utilisation:ratio[15m])",
    }
)
"""Upstream's. Each must answer an instant vector of shares of capacity, 0..1."""


@dataclass(frozen=True, slots=True)
class PrometheusOptions:
    """The same for any server."""

    queries: Mapping[str, str] = field(default_factory=lambda: QUERIES)
    """By name; one that is missing or empty is not asked."""
    label: str = "instance"
    """The label that holds the node's name, as it stands."""
