"""Reads filter and prioritize requests and writes their answers, the fast way where it can.

kube-scheduler with nodeCacheCapable writes `{"Pod":…,"Nodes":null,"NodeNames":["a","b"]}` without a blank. The
text `,"Nodes":null,"NodeNames":[` cannot stand inside a JSON string (its first quote would end that string), so
in a valid body it is structure; if the part before it is one whole pod and the part behind it is known names, each
once, then reading the body plainly gives the same. Whatever is otherwise goes to the plain reader, which also
finds the words for what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from extender.model.columns import NodeTable
from extender.model.pod import Pod
from extender.wire import encode, kernels
from extender.wire.decode import read_candidates, read_pod, require_utf8
from extender.wire.messages import BadRequest, CandidateRequest, CompactNames
from extender.wire.names import NameIndex

COMPACT_NAMES_MAX = 1 << 16
"""More names than this in one request take the plain reader."""
COMPACT_BYTES_MAX = 1 << 22
"""Likewise, more bytes of names."""
REASON_SETS_KEPT = 256
"""Encoded lists of reasons that are remembered; then all are forgotten and made anew."""

_POD_HEAD = b'{"Pod":'
_BOUNDARY = b',"Nodes":null,"NodeNames":['
# Per host beside its name: `{"Host":`, `,"Score":`, 20 characters of an int64, `},`.
_SCORE_BYTES = 8 + 9 + 20 + 2


class Codec:
    """Owned by the one event loop. The buffers of a request are good until the next one is read."""

    def __init__(self, nodes: NodeTable) -> None:
        self._nodes = nodes
        self._index = NameIndex.empty()
        self._text = np.zeros(COMPACT_BYTES_MAX + kernels.PADDING, np.uint8)
        self._rows = np.zeros(COMPACT_NAMES_MAX, np.int32)
        self._starts = np.zeros(COMPACT_NAMES_MAX, np.int64)
        self._hashes = np.zeros(COMPACT_NAMES_MAX, np.uint64)
        self._codes = np.zeros(COMPACT_NAMES_MAX, np.int16)
        self._totals = np.zeros(COMPACT_NAMES_MAX, np.int64)
        self._out = np.zeros(1 << 16, np.uint8)
        self._ticket = 0
        self._last_pod: tuple[bytes, Pod] | None = None
        self._reason_sets: dict[tuple[tuple[str, ...], tuple[bool, ...]], _Reasons] = {}

    # --- requests

    def read(self, body: bytes) -> CandidateRequest:
        """ExtenderArgs of filter or prioritize. Raises BadRequest and nothing else."""
        require_utf8(body)
        return self._read_compact(body) or self.read_plain(body)

    def read_plain(self, body: bytes) -> CandidateRequest:
        """Any valid body, without the fast path."""
        raw, names, items = read_candidates(body)
        row = self._nodes.row
        rows = np.fromiter((row(name) for name in names), np.int32, len(names))
        return CandidateRequest(self._pod(bytes(raw)), names, rows, items)

    def _read_compact(self, body: bytes) -> CandidateRequest | None:
        cut = body.find(_BOUNDARY)
        begin = cut + len(_BOUNDARY)
        size = len(body) - begin
        if cut < 0 or size > COMPACT_BYTES_MAX or not body.startswith(_POD_HEAD) or not kernels.COMPILED:
            return None
        self._ticket += 1
        self._text[:size] = np.frombuffer(body, np.uint8, size, begin)
        count = self._scan(size)
        if count < 0:
            return None
        try:
            pod = self._pod(body[len(_POD_HEAD) : cut])
        except BadRequest:
            return None
        names = CompactNames(body[begin - 1 : -1], count)
        return CandidateRequest(pod, names, self._rows[:count].copy(), None, self._ticket)

    def _scan(self, size: int) -> int:
        index = self._index
        if index.version != self._nodes.names_version:
            index = self._index = index.renewed(self._nodes)
        return kernels.scan_names(
            self._text,
            size,
            index.table,
            index.records,
            index.lengths,
            index.seen,
            self._ticket,
            self._rows,
            self._starts,
            self._hashes,
        )

    def _pod(self, raw: bytes) -> Pod:
        """prioritize follows filter with the same pod: comparing it is far cheaper than decoding it again."""
        if self._last_pod is not None and self._last_pod[0] == raw:
            return self._last_pod[1]
        pod = read_pod(raw)
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
        count = len(request.names)
        if codes.dtype != np.int16 or codes.shape != (count,):
            raise ValueError(f"{count} int16 codes were due, not {codes.shape} of {codes.dtype}")
        if request.ticket != self._ticket or not request.ticket:
            if count and not 0 <= int(codes.min()) <= int(codes.max()) <= len(reasons):
                raise ValueError(f"a code lies outside 0..{len(reasons)}")
            return encode.filter_answer(request, codes.tolist(), reasons, unresolvable)
        self._codes[:count] = codes
        return self._filter_compact(count, self._reasons(reasons, unresolvable))

    def prioritize_answer(self, request: CandidateRequest, totals: NDArray[np.int64]) -> bytes:
        """HostPriorityList. Raises ValueError if there is not one int64 per candidate."""
        count = len(request.names)
        if totals.dtype != np.int64 or totals.shape != (count,):
            raise ValueError(f"{count} int64 totals were due, not {totals.shape} of {totals.dtype}")
        if request.ticket != self._ticket or not request.ticket:
            return encode.prioritize_answer(request.names, totals.tolist())
        self._totals[:count] = totals
        out = self._room(int(self._starts[count]) + count * _SCORE_BYTES + 2)
        size = kernels.write_scores(self._text, self._starts, count, self._totals, out)
        return out[:size].tobytes()

    def _filter_compact(self, count: int, reasons: _Reasons) -> bytes:
        names_size = int(self._starts[count])
        out = self._room(2 * names_size + count * (reasons.longest + 1) + _FIXED_SIZE)
        text, starts, codes = self._text, self._starts, self._codes
        at = _put(out, 0, _NAMES_HEAD)
        at = kernels.write_feasible(text, starts, count, codes, out, at)
        at = _put(out, at, _NAMES_TAIL)
        for listed, tail in ((reasons.failed, _UNRESOLVABLE_HEAD), (reasons.lost, _NO_ERROR)):
            at = kernels.write_rejected(text, starts, count, codes, listed, reasons.text, reasons.offsets, out, at)
            if at < 0:
                raise ValueError("a code has no reason")
            at = _put(out, at, tail)
        return out[:at].tobytes()

    def _reasons(self, reasons: Sequence[str], unresolvable: Sequence[bool]) -> _Reasons:
        key = tuple(reasons), tuple(unresolvable)
        found = self._reason_sets.get(key)
        if found is None:
            if len(self._reason_sets) >= REASON_SETS_KEPT:
                self._reason_sets.clear()
            found = self._reason_sets[key] = _Reasons(*key)
        return found

    def _room(self, size: int) -> NDArray[np.uint8]:
        if size + kernels.PADDING > len(self._out):
            self._out = np.zeros(2 * size + kernels.PADDING, np.uint8)
        return self._out


class _Reasons:
    """A list of reasons, ready to be copied: `text[offsets[k]:offsets[k + 1]]` is reason k, from 1."""

    def __init__(self, reasons: tuple[str, ...], unresolvable: tuple[bool, ...]) -> None:
        parts = [b"", *(b":" + encode.text(reason) for reason in reasons)]
        sizes = [len(part) for part in parts]
        self.longest = max(sizes)
        self.text = np.frombuffer(b"".join(parts) + bytes(kernels.PADDING), np.uint8).copy()
        self.offsets = np.cumsum([0, *sizes]).astype(np.int64)
        self.lost = np.array([False, *unresolvable], np.uint8)
        self.failed = np.array([False, *(not yes for yes in unresolvable)], np.uint8)


# As arrays, so that putting one down is a single copy.
_NAMES_HEAD, _NAMES_TAIL, _UNRESOLVABLE_HEAD, _NO_ERROR = (
    np.frombuffer(piece, np.uint8)
    for piece in (encode.NAMES_HEAD, encode.NAMES_TAIL, encode.UNRESOLVABLE_HEAD, encode.NO_ERROR)
)
_FIXED_SIZE = sum(len(piece) for piece in (_NAMES_HEAD, _NAMES_TAIL, _UNRESOLVABLE_HEAD, _NO_ERROR))


def _put(out: NDArray[np.uint8], at: int, piece: NDArray[np.uint8]) -> int:
    end = at + len(piece)
    out[at:end] = piece
    return end


def warm() -> None:
    """Compile the fast path (or load it from the disk cache) and call every part of it once."""
    nodes = NodeTable()
    for name in ("warm-a", "warm-b", "warm-c"):
        nodes.add(name)
    codec = Codec(nodes)
    head = _POD_HEAD + b'{"metadata":{"name":"warm","uid":"warm"}}' + _BOUNDARY
    request = codec.read(head + b'"warm-a","warm-b","warm-c"]}')
    codes = np.array([0, 1, 2], np.int16)
    codec.filter_answer(request, codes, ("first", "second"), (True, False))
    codec.prioritize_answer(request, np.array([0, -1, 2**62], np.int64))
