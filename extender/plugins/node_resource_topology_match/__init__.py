"""Alignment to NUMA zones: a pod goes only where the kubelet's Topology Manager will admit it. Never here: eviction."""

from extender.plugins.node_resource_topology_match.plugin import PLUGIN

__all__ = ["PLUGIN"]
