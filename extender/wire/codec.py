"""Reads filter and prioritize requests and writes their answers, the fast way where it can.

kube-scheduler with nodeCacheCapable writes `{"Pod":…,"Nodes":null,"NodeNames":["a","b"]}` without a blank. The
text `,"Nodes":` cannot stand inside a JSON string (its first quote would end that string), so in a valid body it is
structure; if the part before it is one whole pod and the part behind it is known names, each once, then reading the
body plainly gives the same. So it is with `{"Pod":…,"Nodes":{"metadata":{},"items":[…]},"NodeNames":null}` and whole
objects, of which only those are read that are not known from an earlier request (spans.py). Whatever is otherwise goes
to the plain reader, which also finds the words for what is wrong.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from extender.model.columns import NodeTable
from extender.model.names import JsonNames
from extender.model.pod import Pod, SharedParts
from extender.native.memory import bytes_address
from extender.wire import encode, kernels
from extender.wire.decode import read_candidates, read_object_name, read_pod, recognised, require_utf8
from extender.wire.messages import POD_HEAD, BadRequest, CandidateRequest, Foretold, ObjectSpans
from extender.wire.names import NameIndex
from extender.wire.spans import find_objects

COMPACT_NAMES_MAX = 1 << 16
"""More names than this in one request take the plain reader."""
COMPACT_BYTES_MAX = 1 << 22
"""Likewise, more bytes of names."""
OBJECTS_MAX = 1 << 14
"""More Node objects than this in one request take the plain reader."""
REASON_SETS_KEPT = 256
"""Encoded lists of reasons that are remembered; then all are forgotten and made anew."""

_AFTER_POD = b',"Nodes":'
_NAMES_FOLLOW = b',"Nodes":null,"NodeNames":['
_OBJECTS_FOLLOW = b',"Nodes":{"metadata":{},"items":['
_OBJECTS_TAIL = b']},"NodeNames":null}'
_SMALLEST = -(2**63)
_FILTER_OUT, _SCORES_OUT = 8, 3
"""Where `out` stands among the parameters."""
_SCORED_LEAST = 2
"""With one node left, kube-scheduler asks nobody for scores."""
# Per host beside its name: `{"Host":`, `,"Score":`, 20 characters of an int64, `},`.
_SCORE_BYTES = 8 + 9 + 20 + 2


def _nobody(_uid: str) -> Pod | None:
    return None


class Codec:
    """Owned by the one event loop. The buffers of a request are good until the next one is read."""

    def __init__(self, nodes: NodeTable, known_pod: Callable[[str], Pod | None] = _nobody) -> None:
        """`known_pod` finds a pod that the watch has brought, by UID."""
        self._nodes = nodes
        self._known_pod = known_pod
        self._index = NameIndex.empty()
        self._text = np.zeros(COMPACT_BYTES_MAX + kernels.PADDING, np.uint8)
        self._rows = np.zeros(COMPACT_NAMES_MAX, np.int32)
        self._starts = np.zeros(COMPACT_NAMES_MAX, np.int64)
        self._hashes = np.zeros(COMPACT_NAMES_MAX, np.uint64)
        self._codes = np.zeros(COMPACT_NAMES_MAX, np.int16)
        self._totals = np.zeros(COMPACT_NAMES_MAX, np.int64)
        self._out = np.zeros(1 << 16, np.uint8)
        self._ends = np.zeros(OBJECTS_MAX, np.int64)
        self._fresh = np.zeros(OBJECTS_MAX + 1, np.int32)
        self._ticket = 0
        self._scanner = kernels.scan_names.bound(
            self._text,
            *self._index.arrays,
            self._rows,
            self._starts,
            self._hashes,
            None,
            None,
            None,
        )
        self._keeper = kernels.keep_feasible.bound(self._text, self._starts, self._rows, self._codes, None, None)
        self._last_reasons = _Reasons((), ())
        self._filter_writer = kernels.write_filter.bound(
            self._text, self._starts, self._codes, *self._last_reasons.arrays, _PIECES, _PIECE_ENDS, self._out, None
        )
        self._score_writer = kernels.write_scores.bound(self._text, self._starts, self._totals, self._out, None, None)
        self._object_finder = find_objects.bound(
            *self._index.object_arrays,
            self._rows,
            self._starts,
            self._ends,
            self._hashes,
            self._fresh,
            None,
            None,
            None,
            None,
            None,
        )
        self._seed = secrets.randbits(63)
        self._last_pod: tuple[bytes, Pod] | None = None
        # Pods of one template come one after the other: what they have in common is made once.
        self._parts = SharedParts()
        self._reason_sets: dict[tuple[tuple[str, ...], tuple[bool, ...]], _Reasons] = {}

    # --- requests

    def read(self, body: bytes | bytearray) -> CandidateRequest:
        """ExtenderArgs of filter or prioritize. Raises BadRequest and nothing else.

        A bytearray must stay as it is, and as long, for as long as the request or a piece of its answer is alive.
        """
        cut = body.find(_AFTER_POD) if kernels.COMPILED and body.startswith(POD_HEAD) else -1
        if cut >= 0 and body.startswith(_OBJECTS_FOLLOW, cut) and body.endswith(_OBJECTS_TAIL):
            found = self._read_objects(body, cut, cut + len(_OBJECTS_FOLLOW))
            if found is not None:
                return found
        body = bytes(body)  # the same object, if it is one already: compiled code reads it where it stands
        require_utf8(body)
        if cut >= 0 and body.startswith(_NAMES_FOLLOW, cut):
            found = self._read_names(body, cut, cut + len(_NAMES_FOLLOW))
            if found is not None:
                return found
        return self.read_plain(body)

    def read_plain(self, body: bytes) -> CandidateRequest:
        """Any valid body, without the fast path."""
        raw, names, items = read_candidates(body)
        row = self._nodes.row
        rows = np.fromiter((row(name) for name in names), np.int32, len(names))
        return CandidateRequest(self._pod(bytes(raw)), names, rows, items)

    def _read_names(self, body: bytes, cut: int, begin: int) -> CandidateRequest | None:
        size = len(body) - begin
        if size > COMPACT_BYTES_MAX:
            return None
        self._ticket += 1
        count = self._scan(bytes_address(body) + begin, size)
        if count < 0:
            return None
        text = body[len(POD_HEAD) : cut]
        try:
            pod = self._pod(text)
        except BadRequest:
            return None
        rows = self._rows[:count].copy()
        names = JsonNames(body, begin - 1, len(body) - 1, rows, self._index.names)
        return CandidateRequest(pod, names, rows, None, self._ticket, text)

    def _read_objects(self, body: bytes | bytearray, cut: int, begin: int) -> CandidateRequest | None:
        end = len(body) - len(_OBJECTS_TAIL)
        self._renew_index()
        self._ticket += 1
        text = np.frombuffer(body, np.uint8)
        count = self._object_finder(text.ctypes.data, begin, end, self._ticket, self._seed)
        if count < 0:
            return None
        spans = ObjectSpans(memoryview(body), self._starts[:count].copy(), self._ends[:count].copy())
        rows = self._rows[:count].copy()
        by_row = self._index.names
        names = [by_row[row] if row >= 0 else "" for row in rows.tolist()]
        pod_text = bytes(body[len(POD_HEAD) : cut])
        try:
            if self._fresh[0] and not self._read_fresh(spans, rows, names):
                return None
            require_utf8(pod_text)
            pod = self._pod(pod_text)
        except BadRequest:
            return None
        return CandidateRequest(pod, names, rows, spans)

    def _read_fresh(self, spans: ObjectSpans, rows: NDArray[np.int32], names: list[str]) -> bool:
        """Read the objects that are not known, and know them from now on. Completes `rows` and `names`. False: not each
        name stands in one object alone, at its begin. Raises BadRequest."""
        index = self._index
        for place in self._fresh[1 : self._fresh[0] + 1].tolist():
            item = bytes(spans[place])
            name = read_object_name(item)
            row = int(rows[place])
            if row < 0:
                names[place] = name
                rows[place] = self._nodes.row(name)
            elif name == names[place]:
                index.sizes[row] = len(item)
                index.prints[row] = self._hashes[place]
            else:
                return False
        return len(set(names)) == len(names)

    def foretold(self, filtered: CandidateRequest, answer: bytes, codes: NDArray[np.int16]) -> Foretold | None:
        """The prioritize call that follows a filter call which was just answered with `answer` and `codes`: the same
        pod, and the nodes that passed, in this order. None if there would be none (at most one node passed), or if
        the filter call was unusual."""
        count = len(filtered.names)
        if filtered.ticket != self._ticket or not filtered.ticket:
            return None
        self._codes[:count] = codes
        begin = len(encode.NAMES_HEAD)
        kept = self._keeper(bytes_address(answer) + begin, count)
        if kept < _SCORED_LEAST:
            return None
        end = begin + int(self._starts[kept])
        self._ticket += 1
        rows = self._rows[:kept].copy()
        names = JsonNames(answer, begin - 1, end, rows, self._index.names)
        request = CandidateRequest(filtered.pod, names, rows, None, self._ticket, filtered.pod_text)
        return Foretold(request, b"%b%b}" % (_NAMES_FOLLOW, answer[begin:end]))

    def _scan(self, source: int, size: int) -> int:
        self._renew_index()
        return self._scanner(source, size, self._ticket)

    def _renew_index(self) -> None:
        if self._index.version != self._nodes.names_version:
            self._index = self._index.renewed(self._nodes)
            for position, found in enumerate(self._index.arrays, 1):
                self._scanner.put(position, found)
            for position, known in enumerate(self._index.object_arrays):
                self._object_finder.put(position, known)

    def _pod(self, raw: bytes) -> Pod:
        """prioritize follows filter with the same pod: comparing it is far cheaper than decoding it again."""
        if self._last_pod is not None and self._last_pod[0] == raw:
            return self._last_pod[1]
        pod = recognised(raw, self._known_pod) or read_pod(raw, self._parts)
        self._last_pod = raw, pod
        return pod

    # --- answers

    def filter_answer(
        self,
        request: CandidateRequest,
        codes: NDArray[np.int16],
        reasons: Sequence[str],
        unresolvable: Sequence[bool],
    ) -> bytes:
        """ExtenderFilterResult. Raises ValueError if there is not one code per candidate, or one without a reason."""
        return b"".join(self.filter_pieces(request, codes, reasons, unresolvable))

    def filter_pieces(
        self,
        request: CandidateRequest,
        codes: NDArray[np.int16],
        reasons: Sequence[str],
        unresolvable: Sequence[bool],
    ) -> list[bytes | memoryview]:
        """The same in pieces, at least one: Node objects lie where they came."""
        count = len(request.names)
        if codes.dtype != np.int16 or codes.shape != (count,):
            raise ValueError(f"{count} int16 codes were due, not {codes.shape} of {codes.dtype}")
        if request.ticket != self._ticket or not request.ticket:
            if count and not 0 <= int(codes.min()) <= int(codes.max()) <= len(reasons):
                raise ValueError(f"a code lies outside 0..{len(reasons)}")
            return encode.filter_pieces(request, codes.tolist(), reasons, unresolvable)
        self._codes[:count] = codes
        return [self._filter_compact(count, self._reasons(reasons, unresolvable))]

    def prioritize_answer(
        self, request: CandidateRequest, totals: NDArray[np.int64], least: int | None = None
    ) -> bytes:
        """HostPriorityList, without the candidates below `least`. Raises ValueError if there is not one int64 per
        candidate."""
        count = len(request.names)
        if totals.dtype != np.int64 or totals.shape != (count,):
            raise ValueError(f"{count} int64 totals were due, not {totals.shape} of {totals.dtype}")
        if request.ticket != self._ticket or not request.ticket:
            return encode.prioritize_answer(request.names, totals.tolist(), least)
        self._totals[:count] = totals
        self._make_room(int(self._starts[count]) + count * _SCORE_BYTES + 2)
        size = self._score_writer(count, _SMALLEST if least is None else least)
        return self._out[:size].tobytes()

    def _filter_compact(self, count: int, reasons: _Reasons) -> bytes:
        names_size = int(self._starts[count])
        self._make_room(2 * names_size + count * (reasons.longest + 1) + _FIXED_SIZE)
        if reasons is not self._last_reasons:
            self._last_reasons = reasons
            for position, found in enumerate(reasons.arrays, 3):
                self._filter_writer.put(position, found)
        size = self._filter_writer(count)
        if size < 0:
            raise ValueError("a code has no reason")
        return self._out[:size].tobytes()

    def _reasons(self, reasons: Sequence[str], unresolvable: Sequence[bool]) -> _Reasons:
        key = tuple(reasons), tuple(unresolvable)
        found = self._reason_sets.get(key)
        if found is None:
            if len(self._reason_sets) >= REASON_SETS_KEPT:
                self._reason_sets.clear()
            found = self._reason_sets[key] = _Reasons(*key)
        return found

    def _make_room(self, size: int) -> None:
        if size + kernels.PADDING > len(self._out):
            self._out = np.zeros(2 * size + kernels.PADDING, np.uint8)
            self._filter_writer.put(_FILTER_OUT, self._out)
            self._score_writer.put(_SCORES_OUT, self._out)


class _Reasons:
    """A list of reasons, ready to be copied."""

    def __init__(self, reasons: tuple[str, ...], unresolvable: tuple[bool, ...]) -> None:
        parts = [b"", *(b":" + encode.text(reason) for reason in reasons)]
        sizes = [len(part) for part in parts]
        self.longest = max(sizes)
        text = np.frombuffer(b"".join(parts) + bytes(kernels.PADDING), np.uint8).copy()
        offsets = np.cumsum([0, *sizes]).astype(np.int64)
        lost, failed = kernels.LOST, kernels.FAILED
        place = np.array([kernels.FEASIBLE, *(lost if yes else failed for yes in unresolvable)], np.uint8)
        self.arrays = place, text, offsets
        """place, reasons and offsets of kernels.write_filter."""


_CONSTANT = (encode.NAMES_HEAD, encode.NAMES_TAIL, encode.UNRESOLVABLE_HEAD, encode.NO_ERROR)
_PIECES = np.frombuffer(b"".join(_CONSTANT), np.uint8).copy()
_PIECE_ENDS = np.cumsum([len(piece) for piece in _CONSTANT]).astype(np.int64)
_FIXED_SIZE = len(_PIECES)


def warm() -> None:
    """Compile the fast path (or load it from the disk cache) and call every part of it once."""
    nodes = NodeTable()
    for name in ("warm-a", "warm-b", "warm-c"):
        nodes.add(name)
    codec = Codec(nodes)
    head = POD_HEAD + b'{"metadata":{"name":"warm","uid":"warm"}}' + _NAMES_FOLLOW
    request = codec.read(head + b'"warm-a","warm-b","warm-c"]}')
    codes = np.array([0, 1, 2], np.int16)
    answer = codec.filter_answer(request, codes, ("first", "second"), (True, False))
    codec.prioritize_answer(request, np.array([0, -1, 2**62], np.int64))
    codec.foretold(request, answer, codes)
    head = head.removesuffix(_NAMES_FOLLOW) + _OBJECTS_FOLLOW
    codec.read(head + b'{"metadata":{"name":"warm-a"}}' + _OBJECTS_TAIL)
