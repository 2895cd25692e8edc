"""Finds where each Node object of a request begins and ends, without reading what is in it.

kube-scheduler with nodeCacheCapable false sends every candidate whole, some 8 kB each, and what passes goes back as the
bytes that came. The text is valid JSON when it comes here, so counting braces outside strings is enough.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from extender.native.kinds import Int64s
from extender.native.memory import bytes_equal, count_ones, load_byte
from extender.wire.kernels import NOT_PLAIN, native

_U = np.uint64
_QUOTE, _SLASH, _COMMA, _OPEN, _CLOSE = 34, 92, 44, 123, 125
_EVERY, _NONE, _LAST = _U(0xFFFFFFFFFFFFFFFF), _U(0), _U(63)
_BLOCK = 64


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


@native
def find_objects(starts: Int64s, ends: Int64s, base: int, begin: int, end: int) -> int:
    """The number of objects in a compact array of valid JSON whose first object stands at offset `begin` of the text at
    address `base`, and whose closing bracket at `end`; NOT_PLAIN if it is anything else, or has more than there is room
    for. Fills, by object, the offset of its first byte and of the one behind it.
    """
    if begin == end:
        return 0
    last = base + end
    at = base + begin
    count = 0
    while True:
        if count >= starts.size or at >= last or load_byte(at) != _OPEN:
            return NOT_PLAIN
        starts[count] = at - base
        at = _object_end(at, last)
        ends[count] = at - base
        count += 1
        if at == last:
            return count if load_byte(at - 1) == _CLOSE else NOT_PLAIN
        if at > last or load_byte(at) != _COMMA:
            return NOT_PLAIN
        at += 1
