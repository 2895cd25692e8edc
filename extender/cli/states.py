"""Every plugin with its state per phase and its arguments: what R-043 lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from extender.cli.output import data, table


def listed(told: Mapping[str, Any], output: str, *, headers: bool) -> str:
    """`told`: the answer of R-026."""
    if output in ("json", "yaml"):
        return data(told, output)
    if output == "name":
        return "".join(f"{name}\n" for name in told["supported_plugins"])
    state = told["data"]
    rows = [
        [
            name,
            _phases(state["enabled_plugins"], name),
            _phases(state["disabled_plugins"], name),
            _args(state["plugin_configs"].get(name)),
        ]
        for name in told["supported_plugins"]
    ]
    return table(["PLUGIN", "ENABLED", "DISABLED", "PARAMETERS"], rows, headers=headers)


def _phases(by_phase: Mapping[str, list[str]], name: str) -> str:
    return ",".join(phase for phase, names in by_phase.items() if name in names) or "-"


def _args(args: Mapping[str, Any] | None) -> str:
    return " ".join(f"{key}={json.dumps(value)}" for key, value in (args or {}).items()) or "-"
