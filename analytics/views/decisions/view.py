"""The endpoints of the decisions page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

import msgspec

from analytics.store.decisions import MAX_LIMIT, OUTCOMES, DecisionFilter, Decisions
from analytics.store.evictions import Evictions
from analytics.store.exports import FORMATS, LIMIT_MAX, Exports, TooMany
from analytics.store.joined import rfc3339
from analytics.store.statistics import AGREEMENT_BY, BY, Statistics
from analytics.store.tokens import BadToken
from analytics.tenants import register_of
from analytics.views.decisions.compare import Comparison, compare
from analytics.views.decisions.flowchart import draw, draw_flow
from analytics.views.decisions.sentence import say, say_evicted
from analytics.views.decisions.story import EvictionStory, Story, tell
from analytics.views.decisions.trace import Trace, trace
from analytics.views.declaration import Download, Endpoint, Kind, NotHere, NotValid, Parameter, View
from analytics.views.sources import Sources
from analytics.why import LANGUAGES, Gathering, answer

LIMIT_DEFAULT: Final = 50
ATTEMPTS_MAX: Final = 20
TRACED_MAX: Final = 200
EXPORT_DEFAULT: Final = 10_000
RECENT_US: Final = 6 * 3_600_000_000
"""What statistics look at, where no time is given: of a large cluster a day is a long question."""
MINUTE_US: Final = 60_000_000
_MEDIA: Final = {"csv": "text/csv", "json": "application/json", "parquet": "application/vnd.apache.parquet"}

_SINCE: Final = Parameter("since", "Only what began at or after this time.", Kind.TIME)
_UNTIL: Final = Parameter("until", "Only what began before this time.", Kind.TIME)
_FILTERS: Final = (
    Parameter("namespace", "One namespace, or several joined by commas."),
    Parameter("pod", "Part of the pod's name, or `namespace/name` exactly."),
    Parameter("uid", "The pod's UID."),
    Parameter("outcome", "How the decision ended.", Kind.CHOICE, choices=OUTCOMES),
    Parameter("node", "The node that was chosen."),
    Parameter("plugin", "A plugin that rejected at least one node."),
    Parameter("reason", "Part of the reason of a rejection."),
    Parameter("revision", "The policy revision."),
    Parameter("scheduler", "The scheduler that asked."),
    _SINCE,
    _UNTIL,
)
_ID: Final = Parameter("id", "Decision id.", length_max=256)


def list_decisions(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    wanted = _filter(given)
    decisions = Decisions(sources.store)
    try:
        page = decisions.find(
            wanted, limit=given["limit"], token=given["continue"] or "", detail=given["view"] == "full"
        )
    except BadToken as wrong:
        raise NotValid("continue", "this value did not come from this list: start again without it") from wrong
    whole = not (given["continue"] or page.next)
    total = len(page.decisions) if whole else decisions.count(wanted)
    answer = {"decisions": page.decisions, "total": total, "limit": given["limit"]}
    return answer | ({"continue": page.next} if page.next else {})


def list_values(sources: Sources, _given: Mapping[str, Any]) -> dict[str, list[str]]:
    decisions = Decisions(sources.store)
    return {column: decisions.values(column) for column in ("namespace", "node", "plugin", "revision", "scheduler")}


def statistics(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    return Decisions(sources.store).stats(since_us=given["since"], until_us=given["until"])


def show(sources: Sources, given: Mapping[str, Any]) -> Story:
    decisions = Decisions(sources.store)
    whole = _whole(sources, given["id"])
    pod, evictions = whole["pod"], Evictions(sources.store)
    attempts = decisions.find(DecisionFilter(uid=pod["uid"]), limit=ATTEMPTS_MAX, detail=False)
    evicted = evictions.of_victim(pod["namespace"], pod["name"], pod["uid"])
    return tell(whole, attempts.decisions, evictions.of_decision(whole["id"]), evicted)


def show_chart(sources: Sources, given: Mapping[str, Any]) -> str:
    return draw(show(sources, given))


def flowchart(sources: Sources, given: Mapping[str, Any]) -> str:
    if given["id"]:
        return show_chart(sources, given)
    if given["pod"]:
        return _chart_of_pod(sources, given["pod"])
    stats = Decisions(sources.store).stats(since_us=given["since"], until_us=given["until"])
    return draw_flow(
        [(outcome, stats[outcome]) for outcome in OUTCOMES if stats.get(outcome)],
        [(entry["plugin"], entry["reason"], entry["count"]) for entry in stats["rejections"]],
        [(entry["node"], entry["scheduled"]) for entry in stats["nodes"]],
    )


def _chart_of_pod(sources: Sources, pod: str) -> str:
    namespace, slash, name = pod.partition("/")
    if not slash or not namespace or not name:
        raise NotValid("pod", "must be namespace/name")
    newest = Decisions(sources.store).of_pod(namespace, name, limit=1).decisions
    if not newest:
        raise NotHere(f"No decision about pod {pod}.")
    return show_chart(sources, {"id": newest[0]["id"]})


def export(sources: Sources, given: Mapping[str, Any]) -> Download:
    exports, form = Exports(sources.store), given["format"]
    try:
        chosen = exports.chosen(_filter(given), given["limit"])
    except TooMany as many:
        raise NotValid(
            "limit",
            f"{many.found} decisions match, and {many.limit} may be exported: narrow the filters, or ask for more "
            f"(at most {LIMIT_MAX})",
        ) from many
    parts: Iterator[bytes] = {"csv": exports.csv, "json": exports.json, "parquet": exports.parquet}[form](chosen)
    parts = chain([next(parts)], parts)  # what goes wrong at the beginning has an answer of its own
    return Download(f"decisions-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.{form}", _MEDIA[form], parts)


def grouped(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    since, until = _stretch(sources, given)
    wanted = _filter({**given, "since": since, "until": until})
    tenants = _tenants(sources) if given["by"] == "tenant" else {}
    told = Statistics(sources.store).by(given["by"], wanted, tenants=tenants, limit=given["limit"])
    return {**told, "since": rfc3339(since), "until": rfc3339(until)}


def agreement(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    since, until = _stretch(sources, given)
    # Scores come a little after the opening of their decision, which is what the newest time is of.
    slack_us = MINUTE_US if given["until"] is None else 0
    told = Statistics(sources.store).agreement(since, until + slack_us, given["by"] or "")
    return {**told, "since": rfc3339(since), "until": rfc3339(until)}


def _stretch(sources: Sources, given: Mapping[str, Any]) -> tuple[int, int]:
    """The last RECENT_US before the newest decision, where no time is given."""
    until = given["until"]
    if until is None:
        until = (Decisions(sources.store).newest_us() or time.time_ns() // 1000) + 1
    return given["since"] if given["since"] is not None else until - RECENT_US, until


def _tenants(sources: Sources) -> dict[str, str]:
    """Namespace -> tenant. Raises NotHere where the cluster is not known."""
    view = sources.cluster.view()
    if not view.known:
        raise NotHere(f"Tenants are not known: {view.why_not}.")
    register = register_of(view, sources.settings().tenants_file)
    return {namespace: tenant.name for tenant in register.tenants.values() for namespace in register.namespaces(tenant)}


def compare_two(sources: Sources, given: Mapping[str, Any]) -> Comparison:
    a, b = _whole(sources, given["a"]), _whole(sources, given["b"])
    return compare(tell(a), tell(b), a["candidates"], b["candidates"])


def _whole(sources: Sources, decision: str) -> dict[str, Any]:
    whole = Decisions(sources.store).get(decision)
    if whole is None:
        raise NotHere(f"No decision {decision}: the id is wrong, or retention has removed it.")
    return whole


def trace_pod(sources: Sources, given: Mapping[str, Any]) -> Trace:
    decisions = Decisions(sources.store)
    named = f"{given['namespace']}/{given['name']}"
    all_of_name = decisions.find(DecisionFilter(pod=named, uid=given["uid"] or ""), limit=TRACED_MAX, detail=False)
    if not all_of_name.decisions:
        raise NotHere(f"No decision about pod {named}: nobody has tried it, or retention has removed it.")
    uids = list(dict.fromkeys(one["pod"]["uid"] for one in all_of_name.decisions))
    told = [one for one in all_of_name.decisions if one["pod"]["uid"] == uids[0]]
    created = decisions.created_us(uids[0])
    earlier = decisions.count(DecisionFilter(pod=named, uid=uids[0])) - len(told)
    return trace(told, rfc3339(created) if created else None, earlier=earlier, others=uids[1:])


def explain_pod(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    """The root cause, and beside it the newest decision and what was done to the pod, as far as there is any."""
    namespace, name = given["namespace"], given["name"]
    newest = Decisions(sources.store).of_pod(namespace, name, limit=1).decisions
    story = show(sources, {"id": newest[0]["id"]}) if newest else None
    evicted = story.evicted if story else _evicted(sources, namespace, name)
    view = sources.cluster.view()
    if story is None and not evicted and f"{namespace}/{name}" not in view.by_name:
        where = "it is not in the cluster" if view.known else f"the cluster is not known ({view.why_not})"
        raise NotHere(
            f"No decision about pod {namespace}/{name}, and {where}: no scheduler that calls Trimtab has tried it yet "
            "(pods with spec.schedulingGates are not tried before these are taken off), or retention has removed it."
        )
    gathering = Gathering(sources.store, view, lambda: register_of(view, sources.settings().tenants_file))
    found = answer(gathering.facts(namespace, name), given["lang"])
    said = say(story) if story else say_evicted(evicted[0]) if evicted else found.sentence
    return {"summary": said, "decision": story, "evicted": evicted, **msgspec.to_builtins(found)}


def _evicted(sources: Sources, namespace: str, name: str) -> list[EvictionStory]:
    """Of a pod that was placed before anything was recorded, and made to leave since."""
    return msgspec.convert(Evictions(sources.store).of_victim(namespace, name), list[EvictionStory])


def _filter(given: Mapping[str, Any]) -> DecisionFilter:
    return DecisionFilter(
        namespaces=[name.strip() for name in (given["namespace"] or "").split(",") if name.strip()],
        pod=given["pod"] or "",
        uid=given["uid"] or "",
        node=given["node"] or "",
        outcome=given["outcome"] or "",
        plugin=given["plugin"] or "",
        reason=given["reason"] or "",
        revision=given["revision"] or "",
        scheduler=given["scheduler"] or "",
        since_us=given["since"],
        until_us=given["until"],
    )


VIEW: Final = View(
    slug="decisions",
    title="Decisions",
    tool="scheduler-visualizer",
    endpoints=(
        Endpoint(
            "/api/decisions",
            "Scheduling decisions, newest first.",
            list_decisions,
            (
                Parameter("limit", "At most this many.", Kind.INTEGER, LIMIT_DEFAULT, minimum=1, maximum=MAX_LIMIT),
                Parameter("continue", "Value of `continue` of the page before.", length_max=1024),
                Parameter(
                    "view",
                    "full: with rejected nodes and best scores; summary: without.",
                    Kind.CHOICE,
                    "full",
                    choices=("full", "summary"),
                ),
                *_FILTERS,
            ),
        ),
        Endpoint("/api/stats", "Statistics over the decisions.", statistics, (_SINCE, _UNTIL)),
        Endpoint(
            "/api/flowchart",
            "Mermaid flowchart of one decision, or of the flow over many.",
            flowchart,
            (
                _ID,
                Parameter("pod", "`namespace/name`: the newest decision about this pod."),
                _SINCE,
                _UNTIL,
            ),
            text=True,
        ),
        Endpoint(
            "/api/v1/decisions/export",
            "All decisions that match, as a file.",
            export,
            (
                Parameter("format", "Parquet can be taken in again.", Kind.CHOICE, "csv", choices=FORMATS),
                Parameter(
                    "limit", "Refused where more match.", Kind.INTEGER, EXPORT_DEFAULT, minimum=1, maximum=LIMIT_MAX
                ),
                *_FILTERS,
            ),
            files=tuple(_MEDIA.values()),
        ),
        Endpoint(
            "/api/v1/decisions/statistics",
            "Counts by outcome and latencies of groups of decisions; of the last six hours, where no time is given.",
            grouped,
            (
                Parameter("by", "What to group by.", Kind.CHOICE, "plugin", choices=BY),
                Parameter(
                    "limit", "At most so many groups.", Kind.INTEGER, LIMIT_DEFAULT, minimum=1, maximum=MAX_LIMIT
                ),
                *_FILTERS,
            ),
        ),
        Endpoint(
            "/api/v1/decisions/agreement",
            "How often the scheduler took our first choice; of the last six hours, where no time is given.",
            agreement,
            (Parameter("by", "The same in groups.", Kind.CHOICE, choices=AGREEMENT_BY), _SINCE, _UNTIL),
        ),
        Endpoint(
            "/api/v1/decisions/compare",
            "What differs between two decisions.",
            compare_two,
            (
                Parameter("a", "Id of the first.", length_max=256, required=True),
                Parameter("b", "Id of the second.", length_max=256, required=True),
            ),
        ),
        Endpoint(
            "/api/v1/pods/{namespace}/{name}/trace",
            "All attempts at a pod, oldest first, until it is bound, and where the time went.",
            trace_pod,
            (
                Parameter("namespace", "Namespace."),
                Parameter("name", "Name of the pod."),
                Parameter("uid", "Of several pods that had this name, which. Default: the newest."),
            ),
        ),
        Endpoint("/api/v1/decisions/values", "Values that the filters may take.", list_values),
        Endpoint("/api/v1/decisions/{id}.mmd", "One decision as a Mermaid flowchart.", show_chart, (_ID,), text=True),
        Endpoint(
            "/api/v1/pods/{namespace}/{name}/why",
            "Why a pod is pending, or stands where it stands: one cause in one sentence, whether it waits for room or "
            "can never fit, what that is known from, the nodes in groups, advice; and its newest decision whole.",
            explain_pod,
            (
                Parameter("namespace", "Namespace."),
                Parameter("name", "Name of the pod."),
                Parameter("lang", "Language of the texts.", Kind.CHOICE, "en", choices=LANGUAGES),
            ),
        ),
        Endpoint("/api/v1/decisions/{id}", "One decision with all that is known.", show, (_ID,)),
    ),
)
