"""Does the cluster serve what enabled plugins read?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from extender.cli.doctor.finding import Finding, Findings
from extender.cli.doctor.scene import Scene
from extender.kube import KubeApi

SAY = Findings("crds")
_OK = 200
Place = tuple[str, str]
"""(group/version, plural)"""


async def kinds(scene: Scene) -> list[Finding]:
    if scene.api is None:
        return [SAY.skip("no API server to ask for kinds", "see the lines of api")]
    if scene.configz is None:
        return [SAY.skip("which plugins are enabled is not known", "see the lines of extender")]
    enabled = {str(seat["name"]) for seat in scene.seats}
    needed = {place: users & enabled for place, users in wanted().items() if users & enabled}
    served = await _served(scene.api, {version for version, _plural in needed})
    return list(judged(needed, served)) or [SAY.ok("enabled plugins read nothing beside nodes and pods")]


def wanted() -> dict[Place, set[str]]:
    """What each kind is read by, of all installed plugins."""
    from extender.plugins import installed

    plugins, _refused = installed()
    found: dict[Place, set[str]] = {}
    for plugin in plugins:
        for kind in plugin.watches:
            version = f"{kind.group}/{kind.version}" if kind.group else kind.version
            found.setdefault((version, kind.plural), set()).add(plugin.name)
    return found


def judged(needed: Mapping[Place, set[str]], served: Mapping[str, set[str]]) -> Iterable[Finding]:
    for (version, plural), users in sorted(needed.items()):
        who = ", ".join(sorted(users))
        if plural in served.get(version, set()):
            yield SAY.ok(f"{plural} ({version}) is served, for {who}")
        else:
            yield SAY.fail(
                f"{plural} ({version}) is not served: {who} cannot do its work",
                "kubectl apply -k deploy/crds, or disable the plugin",
            )


async def _served(api: KubeApi, versions: Iterable[str]) -> dict[str, set[str]]:
    """group/version -> plurals."""
    found: dict[str, set[str]] = {}
    for version in versions:
        answer = await api.request("GET", f"/apis/{version}" if "/" in version else f"/api/{version}")
        listed = json.loads(answer.body).get("resources") or () if answer.status == _OK else ()
        found[version] = {str(resource["name"]) for resource in listed}
    return found
