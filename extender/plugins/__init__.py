"""Every built-in plugin, listed by hand: the table of contents. One folder per plugin.

Lives here: rules and books of plugins, their args, their tests. Never here: a loop, a clock, a log, the network,
another plugin.
"""

from __future__ import annotations

from extender.framework import Plugin
from extender.plugins import (
    capacity_scheduling,
    coscheduling,
    load_variation_risk_balancing,
    low_risk_over_commitment,
    network_overhead,
    node_metadata,
    node_resource_topology_match,
    node_resources_allocatable,
    peaks,
    pod_state,
    preemption_toleration,
    qos,
    rescheduler,
    sy_sched,
    target_load_packing,
    tenant_quota,
    topological_sort,
    trimaran,
)
from extender.plugins.third_party import found_entry_points, with_third_party

PLUGINS: tuple[Plugin, ...] = (
    capacity_scheduling.PLUGIN,
    coscheduling.PLUGIN,
    load_variation_risk_balancing.PLUGIN,
    low_risk_over_commitment.PLUGIN,
    network_overhead.PLUGIN,
    node_metadata.PLUGIN,
    node_resource_topology_match.PLUGIN,
    node_resources_allocatable.PLUGIN,
    peaks.PLUGIN,
    pod_state.PLUGIN,
    preemption_toleration.PLUGIN,
    qos.PLUGIN,
    rescheduler.PLUGIN,
    sy_sched.PLUGIN,
    target_load_packing.PLUGIN,
    tenant_quota.PLUGIN,
    topological_sort.PLUGIN,
    trimaran.PLUGIN,
)


def installed() -> tuple[tuple[Plugin, ...], dict[str, str]]:
    """(built-in plugins and those of third parties, name of each refused entry point -> why)."""
    return with_third_party(PLUGINS, found_entry_points())
