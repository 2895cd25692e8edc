"""Two decisions side by side: what differs, and one sentence about it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from analytics.views.decisions.story import BestNode, Story, last_filter

NODES_TOLD: Final = 20
"""Names of candidates that only one of the two had; the counts beside them are complete."""
_FACTS: Final = ("outcome", "node", "revision", "scheduler", "profile", "attempt", "generation", "message")


class Side(Struct, frozen=True):
    """One of the two."""

    id: str
    time: str
    namespace: str
    pod: str
    uid: str
    attempt: int
    outcome: str
    node: str
    revision: str
    nodes_in: int
    nodes_out: int


class Difference(Struct, frozen=True):
    """One value that is not the same."""

    name: str
    a: Any
    b: Any


class Candidates(Struct, frozen=True):
    """The nodes that the scheduler asked about. `known` is False where a record holds too many to name them."""

    known: bool
    both: int = 0
    only_a_count: int = 0
    only_b_count: int = 0
    only_a: list[str] = []
    only_b: list[str] = []


class RejectionDifference(Struct, frozen=True):
    """Nodes that an enforced plugin rejected for a reason in the filter call."""

    plugin: str
    reason: str
    a: int
    b: int
    difference: int
    """b less a."""


class ScoreDifference(Struct, frozen=True):
    """Weighted scores of one node; None: not among the best that the record holds."""

    node: str
    a: int | None
    b: int | None
    difference: int | None
    plugins: list[Difference] = []
    """Parts that differ, where both are known."""


class Duration(Struct, frozen=True):
    """Milliseconds spent in one phase, all its calls together; None: no such call."""

    phase: str
    a: float | None
    b: float | None
    difference: float | None


class Because(Struct, frozen=True):
    """What the sentence names as the change behind it, for whoever says it in another language."""

    kind: str
    """revision, pod, candidates, rejections, scores or nothing."""
    detail: str = ""
    a: str = ""
    b: str = ""


class Comparison(Struct, frozen=True):
    a: Side
    b: Side
    same_pod: bool
    verdict: str
    """same, moved, placed (b has a place and a had none), lost (the other way round), refused (both were) or other."""
    because: Because
    summary: str
    facts: list[Difference]
    pod: list[Difference]
    """Features of the pod, by path; empty where a record does not hold them (`features_known`)."""
    features_known: bool
    candidates: Candidates
    rejections: list[RejectionDifference]
    scores: list[ScoreDifference]
    durations: list[Duration]


def compare(a: Story, b: Story, candidates_a: Sequence[str] = (), candidates_b: Sequence[str] = ()) -> Comparison:
    """`candidates_…`: names of the nodes asked about, in any order; empty: not in the record."""
    pod = list(_unlike("", _own(a), _own(b))) if a.features and b.features else []
    candidates = _candidates(candidates_a, candidates_b)
    rejections = _rejections(a, b)
    scores = _scores(a, b)
    verdict = _verdict(a, b)
    because = _because(a, b, pod, candidates, rejections, scores)
    return Comparison(
        a=_side(a),
        b=_side(b),
        same_pod=a.pod.uid == b.pod.uid,
        verdict=verdict,
        because=because,
        summary=say(a, b, verdict, because),
        facts=[Difference(n, getattr(a, n), getattr(b, n)) for n in _FACTS if getattr(a, n) != getattr(b, n)],
        pod=pod,
        features_known=bool(a.features and b.features),
        candidates=candidates,
        rejections=rejections,
        scores=scores,
        durations=_durations(a, b),
    )


def say(a: Story, b: Story, verdict: str, because: Because) -> str:
    """The whole comparison in one sentence."""
    match verdict:
        case "same" if a.node:
            what = f"Both were placed on {a.node}"
        case "same":
            what = f"Both ended the same way ({a.outcome})"
        case "moved":
            what = f"The first was placed on {a.node}, the second on {b.node}"
        case "placed":
            what = f"The first found no place, the second was placed on {b.node}"
        case "lost":
            what = f"The first was placed on {a.node}, the second found no place"
        case "refused":
            what = "No node fitted either"
        case _:
            what = f"The first ended as {a.outcome}, the second as {b.outcome}"
    return f"{what}, and {_reason(because)}."


def _reason(because: Because) -> str:
    match because.kind:
        case "revision":
            what = f"the policy revision ({because.a or 'none'}, then {because.b or 'none'})"
        case "pod":
            what = f"the pod's {because.detail} ({because.a or 'nothing'}, then {because.b or 'nothing'})"
        case "candidates":
            what = f"the nodes asked about ({because.a} only in the first, {because.b} only in the second)"
        case "rejections":
            what = f"what {because.detail} rejected ({because.a} nodes, then {because.b})"
        case "scores":
            what = f"the score of {because.detail} ({because.a}, then {because.b})"
        case _:
            return "nothing that Trimtab records differs"
    return f"they differ first of all in {what}"


def _verdict(a: Story, b: Story) -> str:
    match a.outcome, b.outcome:
        case "scheduled", "scheduled":
            return "same" if a.node == b.node else "moved"
        case "unschedulable", "unschedulable":
            return "refused"
        case _, "scheduled":
            return "placed"
        case "scheduled", _:
            return "lost"
        case one, other if one == other:
            return "same"
    return "other"


def _because(
    a: Story,
    b: Story,
    pod: Sequence[Difference],
    candidates: Candidates,
    rejections: Sequence[RejectionDifference],
    scores: Sequence[ScoreDifference],
) -> Because:
    """What people change comes before what follows from it."""
    if a.revision != b.revision:
        return Because("revision", a=a.revision, b=b.revision)
    if pod:
        return Because("pod", pod[0].name, _short(pod[0].a), _short(pod[0].b))
    if rejections:
        most = rejections[0]
        return Because("rejections", f"{most.plugin} ({most.reason})", str(most.a), str(most.b))
    if candidates.only_a_count or candidates.only_b_count:
        return Because("candidates", a=str(candidates.only_a_count), b=str(candidates.only_b_count))
    changed = [score for score in scores if score.difference]
    if changed:
        most_changed = max(changed, key=lambda score: abs(score.difference or 0))
        return Because("scores", most_changed.node, str(most_changed.a), str(most_changed.b))
    return Because("nothing")


def _short(value: Any) -> str:
    text = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004 - what a sentence bears


def _side(story: Story) -> Side:
    call = last_filter(story)
    return Side(
        id=story.id,
        time=story.time,
        namespace=story.pod.namespace,
        pod=story.pod.name,
        uid=story.pod.uid,
        attempt=story.attempt,
        outcome=story.outcome,
        node=story.node,
        revision=story.revision,
        nodes_in=call.nodes_in if call else 0,
        nodes_out=call.nodes_out if call else 0,
    )


# What differs between any two pods, or between any two moments of one, and decides nothing.
_OF_ONE_POD: Final = frozenset(
    (
        "name",
        "uid",
        "resource_version",
        "created_at_s",
        "unschedulable_at_s",
        "unscheduled_reason",
        "owner_uid",
        "phase",
    )
)


def _own(story: Story) -> dict[str, Any]:
    own = {name: value for name, value in story.features.items() if name not in _OF_ONE_POD}
    placement = own.get("placement")
    if isinstance(placement, Mapping) and isinstance(placement.get("tolerations"), list):
        own["placement"] = {**placement, "tolerations": [tolerated(one) for one in placement["tolerations"]]}
    return own


_SIGNS: Final = {"Equal": "=", "Lt": "<", "Gt": ">"}


def tolerated(toleration: Mapping[str, str]) -> str:
    """A toleration as people write taints: `key=value:NoSchedule`, `key:NoExecute`, `every taint`.

    Without an effect it is for all of them. How long it lasts is not in the record: no scheduler asks.
    """
    key, effect = toleration.get("key", ""), toleration.get("effect", "")
    if not key:
        return f"every taint of {effect}" if effect else "every taint"
    sign = _SIGNS.get(toleration.get("operator", "Equal"), "")
    value = f"{sign}{toleration.get('value', '')}" if sign else ""
    return f"{key}{value}:{effect}" if effect else f"{key}{value}"


def _unlike(path: str, a: Any, b: Any) -> Iterator[Difference]:
    """Leaves that differ, in the order of their names; lists of unequal length differ as a whole."""
    if a == b:
        return
    if isinstance(a, Mapping | None) and isinstance(b, Mapping | None):
        a, b = a or {}, b or {}
        for name in sorted(a.keys() | b.keys(), key=str):
            yield from _unlike(f"{path}.{name}" if path else str(name), a.get(name), b.get(name))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for at, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from _unlike(f"{path}[{at}]", one, other)
    else:
        yield Difference(path, a, b)


def _candidates(a: Sequence[str], b: Sequence[str]) -> Candidates:
    if not a or not b:
        return Candidates(known=False)
    mine, other = set(a), set(b)
    only_a, only_b = sorted(mine - other), sorted(other - mine)
    return Candidates(
        known=True,
        both=len(mine & other),
        only_a_count=len(only_a),
        only_b_count=len(only_b),
        only_a=only_a[:NODES_TOLD],
        only_b=only_b[:NODES_TOLD],
    )


def _rejections(a: Story, b: Story) -> list[RejectionDifference]:
    """Those that differ, the largest difference first."""
    first, second = _rejected(a), _rejected(b)
    found = [
        RejectionDifference(*key, first.get(key, 0), second.get(key, 0), second.get(key, 0) - first.get(key, 0))
        for key in first.keys() | second.keys()
    ]
    differing = [entry for entry in found if entry.difference]
    return sorted(differing, key=lambda entry: (-abs(entry.difference), entry.plugin, entry.reason))


def _rejected(story: Story) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = {}
    for entry in story.rejections:
        if entry.mode == "enforce" and entry.call == "filter":
            sums[entry.plugin, entry.reason] = sums.get((entry.plugin, entry.reason), 0) + entry.nodes
    return sums


def _scores(a: Story, b: Story) -> list[ScoreDifference]:
    """All nodes that either record holds, the best of the second first."""
    first, second = {best.node: best for best in a.scores}, {best.node: best for best in b.scores}
    return [_score(node, first.get(node), second.get(node)) for node in (second | first)]


def _score(node: str, a: BestNode | None, b: BestNode | None) -> ScoreDifference:
    if a is None or b is None:
        return ScoreDifference(node, a.score if a else None, b.score if b else None, None)
    weights = {name: (_weighted(a, name), _weighted(b, name)) for name in sorted(a.parts.keys() | b.parts.keys())}
    parts = [Difference(name, *pair) for name, pair in weights.items() if pair[0] != pair[1]]
    return ScoreDifference(node, a.score, b.score, b.score - a.score, parts)


def _weighted(best: BestNode, plugin: str) -> int | None:
    part = best.parts.get(plugin)
    return part.weighted if part else None


def _durations(a: Story, b: Story) -> list[Duration]:
    first, second = _spent(a), _spent(b)
    return [
        Duration(
            phase,
            first.get(phase),
            second.get(phase),
            round(second[phase] - first[phase], 4) if phase in first and phase in second else None,
        )
        for phase in first | second
    ]


def _spent(story: Story) -> dict[str, float]:
    sums: dict[str, float] = {}
    for call in story.phases:
        sums[call.phase] = round(sums.get(call.phase, 0.0) + call.duration_ms, 4)
    return sums
