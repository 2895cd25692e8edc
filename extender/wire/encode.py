"""Writes every extender/v1 answer, plainly. The compiled writer gives the same bytes for what it can do.

No answer holds a null anywhere: of Nodes and NodeNames only the one that came is answered (Go reads a missing key
as its zero value), and a null in a preempt answer would kill the kube-scheduler process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from extender.wire.messages import CandidateRequest, MetaVictims, ObjectSpans

ERROR_CHARS_MAX = 1024
"""An error text ends in an event of the pod, which kube-scheduler cuts at this length."""

NAMES_HEAD = b'{"NodeNames":['
ITEMS_HEAD = b'{"Nodes":{"metadata":{},"items":['
NAMES_TAIL = b'],"FailedNodes":{'
ITEMS_TAIL = b']},"FailedNodes":{'
UNRESOLVABLE_HEAD = b'},"FailedAndUnresolvableNodes":{'
ERROR_HEAD = b'},"Error":'
NO_ERROR = ERROR_HEAD + b'""}'
HOST_HEAD = b'{"Host":'
SCORE_HEAD = b',"Score":'


def text(value: str) -> bytes:
    """A JSON string. What UTF-8 cannot carry becomes a question mark."""
    return orjson.dumps(value.encode("utf-8", "replace").decode())


def filter_pieces(
    request: CandidateRequest, codes: Sequence[int], reasons: Sequence[str], unresolvable: Sequence[bool]
) -> list[bytes | memoryview]:
    """ExtenderFilterResult in the form of the request. codes[i] is 0, or k for reasons[k - 1].

    In pieces: Node objects are megabytes, which need not be copied to be written.
    """
    failed = [i for i, code in enumerate(codes) if code and not unresolvable[code - 1]]
    lost = [i for i, code in enumerate(codes) if code and unresolvable[code - 1]]
    feasible = [i for i, code in enumerate(codes) if not code]
    names = request.names
    said = [b":" + text(reason) for reason in reasons]
    head, *kept, tail = _kept(request, feasible)
    told = (
        tail,
        b",".join(orjson.dumps(names[i]) + said[codes[i] - 1] for i in failed),
        UNRESOLVABLE_HEAD,
        b",".join(orjson.dumps(names[i]) + said[codes[i] - 1] for i in lost),
        NO_ERROR,
    )
    return [head, *kept, b"".join(told)]


def filter_error(request: CandidateRequest, error: str) -> bytes:
    """ExtenderFilterResult that fails the cycle: the scheduler reads nothing but the error."""
    return b"".join((*_kept(request, ()), UNRESOLVABLE_HEAD, ERROR_HEAD, text(error[:ERROR_CHARS_MAX]), b"}"))


def prioritize_answer(names: Sequence[str], totals: Sequence[int], least: int | None = None) -> bytes:
    """HostPriorityList: one entry per host, integers; without those below `least`."""
    entries = (
        b"%b%b%b%d}" % (HOST_HEAD, orjson.dumps(name), SCORE_HEAD, total)
        for name, total in zip(names, totals, strict=True)
        if least is None or total >= least
    )
    return b"[" + b",".join(entries) + b"]"


def preempt_answer(nodes: Mapping[str, MetaVictims]) -> bytes:
    """ExtenderPreemptionResult, always in the meta form."""
    return orjson.dumps(
        {
            "NodeNameToMetaVictims": {
                node: {
                    "Pods": [{"UID": uid} for uid in victims.uids],
                    "NumPDBViolations": victims.pdb_violations,
                }
                for node, victims in nodes.items()
            }
        }
    )


def bind_answer(error: str) -> bytes:
    """ExtenderBindingResult; an empty error means bound."""
    return b'{"Error":' + text(error[:ERROR_CHARS_MAX]) + b"}"


def _kept(request: CandidateRequest, feasible: Sequence[int]) -> tuple[bytes | memoryview, ...]:
    if request.items is None:
        names = request.names
        return NAMES_HEAD, b",".join(orjson.dumps(names[i]) for i in feasible), NAMES_TAIL
    items = request.items
    if isinstance(items, ObjectSpans):
        return ITEMS_HEAD, *items.runs(feasible), ITEMS_TAIL
    return ITEMS_HEAD, b",".join(items[i] for i in feasible), ITEMS_TAIL
