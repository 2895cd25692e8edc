"""The endpoints of the evictions page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from analytics.store.evictions import MAX_LIMIT, RESULTS, WHYS, EvictionFilter, Evictions
from analytics.store.tokens import BadToken
from analytics.views.declaration import Endpoint, Kind, NotValid, Parameter, View
from analytics.views.sources import Sources

LIMIT_DEFAULT: Final = 50


def list_evictions(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    wanted = EvictionFilter(
        namespaces=[name.strip() for name in (given["namespace"] or "").split(",") if name.strip()],
        pod=given["pod"] or "",
        node=given["node"] or "",
        plugin=given["plugin"] or "",
        why=given["why"] or "",
        result=given["result"] or "",
        since_us=given["since"],
        until_us=given["until"],
    )
    evictions = Evictions(sources.store)
    try:
        page = evictions.find(wanted, limit=given["limit"], token=given["continue"] or "")
    except BadToken as wrong:
        raise NotValid("continue", "this value did not come from this list: start again without it") from wrong
    answer = {"evictions": page.evictions, "total": evictions.count(wanted), "limit": given["limit"]}
    return answer | ({"continue": page.next} if page.next else {})


def list_values(sources: Sources, _given: Mapping[str, Any]) -> dict[str, list[str]]:
    return Evictions(sources.store).values()


VIEW: Final = View(
    slug="evictions",
    title="Evictions",
    tool="scheduler-visualizer",
    endpoints=(
        Endpoint(
            "/api/v1/evictions",
            "Pods that were made to leave, or were not and why, newest first.",
            list_evictions,
            (
                Parameter("limit", "At most this many.", Kind.INTEGER, LIMIT_DEFAULT, minimum=1, maximum=MAX_LIMIT),
                Parameter("continue", "Value of `continue` of the page before.", length_max=1024),
                Parameter("namespace", "One namespace of victims, or several joined by commas."),
                Parameter("pod", "Part of the victim's name, or `namespace/name` exactly."),
                Parameter("node", "The node that was to be left."),
                Parameter("plugin", "The plugin that asked."),
                Parameter("why", "preemption or rescheduling.", Kind.CHOICE, choices=WHYS),
                Parameter("result", "What became of it.", Kind.CHOICE, choices=RESULTS),
                Parameter("since", "Only what happened at or after this time.", Kind.TIME),
                Parameter("until", "Only what happened before this time.", Kind.TIME),
            ),
        ),
        Endpoint("/api/v1/evictions/values", "Values that the filters may take.", list_values),
    ),
)
