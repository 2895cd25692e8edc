"""Finds where each Node object of a request begins and ends, and knows again those that were read before.

kube-scheduler with nodeCacheCapable false sends every candidate whole, some 8 kB each, and what passes goes back as the
bytes that came. Nodes hardly change between two requests, so what is remembered of an object is its size and a hash:
the same bytes are again one valid JSON object with that name, and need no reading. Whatever is not known is told to
the caller, who must read it; its end is found by counting braces outside strings, which is right if the text is valid.

The hash is not made to withstand somebody who looks for collisions. It need not: nothing is decided from what is in an
object, which goes back to the one who sent it. Its seed differs from process to process all the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from extender.native.kinds import ByteRows, Int32s, Int64s, Words
from extender.native.memory import bytes_equal, count_ones, load_byte, load_word, store_word
from extender.wire.kernels import NOT_PLAIN, finish, guess, look_up, low_bytes, mix, native

_U = np.uint64
_QUOTE, _SLASH, _COMMA, _OPEN, _CLOSE = 34, 92, 44, 123, 125
_EVERY, _NONE, _LAST = _U(0xFFFFFFFFFFFFFFFF), _U(0), _U(63)
_BLOCK = 64
_APART = _U(0xD1B54A32D192ED03)
_NAME_FOLLOWS = b'{"metadata":{"name":"'
"""How Go writes a Node; its name is then found without reading the rest."""
_HEAD_SIZE = len(_NAME_FOLLOWS)
_HEAD_1, _HEAD_2, _HEAD_3 = (_U(int.from_bytes(_NAME_FOLLOWS[at : at + 8], "little")) for at in (0, 8, _HEAD_SIZE - 8))


def _inside_strings(quotes: Any) -> Any:
    """For each bit whether an odd number of quotes stands at or before it."""
    inside = quotes ^ (quotes << _U(1))
    inside ^= inside << _U(2)
    inside ^= inside << _U(4)
    inside ^= inside << _U(8)
    inside ^= inside << _U(16)
    return inside ^ (inside << _U(32))


def _walk(at: Any, limit: Any, depth: Any, inside: Any) -> Any:
    """(address, depth, whether inside a string) where the object ends (depth 0), else at or just behind `limit`."""
    while at < limit:
        byte = load_byte(at)
        at += 1
        if inside:
            if byte == _SLASH:
                at += 1
            elif byte == _QUOTE:
                inside = False
        elif byte == _QUOTE:
            inside = True
        elif byte == _OPEN:
            depth += 1
        elif byte == _CLOSE:
            depth -= 1
            if depth == 0:
                break
    return at, depth, inside


def _object_end(at: Any, last: Any) -> Any:
    """The address behind the object that begins at `at`; `last` bounds what is read.

    64 bytes at a time where these hold no escape and cannot end the object, else byte by byte.
    """
    depth, inside = np.int64(0), False
    while at < last:
        whole = at + _BLOCK <= last
        if whole and depth > 0:
            strings = _inside_strings(bytes_equal(at, _QUOTE)) ^ (_EVERY if inside else _NONE)
            closing = count_ones(bytes_equal(at, _CLOSE) & ~strings)
            if closing < depth and bytes_equal(at, _SLASH) == _NONE:
                depth += count_ones(bytes_equal(at, _OPEN) & ~strings) - closing
                inside = strings >> _LAST != _NONE
                at += _BLOCK
                continue
        at, depth, inside = _walk(at, at + _BLOCK if whole else last, depth, inside)
        if depth == 0:
            return at
    return last


def _fingerprint(at: Any, size: Any, seed: Any) -> Any:
    """64 bits that stand for so many bytes. Up to 7 bytes behind them are read.

    Eight chains side by side, because in one each multiplication would wait for the one before.
    """
    a, b, c, d = seed, seed + _APART, seed + _U(2) * _APART, seed + _U(3) * _APART
    e, f, g, h = ~a, ~b, ~c, ~d
    stop = at + size
    while at + _BLOCK <= stop:
        a = mix(a, load_word(at))
        b = mix(b, load_word(at + 8))
        c = mix(c, load_word(at + 16))
        d = mix(d, load_word(at + 24))
        e = mix(e, load_word(at + 32))
        f = mix(f, load_word(at + 40))
        g = mix(g, load_word(at + 48))
        h = mix(h, load_word(at + 56))
        at += _BLOCK
    hashed = mix(mix(mix(mix(mix(mix(mix(a, b), c), d), e), f), g), h)
    while at + 8 <= stop:
        hashed = mix(hashed, load_word(at))
        at += 8
    if at < stop:
        hashed = mix(hashed, load_word(at) & low_bytes(stop - at))
    return finish(hashed, size)


def _begins_with_name(at: Any) -> Any:
    return load_word(at) == _HEAD_1 and load_word(at + 8) == _HEAD_2 and load_word(at + _HEAD_SIZE - 8) == _HEAD_3


def _row_of(
    at: Any, last: Any, before: Any, table: Words, known: Any, stride: Any, lengths: Int32s, follows: Int32s
) -> Any:
    """The row of the object at this address, whose neighbour has the row `before` - 1; -1: see find_objects."""
    name = at + _HEAD_SIZE
    if name >= last or not _begins_with_name(at):
        return np.int64(-1)
    row = guess(name, before, lengths, follows, known, stride)
    return row if row >= 0 else look_up(name, last - name, table, known, stride)


@native
def find_objects(
    table: Words,
    records: ByteRows,
    lengths: Int32s,
    follows: Int32s,
    sizes: Int64s,
    prints: Words,
    rows: Int32s,
    starts: Int64s,
    ends: Int64s,
    found: Words,
    fresh: Int32s,
    base: int,
    begin: int,
    end: int,
    stamp: int,
    seed: int,
) -> int:
    """The number of objects in a compact array whose first object stands at offset `begin` of the text at address
    `base`, and whose closing bracket at `end`; NOT_PLAIN if it is anything else, names a known node twice, or has more
    than `ends` has room for. Behind the bracket stand at least PADDING bytes with a quote among the first eight.

    Fills, by object, the offset of its first byte and of the one behind it, the row of its name (-1: not known, or not
    where Go writes it) and its fingerprint. An object that is not the one that `sizes` and `prints` remember of its row
    is in `fresh`, which begins with their number: whether it is JSON at all is not known, nor then where it ends.
    """
    known, stride = records.ctypes.data, records.shape[1]
    last = base + end
    at: Any = np.int64(base + begin)
    before: Any = np.int64(0)
    count = 0
    unread = 0
    while at < last:
        if count >= ends.size or load_byte(at) != _OPEN:
            return NOT_PLAIN
        row = _row_of(at, last, before, table, known, stride, lengths, follows)
        stop: Any = np.int64(0)
        hashed = _NONE
        if row >= 0:
            if load_word(known + row * stride) == _U(stamp):
                return NOT_PLAIN
            store_word(known + row * stride, _U(stamp))
            follows[before] = row
            before = row + 1
            if sizes[row] > 0 and at + sizes[row] <= last:
                hashed = _fingerprint(at, sizes[row], _U(seed))
                if hashed == prints[row]:
                    stop = at + sizes[row]
        if stop == 0:
            stop = _object_end(at, last)
            hashed = _fingerprint(at, stop - at, _U(seed))
            unread += 1
            fresh[unread] = count
        rows[count] = row
        starts[count] = at - base
        ends[count] = stop - base
        found[count] = hashed
        count += 1
        if stop < last and (load_byte(stop) != _COMMA or stop + 1 == last):
            return NOT_PLAIN
        at = stop + 1
    fresh[0] = unread
    return count if at == last + 1 or count == 0 else NOT_PLAIN
