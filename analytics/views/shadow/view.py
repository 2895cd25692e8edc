"""The endpoint of the shadow report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from analytics.store.shadow import ShadowFilter, Shadows
from analytics.views.declaration import Endpoint, Kind, Parameter, View
from analytics.views.shadow.sentence import say
from analytics.views.sources import Sources


def report(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    namespaces = [name.strip() for name in (given["namespace"] or "").split(",") if name.strip()]
    wanted = ShadowFilter(
        plugin=given["plugin"] or "", namespaces=namespaces, since_us=given["since"], until_us=given["until"]
    )
    plugins = Shadows(sources.store).report(wanted)
    for plugin in plugins:
        plugin["sentence"] = say(plugin, ", ".join(namespaces))
        for part in plugin["namespaces"]:
            part["sentence"] = say(part, part["namespace"] or "other namespaces")
        for part in plugin["revisions"]:
            part["sentence"] = say(part, ", ".join(namespaces))
    return {"plugins": plugins}


VIEW: Final = View(
    slug="shadow",
    title="Shadow",
    tool="plugin-manager",
    endpoints=(
        Endpoint(
            "/api/v1/policy/shadow",
            "What plugins in shadow would have changed, per plugin, namespace and revision.",
            report,
            (
                Parameter("plugin", "One plugin."),
                Parameter("namespace", "One namespace of pods, or several joined by commas."),
                Parameter("since", "Only what was counted at or after this time.", Kind.TIME),
                Parameter("until", "Only what was counted before this time.", Kind.TIME),
            ),
        ),
    ),
)
