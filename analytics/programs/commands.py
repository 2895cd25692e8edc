"""The six commands, with the ports of R-087."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import click

from analytics.programs import analyzer, audit, performance, tenants
from analytics.programs.program import command_of

scheduler_analyzer = command_of(
    "scheduler-analyzer",
    "The scheduler analyzer alone: its page and API, or one analysis that is printed.",
    port=8080,
    flags=analyzer.flags(),
    once=analyzer.once,
)
scheduler_visualizer = command_of(
    "scheduler-visualizer", "The scheduler visualizer alone: decisions and evictions.", port=8080
)
heatmap_generator = command_of("heatmap-generator", "The heatmap generator alone.", port=8082)
tenant_resource_manager = command_of(
    "tenant-resource-manager",
    "The tenant resource manager alone: its page and API, or a look at one tenant.",
    port=8080,
    flags=tenants.flags(),
    once=tenants.once,
)
scheduler_audit_analyzer = command_of(
    "scheduler-audit-analyzer",
    "The audit analyzer alone: its page and API, or a judgement of its settings and logs.",
    port=8080,
    flags=audit.flags(),
    once=audit.once,
)
performance_analyzer = command_of(
    "performance-analyzer",
    "The performance analyzer alone: its page, API and metrics on one port, or one analysis that is printed.",
    port=8081,
    metrics_port=False,
    flags=performance.flags(),
    once=performance.once,
)

COMMANDS: Final[Mapping[str, click.Command]] = {
    str(command.name): command
    for command in (
        tenant_resource_manager,
        scheduler_audit_analyzer,
        scheduler_visualizer,
        heatmap_generator,
        performance_analyzer,
        scheduler_analyzer,
    )
}
