"""What is counted of the settings. `COLLECTORS` belong in the registry of whoever serves /metrics."""

from __future__ import annotations

from prometheus_client import Gauge

PROBLEMS = Gauge("trimtab_settings_problems", "Values of the tools' ConfigMaps that cannot be used now.", registry=None)
ENABLED = Gauge("trimtab_tool_enabled", "1 while the tool is switched on here.", ["tool"], registry=None)

COLLECTORS = (PROBLEMS, ENABLED)
