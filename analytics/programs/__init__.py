"""The six tools as programs of their own (R-087, R-102): the sidecar with one tool on, and analyses that print and end.

Lives here: a command per tool, what its own flags do, the text that they print. Never here: an analysis (views and
rooms have them), a server (analytics.main has it). `python -m analytics.programs NAME` starts one, too.
"""

from __future__ import annotations

from analytics.programs.commands import (
    COMMANDS,
    heatmap_generator,
    performance_analyzer,
    scheduler_analyzer,
    scheduler_audit_analyzer,
    scheduler_visualizer,
    tenant_resource_manager,
)

__all__ = [
    "COMMANDS",
    "heatmap_generator",
    "performance_analyzer",
    "scheduler_analyzer",
    "scheduler_audit_analyzer",
    "scheduler_visualizer",
    "tenant_resource_manager",
]
