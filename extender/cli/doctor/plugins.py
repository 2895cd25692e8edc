"""Can enabled plugins do their work: what they read, objects they cannot use, breakers, guards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import httpx

from extender.cli.doctor.finding import Finding, Findings
from extender.cli.doctor.scene import Scene

SAY = Findings("plugins")
NODE_LOAD = "node load metrics"
_OBJECTS_SHOWN = 3


async def plugins(scene: Scene) -> list[Finding]:
    if scene.configz is None:
        return [SAY.skip("what plugins do is not known", "see the lines of extender")]
    enabled = {str(seat["name"]) for seat in scene.seats}
    try:
        answer = await scene.http.get(f"{scene.where.target.admin}/catalogue")
        catalogue: Sequence[Mapping[str, Any]] = answer.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as trouble:
        return [SAY.fail(f"the catalogue cannot be read: {trouble or type(trouble).__name__}", "read its log")]
    reading = [entry for entry in catalogue if entry["name"] in enabled]
    found = [*inputs(reading), *breakers(scene.configz), *guards(scene.configz), *objects(scene.configz)]
    if found:
        return found
    return [SAY.ok(f"{len(enabled)} enabled, none hindered" if enabled else "none is enabled")]


def inputs(entries: Sequence[Mapping[str, Any]]) -> Iterable[Finding]:
    """What is not there, or old. Kinds that the cluster does not serve are another check's."""
    for entry in entries:
        for found in entry.get("inputs") or ():
            if found["state"] == "stale" or (found["state"] == "missing" and found["name"] == NODE_LOAD):
                yield SAY.warn(
                    f"{entry['name']} is neutral: {found['name']} {found['state']} ({found['detail'] or 'no detail'})",
                    "see --load-watcher, --prometheus and --metrics-server of the extender"
                    if found["name"] == NODE_LOAD
                    else "read the extender's log: a watch is silent",
                )


def breakers(configz: Mapping[str, Any]) -> Iterable[Finding]:
    for found in configz.get("breakers") or ():
        if found["state"] != "closed":
            yield SAY.warn(
                f"{found['plugin']} is left out, its breaker is {found['state']}: {found['lastError']}",
                "mend or disable it; it is tried again by itself",
            )


def guards(configz: Mapping[str, Any]) -> Iterable[Finding]:
    for found in configz.get("guards") or ():
        if found.get("tripped"):
            yield SAY.warn(
                f"guard {found['name']} has tripped: {found.get('why') or 'before the last start'}",
                "see what it took back, and change the policy",
            )


def objects(configz: Mapping[str, Any]) -> Iterable[Finding]:
    """Custom objects that a plugin cannot use."""
    problems = list(configz.get("objectProblems") or ())
    for found in problems[:_OBJECTS_SHOWN]:
        yield SAY.warn(f"{found['plugin']} cannot use {found['object']}: {found['problem']}", "correct that object")
    if len(problems) > _OBJECTS_SHOWN:
        yield SAY.warn(f"{len(problems) - _OBJECTS_SHOWN} more objects cannot be used", "see /configz objectProblems")
