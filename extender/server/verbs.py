"""The four verbs, bytes in, bytes out. No web objects: any transport can stand in front.

What goes wrong, and what the scheduler then gets (a status other than 200 must have no body):

    the body is not a request        400, nothing changes
    another replica is active        503 and the end of the connection: the next one leads to that replica
    not active (not synced)          filter, bind: Error says why; prioritize: zeros; preempt: no node
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

from extender.engine.verdicts import (
    BindVerdict,
    FilterVerdict,
    MakeFrame,
    Moment,
    PreemptVerdict,
    ScoreVerdict,
    Victims,
)
from extender.model.columns import NodeTable
from extender.model.pod import Pod
from extender.record.frames import Frame
from extender.server.answer import Answer, refusal
from extender.telemetry import metrics
from extender.wire import encode
from extender.wire.codec import Codec
from extender.wire.decode import read_bind, read_preempt
from extender.wire.messages import BadRequest, CandidateRequest, Foretold, MetaVictims

VERBS = ("filter", "prioritize", "preempt", "bind")

AHEAD_KEPT_S = 0.25
"""Scores that were computed ahead serve so long: some read the clock, in whole seconds."""
FAULTS_LOGGED_EVERY_S = 1.0
"""Faults in between are counted, not told."""

_log = logging.getLogger(__name__)


class EngineLike(Protocol):
    """What the verbs need of the engine. Any exception it raises is answered as an internal fault."""

    def decide(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> FilterVerdict:
        """A filter call; it is over when the verdict's `conclude` has been called."""
        ...

    def prioritize(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> ScoreVerdict: ...

    def moment(self) -> Moment:
        """A value that equals another only if nothing has happened between the two that a score could depend on."""
        ...

    def preempt(self, pod: Pod, nodes: Mapping[str, Victims], now_s: float) -> PreemptVerdict: ...

    async def bind(
        self, namespace: str, name: str, uid: str, node: str, deadline_s: float, left: asyncio.Future[Any] | None = None
    ) -> BindVerdict: ...


@dataclass(frozen=True, slots=True)
class VerbSettings:
    bind_timeout_s: float = 8.0
    """Time a bind may take, beside the time for which it is held; both together stay below the caller's httpTimeout."""


@dataclass(frozen=True, slots=True)
class _Filtered:
    """A filter call as it was answered."""

    request: CandidateRequest
    codes: NDArray[np.int16]
    answer: Answer


@dataclass(frozen=True, slots=True)
class _Ahead:
    """An answer that nobody has asked for yet."""

    foretold: Foretold
    answer: Answer
    moment: Moment
    until_s: float


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
        elsewhere: Callable[[], str | None] = lambda: None,
        offer: Callable[[Frame], None] = lambda _frame: None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], int] = time.perf_counter_ns,
        settings: VerbSettings | None = None,
        known_pod: Callable[[str], Pod | None] = lambda _uid: None,
    ) -> None:
        """`active` says why no decision can be made now, or nothing; `elsewhere`, asked only then, why another replica
        is to be asked; `offer` takes journal frames; `clock` gives unix
        seconds, the same that the engine reads; `ticks` nanoseconds for durations; `known_pod` finds a pod that the
        watch has brought, by UID."""
        self._engine = engine
        self._codec = Codec(nodes, known_pod)
        self._active = active
        self._elsewhere = elsewhere
        self._offer = offer
        self._clock = clock
        self._ticks = ticks
        self._settings = settings or VerbSettings()
        self._calls = {"filter": self._filter, "prioritize": self._prioritize, "preempt": self._preempt}
        self._meters = {verb: _Meters(verb) for verb in VERBS}
        self._fault_told_s = float("-inf")
        self._objects_seen = False
        self._filtered: _Filtered | None = None
        """The filter call that was answered last, if a prioritize call may follow it."""
        self._ahead: _Ahead | None = None
        self._ahead_counts = {
            result: metrics.SCORED_AHEAD.labels(result) for result in ("ready", "stale", "other", "none")
        }

    def call(self, verb: str, body: bytes) -> Answer:
        """filter, prioritize or preempt. Never raises."""
        answer = self.begin(verb, body)
        answer.join()
        self.conclude(answer)
        return answer

    def begin(self, verb: str, body: bytes | bytearray) -> Answer:
        """As `call`, but the call is over only when `conclude` has been called, in the same turn of the loop: what the
        scheduler need not wait for is done with its answer on the way. Never raises.

        Pieces of the body may be `more` of the answer: a bytearray must stay as it is until they are written."""
        started = self._ticks()
        try:
            answer = self._calls[verb](body, started)
        except BadRequest as wrong:
            answer = refusal(verb, 400, str(wrong))
        except Exception as fault:  # noqa: BLE001 - the edge: whatever a body did to us, the next one is served
            self._fault(verb, fault)
            answer = refusal(verb, 400, "the request could not be read")
        return self._timed(answer, body, started)

    def conclude(self, answer: Answer) -> None:
        """Charge what the answer promises. Never raises."""
        conclude, answer.conclude = answer.conclude, None
        if conclude is not None:
            try:
                conclude()
            except Exception as fault:  # noqa: BLE001 - the answer is out; the next call is served
                self._fault(answer.verb, fault)

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

    def count(self, answer: Answer) -> None:
        """Tell the metrics of the call, once its answer is out."""
        self._meters[answer.verb].count(answer)

    def record(self, answer: Answer) -> None:
        """Hand the call's frame to the journal, once its answer is out. Never raises."""
        if answer.make_frame is None:
            return
        try:
            frame = answer.make_frame()
            frame.duration_us = answer.duration_ns / 1000
            frame.ahead_us = answer.ahead_ns / 1000
            frame.decode_us = answer.decode_ns / 1000
            frame.encode_us = answer.encode_ns / 1000
            self._offer(frame)
        except Exception as fault:  # noqa: BLE001 - the answer is out; a record lost must not stop the loop
            self._fault("record", fault)

    def score_ahead(self, answer: Answer) -> None:
        """After the answer of a filter call is out: score the nodes that passed, so that the prioritize call which
        follows finds its answer ready. Never raises."""
        filtered = self._filtered
        if filtered is None or filtered.answer is not answer:
            return
        self._filtered = self._ahead = None
        started = self._ticks()
        try:
            foretold = self._codec.foretold(filtered.request, answer.body, filtered.codes)
            if foretold is None:
                return
            now_s = self._clock()
            scored = self._scored(foretold.request, started, started, now_s)
            scored.ahead_ns = self._ticks() - started
            self._ahead = _Ahead(foretold, scored, self._engine.moment(), now_s + AHEAD_KEPT_S)
        except Exception as fault:  # noqa: BLE001 - nobody has asked yet; whoever does is answered the ordinary way
            self._fault("prioritize", fault)

    def look_aside(self, answer: Answer) -> None:
        """After the answer is out and counted: ask the plugins in shadow. Never raises."""
        behind, answer.behind = answer.behind, None
        if behind is not None:
            try:
                behind()
            except Exception as fault:  # noqa: BLE001 - it is for the report alone
                self._fault("shadow", fault)

    # --- filter, prioritize

    def _filter(self, body: bytes | bytearray, started: int) -> Answer:
        request = self._candidates("filter", body)
        decoded = self._ticks()
        if closed := self._active():
            return self._sent_on("filter") or self._answered("filter", encode.filter_error(request, closed), request)
        try:
            verdict = self._engine.decide(request.pod, request.names, request.rows, self._clock())
            decided = self._ticks()
            first, *more = self._encoded(request, verdict)
            answer = self._answered("filter", bytes(first), request)
            answer.more = more
            answer.conclude, answer.behind = verdict.conclude, verdict.behind
        except Exception as fault:  # noqa: BLE001 - the pod's event must say so, and the scheduler go on
            return self._answered("filter", encode.filter_error(request, self._fault("filter", fault)), request)
        passed = verdict.passed
        answer.nodes_out = passed if passed >= 0 else len(request.names) - int(np.count_nonzero(verdict.codes))
        self._filtered = _Filtered(request, verdict.codes, answer)
        return self._recorded(answer, verdict.make_frame, started, decoded, decided)

    def _prioritize(self, body: bytes | bytearray, started: int) -> Answer:
        if ahead := self._ready_for(body):
            return ahead
        request = self._candidates("prioritize", body)
        decoded = self._ticks()
        if self._active():
            return self._sent_on("prioritize") or self._answered("prioritize", _zeros(request), request)
        try:
            return self._scored(request, started, decoded, self._clock())
        except Exception as fault:  # noqa: BLE001 - an error would be invisible there: neutral, and counted here
            self._fault("prioritize", fault)
            return self._answered("prioritize", _zeros(request), request)

    def _scored(self, request: CandidateRequest, started: int, decoded: int, now_s: float) -> Answer:
        """Raises whatever the engine raises."""
        verdict = self._engine.prioritize(request.pod, request.names, request.rows, now_s)
        decided = self._ticks()
        body = self._codec.prioritize_answer(request, verdict.totals, verdict.least)
        answer = self._answered("prioritize", body, request)
        answer.behind = verdict.behind
        least = verdict.least
        answer.nodes_out = len(request.names) if least is None else int(np.count_nonzero(verdict.totals >= least))
        return self._recorded(answer, verdict.make_frame, started, decoded, decided)

    def _ready_for(self, body: bytes | bytearray) -> Answer | None:
        """The answer that was made ahead, if it is the one to this call, here and now. It serves once."""
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            self._ahead_counts["none"].inc()
        elif not ahead.foretold.is_body(body):
            self._ahead_counts["other"].inc()
        elif not self._still_holds(ahead):
            self._ahead_counts["stale"].inc()
        else:
            self._ahead_counts["ready"].inc()
            return ahead.answer
        return None

    def _still_holds(self, ahead: _Ahead) -> bool:
        """Scoring now would give what scoring then gave."""
        return not self._active() and self._clock() <= ahead.until_s and self._engine.moment() == ahead.moment

    def _encoded(self, request: CandidateRequest, verdict: FilterVerdict) -> list[bytes | memoryview]:
        if verdict.error:
            raise BrokenVerdict(verdict.error)
        reasons = [rejection.reason for rejection in verdict.rejections]
        unresolvable = [not rejection.cured_in_tree for rejection in verdict.rejections]
        return self._codec.filter_pieces(request, verdict.codes, reasons, unresolvable)

    def _candidates(self, verb: str, body: bytes | bytearray) -> CandidateRequest:
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

    def _preempt(self, body: bytes | bytearray, started: int) -> Answer:
        request = read_preempt(bytes(body))
        decoded = self._ticks()
        sent = request.nodes
        answer = Answer("preempt", 200, encode.preempt_answer({}), nodes_in=len(sent))
        if self._active():
            return self._sent_on("preempt") or answer
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
            return self._sent_on("bind") or answer
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

    def _sent_on(self, verb: str) -> Answer | None:
        """To a caller that should ask another replica, if there may be one. It keeps no connection to this one."""
        why = self._elsewhere()
        if not why:
            return None
        answer = refusal(verb, 503, why)
        answer.close = True
        return answer

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

    def _timed(self, answer: Answer, body: bytes | bytearray, started: int) -> Answer:
        answer.bytes_in = len(body)
        answer.bytes_out = answer.size()
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
        self._bytes_out.inc(answer.bytes_out)
        self._nodes_in.inc(answer.nodes_in)
        self._nodes_out.inc(answer.nodes_out)
        if answer.nodes_unknown:
            self._unknown.inc(answer.nodes_unknown)


_REFUSED = {400: "malformed", 404: "path", 405: "method", 413: "size", 503: "not leading"}


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
