"""Policies that the benchmarks write: which score plugins are on, and how their sum is answered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.programs import BenchmarkFailed, get
from benchmarks.scene import Extender
from extender.plugins import PLUGINS

ALONE = "NodeResourcesAllocatable"
FOUR = (ALONE, "TargetLoadPacking", "LowRiskOverCommitment", "PodState")
_MODELLED_NODES = 200

Args = dict[str, Any]
"""Of one plugin, as they stand in a policy."""


def scoring(names: Sequence[str]) -> tuple[dict[str, Args], list[str]]:
    """Every installed plugin that scores -> its args; and those that need args which are not known here."""
    args: dict[str, Args] = {
        "NodeMetadata": {
            "metadataKey": "bench",
            "metadataSource": "Label",
            "metadataType": "Number",
            "scoringStrategy": "Highest",
        },
        "Peaks": {"NodePowerModel": {n: {"k0": 470.0, "k1": -90.0, "k2": -0.07} for n in names[:_MODELLED_NODES]}},
    }
    found = [plugin for plugin in PLUGINS if plugin.score is not None]
    left_out = [plugin.name for plugin in found if plugin.needs_args and plugin.name not in args]
    return {plugin.name: args.get(plugin.name, {}) for plugin in found if plugin.name not in left_out}, left_out


def write(path: Path, plugins: Mapping[str, Args], **top: Any) -> Path:
    """One profile for every scheduler name; `top`: further fields of the document. Any: a policy is JSON."""
    document = {
        "apiVersion": "policy.trimtab.dev/v1alpha1",
        "kind": "SchedulingPolicy",
        **top,
        "profiles": [
            {
                "plugins": {"multiPoint": {"enabled": [{"name": plugin} for plugin in plugins]}},
                "pluginConfig": [{"name": plugin, "args": args} for plugin, args in plugins.items() if args],
            }
        ],
    }
    path.write_text(json.dumps(document))
    return path


def require(found: Extender, plugins: Mapping[str, Args]) -> None:
    """A policy that was refused would be measured as a very fast one. Raises BenchmarkFailed."""
    told = json.loads(get(f"{found.admin}/configz")[1])
    on = {seat["name"] for seat in told["plugins"]}
    if on != set(plugins):
        missing = sorted(set(plugins) - on)
        raise BenchmarkFailed(f"{missing} are not on: {told.get('error') or found.program.tail()}")
