"""Filter and prioritize with every score plugin that is installed, beside the same with one, in one run."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.programs import BenchmarkFailed, get
from benchmarks.report import spread
from benchmarks.scene import Cluster, Extender, extender
from extender.plugins import PLUGINS

ALONE = "NodeResourcesAllocatable"
_MODELLED_NODES = 200
_BLOCK = 5
_OK = 200


def measure(
    on: Cluster, names: Sequence[str], pods: Sequence[dict[str, Any]], calls: int, *options: str
) -> dict[str, Any]:
    """Milliseconds of a filter and a prioritize call together, over all `names`, serially, over kept connections."""
    chosen, left_out = _chosen(names)
    policies: dict[str, dict[str, dict[str, Any]]] = {"one": {ALONE: {}}, "all": chosen}
    found: dict[str, Any] = {"names": len(names), "plugins": sorted(chosen), "left_out": left_out}
    with (
        extender(on, "extender-one", f"--policy={_policy(on.folder, 'one', policies['one'])}", *options) as one,
        extender(on, "extender-all", f"--policy={_policy(on.folder, 'all', policies['all'])}", *options) as all_on,
    ):
        targets = {"one": one, "all": all_on}
        for name, target in targets.items():
            target.program.until(target.ready, "ready")
            _check_plugins(target, set(policies[name]))
        took = _alternately(targets, names, pods, calls)
    found |= {name: spread(milliseconds) for name, milliseconds in took.items()}
    found["p50_ratio"] = round(found["all"]["p50_ms"] / found["one"]["p50_ms"], 2)
    return found


def _chosen(names: Sequence[str]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """(score plugin -> args, those that need args which are not known here)."""
    args: dict[str, dict[str, Any]] = {
        "NodeMetadata": {
            "metadataKey": "bench",
            "metadataSource": "Label",
            "metadataType": "Number",
            "scoringStrategy": "Highest",
        },
        "Peaks": {"NodePowerModel": {n: {"k0": 470.0, "k1": -90.0, "k2": -0.07} for n in names[:_MODELLED_NODES]}},
    }
    scoring = [plugin for plugin in PLUGINS if plugin.score is not None]
    left_out = [plugin.name for plugin in scoring if plugin.needs_args and plugin.name not in args]
    return {p.name: args.get(p.name, {}) for p in scoring if p.name not in left_out}, left_out


def _policy(folder: Path, name: str, plugins: dict[str, dict[str, Any]]) -> Path:
    document = {
        "apiVersion": "policy.trimtab.dev/v1alpha1",
        "kind": "SchedulingPolicy",
        "profiles": [
            {
                "plugins": {"multiPoint": {"enabled": [{"name": plugin} for plugin in plugins]}},
                "pluginConfig": [{"name": plugin, "args": args} for plugin, args in plugins.items() if args],
            }
        ],
    }
    path = folder / f"policy-{name}.yaml"
    path.write_text(json.dumps(document))
    return path


def _check_plugins(found: Extender, wanted: set[str]) -> None:
    """A policy that was refused would be measured as a very fast one."""
    told = json.loads(get(f"{found.admin}/configz")[1])
    on = {seat["name"] for seat in told["plugins"]}
    if on != wanted:
        raise BenchmarkFailed(f"{sorted(wanted - on)} are not on: {told.get('error') or found.program.tail()}")


def _alternately(
    targets: dict[str, Extender], names: Sequence[str], pods: Sequence[dict[str, Any]], calls: int
) -> dict[str, list[float]]:
    """A block of calls to each in turn; the first block only warms up."""
    took: dict[str, list[float]] = {name: [] for name in targets}
    connections = {}
    for name, target in targets.items():
        connections[name] = http.client.HTTPConnection(urlsplit(target.url).netloc, timeout=30)
    bodies = [json.dumps({"Pod": pod, "Nodes": None, "NodeNames": list(names)}).encode() for pod in pods]
    for number in range(0, calls + _BLOCK, _BLOCK):
        for name, connection in connections.items():
            for step in range(number, number + _BLOCK):
                spent = _cycle(connection, bodies[step % len(bodies)])
                if number:
                    took[name].append(spent)
    for connection in connections.values():
        connection.close()
    return took


def _cycle(connection: http.client.HTTPConnection, body: bytes) -> float:
    begin = time.perf_counter()
    for verb in ("filter", "prioritize"):
        connection.request("POST", f"/{verb}", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        if answer.status != _OK:
            raise BenchmarkFailed(f"{verb}: {answer.status} {said[:300]!r}")
    return 1000 * (time.perf_counter() - begin)
