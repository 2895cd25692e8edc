"""The endpoint of the pending pods: each with its cause, and the causes with their pods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from analytics.store.joined import rfc3339
from analytics.tenants import register_of
from analytics.views.declaration import Endpoint, Kind, NotHere, Parameter, View
from analytics.views.sources import Sources
from analytics.why import BY_KEY, LANGUAGES, Found, Gathering, Language, judge, label, sentence, title
from extender.model.pod import Pod

LIMIT_DEFAULT: Final = 500
LIMIT_MAX: Final = 2000
SAMPLE_MAX: Final = 20
WITHIN_S: Final = 10.0
_ORDER: Final = ("never", "waits", "unknown", "moving", "done")


def list_pending(sources: Sources, given: Mapping[str, Any]) -> dict[str, Any]:
    """The oldest `limit` of them, or as many as can be judged in WITHIN_S: pods that are alike are judged once.

    Raises NotHere where the cluster is not known.
    """
    view = sources.cluster.view()
    if not view.known:
        raise NotHere(f"The cluster is not known: {view.why_not}.")
    spaces = {name.strip() for name in (given["namespace"] or "").split(",") if name.strip()}
    waiting = [pod for pod in view.pending if not spaces or pod.namespace in spaces]
    gathering = Gathering(sources.store, view, lambda: register_of(view, sources.settings().tenants_file))
    told = waiting[: given["limit"]]
    pods = [
        _row(pod, found, given["lang"]) for pod, found in zip(told, map(judge, gathering.of_pods(told)), strict=True)
    ]
    return {
        "time": rfc3339(view.at_us),
        "total": len(waiting),
        "limit": given["limit"],
        "causes": _grouped(pods, given["lang"]),
        "pods": pods,
    }


def _row(pod: Pod, found: Found, language: Language) -> dict[str, Any]:
    lasting = BY_KEY[found.cause].lasting
    return {
        "namespace": pod.namespace,
        "name": pod.name,
        "uid": pod.uid,
        "owner": pod.owner,
        "priority": pod.priority,
        "created": rfc3339(pod.created_at_s * 1_000_000) if pod.created_at_s else None,
        "cause": found.cause,
        "lasting": lasting,
        "label": label(lasting, language),
        "sentence": sentence(found, language),
    }


def _grouped(pods: Sequence[Mapping[str, Any]], language: Language) -> list[dict[str, Any]]:
    """What can never be first, then the most pods first."""
    by_cause: dict[str, list[Mapping[str, Any]]] = {}
    for pod in pods:
        by_cause.setdefault(pod["cause"], []).append(pod)
    found = [
        {
            "cause": cause,
            "title": title(cause, language),
            "lasting": BY_KEY[cause].lasting,
            "label": label(BY_KEY[cause].lasting, language),
            "count": len(of_cause),
            "sentence": of_cause[0]["sentence"],
            "pods": [f"{pod['namespace']}/{pod['name']}" for pod in of_cause[:SAMPLE_MAX]],
        }
        for cause, of_cause in by_cause.items()
    ]
    return sorted(found, key=lambda one: (_ORDER.index(one["lasting"]), -one["count"], one["cause"]))


VIEW: Final = View(
    slug="pending",
    title="Pending pods",
    tool="scheduler-visualizer",
    endpoints=(
        Endpoint(
            "/api/v1/pods/pending",
            "Pods without a node, each with the cause of its waiting, and the causes with their pods.",
            list_pending,
            (
                Parameter(
                    "limit",
                    "At most so many, the oldest first; fewer where no two are alike and judging them takes too long.",
                    Kind.INTEGER,
                    LIMIT_DEFAULT,
                    minimum=1,
                    maximum=LIMIT_MAX,
                ),
                Parameter("namespace", "One namespace, or several joined by commas."),
                Parameter("lang", "Language of the texts.", Kind.CHOICE, "en", choices=LANGUAGES),
            ),
        ),
    ),
)
