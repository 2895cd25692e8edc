"""Who runs which version."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import httpx

from extender import __version__
from extender.cli.doctor.finding import Finding, Findings
from extender.cli.doctor.scene import Scene
from extender.kube import KubeError

SAY = Findings("versions")
_BUILD = re.compile(r'^trimtab_(?:analytics_)?build_info\{version="([^"]*)"\}', re.MULTILINE)
OLDEST_MINOR = 25
"""Before it kube-scheduler does not know the v1 configuration."""


async def versions(scene: Scene) -> list[Finding]:
    ours = {"this command": __version__}
    for who, base in (("the extender", scene.where.target.admin), ("the sidecar", scene.where.console)):
        if told := await _build(scene.http, f"{base}/metrics"):
            ours[who] = told
    return [alike(ours), *await _cluster(scene)]


def alike(ours: Mapping[str, str]) -> Finding:
    told = ", ".join(f"{who} {version}" for who, version in ours.items())
    if len(set(ours.values())) > 1:
        return SAY.warn(told, "bring them to one version: records and policy are made for each other")
    return SAY.ok(told)


def cluster(told: Mapping[str, str]) -> Finding:
    text = str(told.get("gitVersion", "?"))
    minor = re.match(r"\d+", str(told.get("minor", "")))
    if minor and int(minor[0]) < OLDEST_MINOR:
        return SAY.warn(f"the API server is {text}", "see scheduler-config/README.md for the apiVersion to write")
    return SAY.ok(f"the API server is {text}")


async def _cluster(scene: Scene) -> list[Finding]:
    if scene.api is None:
        return []
    try:
        answer = await scene.api.request("GET", "/version")
        return [cluster(json.loads(answer.body))]
    except (KubeError, ValueError):
        return []


async def _build(http: httpx.AsyncClient, url: str) -> str:
    try:
        found = _BUILD.search((await http.get(url)).text)
    except (httpx.HTTPError, httpx.InvalidURL):
        return ""
    return found[1] if found else ""
