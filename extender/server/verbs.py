"""The four verbs, bytes in, bytes out. No web objects: any transport can stand in front.

What goes wrong, and what the scheduler then gets (a status other than 200 must have no body):

    the body is not a request        400, nothing changes
    not active (not synced, no lead) filter, bind: Error says why; prioritize: zeros; preempt: no node
    the engine or its verdict broke  the same, counted as an internal fault

filter, prioritize and preempt run without `await` from reading the state to the verdict.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from extender.engine.verdicts import BindVerdict, FilterVerdict, MakeFrame, PreemptVerdict, ScoreVerdict, Victims
from extender.model.columns import NodeTable
from extender.model.pod import Pod
from extender.record.frames import Frame
from extender.server.answer import Answer, refusal
from extender.telemetry import metrics
from extender.wire import encode
from extender.wire.codec import Codec
from extender.wire.decode import read_bind, read_preempt
from extender.wire.messages import BadRequest, CandidateRequest, MetaVictims

VERBS = ("filter", "prioritize", "preempt", "bind")

FAULTS_LOGGED_EVERY_S = 1.0
"""Faults in between are counted, not told."""

_log = logging.getLogger(__name__)


class EngineLike(Protocol):
    """What the verbs need of the engine. Any exception it raises is answered as an internal fault."""

    def filter(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> FilterVerdict: ...

    def prioritize(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> ScoreVerdict: ...

    def preempt(self, pod: Pod, nodes: Mapping[str, Victims], now_s: float) -> PreemptVerdict: ...

    async def bind(
        self, namespace: str, name: str, uid: str, node: str, deadline_s: float, left: asyncio.Future[Any] | None = None
    ) -> BindVerdict: ...


@dataclass(frozen=True, slots=True)
class VerbSettings:
    bind_timeout_s: float = 8.0
    """Time a bind may take, beside the time for which it is held; both together stay below the caller's httpTimeout."""


class BrokenVerdict(Exception):
    """The engine answered what it must not. We must change something."""


class Verbs:
    """Owned by the event loop."""

    def __init__(
        self,
        engine: EngineLike,
        nodes: NodeTable,
        *,
        active: Callable[[], str | None] = lambda: None,
        offer: Callable[[Frame], None] = lambda _frame: None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], int] = time.perf_counter_ns,
        settings: VerbSettings | None = None,
    ) -> None:
        """`active` says why no decision can be made now, or nothing; `offer` takes journal frames; `clock` gives unix
        seconds, the same that the engine reads; `ticks` nanoseconds for durations."""
        self._engine = engine
        self._codec = Codec(nodes)
        self._active = active
        self._offer = offer
        self._clock = clock
        self._ticks = ticks
        self._settings = settings or VerbSettings()
        self._calls = {"filter": self._filter, "prioritize": self._prioritize, "preempt": self._preempt}
        self._meters = {verb: _Meters(verb) for verb in VERBS}
        self._fault_told_s = float("-inf")
        self._objects_seen = False

    def call(self, verb: str, body: bytes) -> Answer:
        """filter, prioritize or preempt. Never raises."""
        started = self._ticks()
        try:
            answer = self._calls[verb](body, started)
        except BadRequest as wrong:
            answer = refusal(verb, 400, str(wrong))
        except Exception as fault:  # noqa: BLE001 - the edge: whatever a body did to us, the next one is served
            self._fault(verb, fault)
            answer = refusal(verb, 400, "the request could not be read")
        return self._timed(answer, body, started)

    async def bind(self, body: bytes, left: asyncio.Future[Any] | None = None) -> Answer:
        """bind. Success means that the API server confirmed the binding. Raises only if it is cancelled.

        `left` is done when the caller has gone: a bind that waits for others then ends.
        """
        started = self._ticks()
        in_flight = self._meters["bind"].in_flight
        in_flight.inc()
        try:
            answer = await self._bind(body, started, left)
        except BadRequest as wrong:
            answer = refusal("bind", 400, str(wrong))
        except Exception as fault:  # noqa: BLE001 - the edge, as in `call`
            self._fault("bind", fault)
            answer = refusal("bind", 400, "the request could not be read")
        finally:
            in_flight.dec()
        return self._timed(answer, body, started)

    def settle(self, answer: Answer) -> None:
        """After the answer is out: count it, and hand its frame to the journal. Never raises."""
        self._meters[answer.verb].count(answer)
        if answer.make_frame is None:
            return
        try:
            frame = answer.make_frame()
            frame.duration_us = answer.duration_ns / 1000
            frame.decode_us = answer.decode_ns / 1000
            frame.encode_us = answer.encode_ns / 1000
            self._offer(frame)
        except Exception as fault:  # noqa: BLE001 - the answer is out; a record lost must not stop the loop
            self._fault("record", fault)

    # --- filter, prioritize

    def _filter(self, body: bytes, started: int) -> Answer:
        request = self._candidates("filter", body)
        decoded = self._ticks()
        if closed := self._active():
            return self._answered("filter", encode.filter_error(request, closed), request)
        try:
            verdict = self._engine.filter(request.pod, request.names, request.rows, self._clock())
            decided = self._ticks()
            answer = self._answered("filter", self._encoded(request, verdict), request)
        except Exception as fault:  # noqa: BLE001 - the pod's event must say so, and the scheduler go on
            return self._answered("filter", encode.filter_error(request, self._fault("filter", fault)), request)
        answer.nodes_out = len(request.names) - int(np.count_nonzero(verdict.codes))
        return self._recorded(answer, verdict.make_frame, started, decoded, decided)

    def _prioritize(self, body: bytes, started: int) -> Answer:
        request = self._candidates("prioritize", body)
        decoded = self._ticks()
        if self._active():
            return self._answered("prioritize", _zeros(request), request)
        try:
            verdict = self._engine.prioritize(request.pod, request.names, request.rows, self._clock())
            decided = self._ticks()
            answer = self._answered("prioritize", self._codec.prioritize_answer(request, verdict.totals), request)
        except Exception as fault:  # noqa: BLE001 - an error would be invisible there: neutral, and counted here
            self._fault("prioritize", fault)
            return self._answered("prioritize", _zeros(request), request)
        answer.nodes_out = len(request.names)
        return self._recorded(answer, verdict.make_frame, started, decoded, decided)

    def _encoded(self, request: CandidateRequest, verdict: FilterVerdict) -> bytes:
        if verdict.error:
            raise BrokenVerdict(verdict.error)
        reasons = [rejection.reason for rejection in verdict.rejections]
        unresolvable = [not rejection.cured_in_tree for rejection in verdict.rejections]
        return self._codec.filter_answer(request, verdict.codes, reasons, unresolvable)

    def _candidates(self, verb: str, body: bytes) -> CandidateRequest:
        request = self._codec.read(body)
        if request.items is not None:
            self._objects_came(verb)
        return request

    def _objects_came(self, verb: str) -> None:
        self._meters[verb].objects.inc()
        if not self._objects_seen:
            self._objects_seen = True
            _log.warning(
                "kube-scheduler sends whole Node objects: set nodeCacheCapable: true for this extender. Besides the "
                "cost, schedulers from 1.33 on score the nodes that come back as if they were empty "
                "(kubernetes issue 141781)"
            )

    # --- preempt

    def _preempt(self, body: bytes, started: int) -> Answer:
        request = read_preempt(body)
        decoded = self._ticks()
        sent = request.nodes
        answer = Answer("preempt", 200, encode.preempt_answer({}), nodes_in=len(sent))
        if self._active():
            return answer
        try:
            proposed = {node: Victims(found.uids, found.pdb_violations) for node, found in sent.items()}
            verdict = self._engine.preempt(request.pod, proposed, self._clock())
            decided = self._ticks()
            kept = {
                node: _allowed(node, victims, sent, verdict.added)
                for node, victims in verdict.nodes.items()
                if victims.uids
            }
            answer.body = encode.preempt_answer(kept)
        except Exception as fault:  # noqa: BLE001 - no preemption is safer than a wrong one
            self._fault("preempt", fault)
            return answer
        answer.nodes_out = len(kept)
        return self._recorded(answer, verdict.make_frame, started, decoded, decided)

    # --- bind

    async def _bind(self, body: bytes, started: int, left: asyncio.Future[Any] | None) -> Answer:
        request = read_bind(body)
        decoded = self._ticks()
        answer = Answer("bind", 200, nodes_in=1)
        if closed := self._active():
            answer.body = encode.bind_answer(closed)
            return answer
        deadline_s = self._clock() + self._settings.bind_timeout_s
        try:
            verdict = await self._engine.bind(
                request.namespace, request.name, request.uid, request.node, deadline_s, left
            )
            decided = self._ticks()
            answer.body = encode.bind_answer(verdict.error)
        except Exception as fault:  # noqa: BLE001 - never success without a confirmed binding
            answer.body = encode.bind_answer(self._fault("bind", fault))
            return answer
        answer.nodes_out = 0 if verdict.error else 1
        return self._recorded(answer, verdict.make_frame, started, decoded, decided)

    # --- what all share

    def _answered(self, verb: str, body: bytes, request: CandidateRequest) -> Answer:
        return Answer(verb, 200, body, nodes_in=len(request.names), nodes_unknown=request.unknown)

    def _recorded(
        self,
        answer: Answer,
        make_frame: MakeFrame | None,
        started: int,
        decoded: int,
        decided: int,
    ) -> Answer:
        answer.make_frame = make_frame
        answer.decode_ns = decoded - started
        answer.encode_ns = self._ticks() - decided
        return answer

    def _timed(self, answer: Answer, body: bytes, started: int) -> Answer:
        answer.bytes_in = len(body)
        answer.duration_ns = self._ticks() - started
        return answer

    def _fault(self, verb: str, fault: Exception) -> str:
        """Count it, tell it now and then, and say what the pod's event may show."""
        metrics.INTERNAL_FAULTS.labels(verb).inc()
        now_s = self._clock()
        if not 0 <= now_s - self._fault_told_s < FAULTS_LOGGED_EVERY_S:
            self._fault_told_s = now_s
            _log.error("internal fault in %s", verb, exc_info=fault)
        if isinstance(fault, BrokenVerdict):
            return str(fault)
        return f"trimtab: internal fault in {verb} ({type(fault).__name__}); the log of the extender has the details"


class _Meters:
    """The metrics of one verb, looked up once."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._seconds = metrics.REQUEST_SECONDS.labels(verb)
        self._bytes_in = metrics.REQUEST_BYTES.labels(verb)
        self._bytes_out = metrics.ANSWER_BYTES.labels(verb)
        self._nodes_in = metrics.NODES_IN.labels(verb)
        self._nodes_out = metrics.NODES_OUT.labels(verb)
        self._unknown = metrics.NODES_UNKNOWN.labels(verb)
        self._ok = metrics.REQUESTS.labels(verb, "200")
        self.objects = metrics.NODE_OBJECT_REQUESTS.labels(verb)
        self.in_flight = metrics.REQUESTS_IN_FLIGHT.labels(verb)

    def count(self, answer: Answer) -> None:
        if answer.status == 200:  # noqa: PLR2004 - the one status that kube-scheduler takes for success
            self._ok.inc()
        else:
            metrics.REQUESTS.labels(self._verb, str(answer.status)).inc()
            metrics.REQUESTS_REFUSED.labels(_REFUSED.get(answer.status, "other")).inc()
        self._seconds.observe(answer.duration_ns / 1e9)
        self._bytes_in.inc(answer.bytes_in)
        self._bytes_out.inc(len(answer.body))
        self._nodes_in.inc(answer.nodes_in)
        self._nodes_out.inc(answer.nodes_out)
        if answer.nodes_unknown:
            self._unknown.inc(answer.nodes_unknown)


_REFUSED = {400: "malformed", 404: "path", 405: "method", 413: "size"}


def _zeros(request: CandidateRequest) -> bytes:
    return encode.prioritize_answer(request.names, [0] * len(request.names))


def _allowed(node: str, victims: Victims, sent: Mapping[str, MetaVictims], added: Collection[str]) -> MetaVictims:
    """Most important first, which the scheduler relies on: its own order, or that of a plugin which `added` some."""
    proposed = sent.get(node)
    if proposed is None:
        raise BrokenVerdict(f"trimtab: preempt kept a node that was not sent ({node})")
    wanted = set(victims.uids)
    unknown = wanted.difference(proposed.uids).difference(added)
    if unknown or len(wanted) != len(victims.uids):
        raise BrokenVerdict(f"trimtab: preempt chose a victim on {node} that was not sent")
    if wanted.issubset(proposed.uids):
        return MetaVictims(tuple(uid for uid in proposed.uids if uid in wanted), victims.pdb_violations)
    return MetaVictims(victims.uids, victims.pdb_violations)
