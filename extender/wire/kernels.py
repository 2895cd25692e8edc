"""The compiled byte work: find names in a hash table while scanning them, write answers.

A *text* is the part of a request from the first name of NodeNames to the end of the body, in a buffer with
PADDING bytes to spare: names are read eight bytes at a time and may be read (never matched) past their end. Buffers
that are written have the same room, since copies move whole words.

The name table has one word per slot: the upper 40 bits of the name's hash, the lower 24 its row + 1; 0 is free.
The names themselves stand in `records`, one line per row, zero-padded to whole words (with one to spare), behind the
stamp of the last request that named the row: one look brings both.
Only names that need no escape are in it, so a match proves that the bytes between two quotes are a plain name.

kube-scheduler walks its nodes in an order that hardly changes, so the name behind a name is mostly the one that stood
there in the request before. `follows` remembers the row behind each row (in its first place, the row that came first);
to compare with one known name costs a fifth of hashing and looking up.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from extender.native.function import Family, is_compiled
from extender.native.kinds import ByteRows, Bytes, Int16s, Int32s, Int64s, Words
from extender.native.memory import copy_bytes, load_word, store_word, trailing_zeros

native = Family()

STAMP_BYTES = 8
PADDING = 16
"""Spare bytes behind every buffer that the functions here read or write."""
ROWS_MAX = (1 << 24) - 2
"""Rows that a slot of the name table can number."""

COMPILED: bool = is_compiled()
"""False under NUMBA_DISABLE_JIT: these functions work on addresses and cannot run as Python."""

NOT_PLAIN = -1
"""The names are not a compact array of known names, each once."""
BAD_CODE = -2
"""A verdict names a reason that does not exist."""
FEASIBLE, FAILED, LOST = 0, 1, 2
"""Where a node stands in a filter answer."""


_U = np.uint64
_ONES, _HIGHS = _U(0x0101010101010101), _U(0x8080808080808080)
_QUOTES = _U(0x2222222222222222)
_ODD_1, _ODD_2 = _U(0x9E3779B97F4A7C15), _U(0xBF58476D1CE4E5B9)
_HASH_BITS = _U(0xFFFFFFFFFF000000)
_ROW_BITS = _U(0xFFFFFF)
_HOST_WORD = _U(int.from_bytes(b'{"Host":', "little"))
_SCORE_WORD = _U(int.from_bytes(b',"Score"', "little"))
_SURPRISES = 16
"""Names that may follow in another way than before, and as many more as a quarter of all; then all are hashed."""
_QUOTE, _COMMA, _COLON, _CLOSE_LIST, _OPEN_LIST, _CLOSE_MAP, _MINUS, _ZERO = 34, 44, 58, 93, 91, 125, 45, 48


def mix(hashed: Any, word: Any) -> Any:
    """One more word into a hash: another word gives another hash."""
    hashed = (hashed ^ word) * _ODD_1
    return hashed ^ (hashed >> _U(29))


def finish(hashed: Any, length: Any) -> Any:
    """The hash of so many bytes whose words were mixed in."""
    hashed = hashed ^ (_U(length) * _ODD_2)
    hashed = (hashed ^ (hashed >> _U(32))) * _ODD_2
    return hashed ^ (hashed >> _U(31))


def low_bytes(count: Any) -> Any:
    """A mask of the first `count` (0..7) bytes of a word."""
    return (_U(1) << (_U(8) * _U(count))) - _U(1)


# --- the name table


@native
def fill_table(records: ByteRows, lengths: Int32s, table: Words) -> int:
    """Enter every row with a length into an all-zero table of 2**k slots, at least twice as many; how many they are."""
    last = table.size - 1
    stride = records.shape[1]
    base = records.ctypes.data + STAMP_BYTES
    entered = 0
    for row in range(lengths.size):
        length = lengths[row]
        if length == 0:
            continue
        name = base + row * stride
        hashed = _U(0)
        at = 0
        while at < length:
            # The record is zero-padded, so its last word is already masked.
            hashed = mix(hashed, load_word(name + at))
            at += 8
        hashed = finish(hashed, length)
        slot = np.int64(hashed & _U(last))
        while table[slot] != _U(0):
            slot = (slot + 1) & last
        table[slot] = (hashed & _HASH_BITS) | _U(row + 1)
        entered += 1
    return entered


def _find(name: Any, length: Any, hashed: Any, table: Words, base: Any, stride: Any) -> Any:
    last = table.size - 1
    slot = np.int64(hashed & _U(last))
    while True:
        entry = table[slot]
        if entry == _U(0):
            return -1
        if (entry ^ hashed) & _HASH_BITS == _U(0):
            row = np.int64(entry & _ROW_BITS) - 1
            record = base + row * stride + STAMP_BYTES
            at = 0
            while at + 8 <= length and load_word(record + at) == load_word(name + at):
                at += 8
            # Zero-padded: a record that goes on where the name ends is another name.
            if at + 8 > length and load_word(record + at) == load_word(name + at) & low_bytes(length - at):
                return row
        slot = (slot + 1) & last


def _stands(name: Any, row: Any, lengths: Int32s, known: Any, stride: Any) -> Any:
    """Whether the row's name stands at the address `name`, up to a quote."""
    length = np.int64(lengths[row])
    if length == 0:
        return False
    record = known + row * stride + STAMP_BYTES
    at = 0
    while at + 8 <= length:
        if load_word(record + at) != load_word(name + at):
            return False
        at += 8
    # The quote behind the name is compared with its last bytes.
    rest = _U(8) * _U(length - at)
    wanted = load_word(record + at) | (_U(_QUOTE) << rest)
    return (wanted ^ load_word(name + at)) << (_U(56) - rest) == _U(0)


def guess(name: Any, before: Any, lengths: Int32s, follows: Int32s, known: Any, stride: Any) -> Any:
    """The row of the name at this address if it follows `before` as in an earlier request, else -1; also if one that
    stood between them has dropped out."""
    row = np.int64(follows[before])
    if _stands(name, row, lengths, known, stride):
        return row
    row = np.int64(follows[row + 1])
    return row if _stands(name, row, lengths, known, stride) else np.int64(-1)


def look_up(name: Any, room: Any, table: Words, known: Any, stride: Any) -> Any:
    """The row of the name at this address, before a quote that follows within `room` bytes; else -1."""
    length = _length(name, room)
    return np.int64(-1) if length < 0 else np.int64(_find(name, length, _hashed(name, length), table, known, stride))


def _foresee(
    text: Bytes,
    end: int,
    table: Words,
    records: ByteRows,
    lengths: Int32s,
    follows: Int32s,
    rows: Int32s,
    starts: Int64s,
    stamp: int,
) -> int:
    """Fill `starts` and `rows` for names before `end` as long as most of them follow as they did before; their number,
    or NOT_PLAIN. `starts` behind the last one is where to go on: behind its comma, or behind the closing bracket."""
    base, known, stride = text.ctypes.data, records.ctypes.data, records.shape[1]
    surprises = 0
    count = 0
    at: Any = np.int64(0)
    before: Any = np.int64(0)
    while surprises <= _SURPRISES + count // 4:
        if at >= end or count + 1 >= starts.size or text[at] != _QUOTE:
            return NOT_PLAIN
        name = base + at + 1
        row = guess(name, before, lengths, follows, known, stride)
        if row < 0:
            surprises += 1
            row = look_up(name, end - at, table, known, stride)
        if row < 0 or load_word(known + row * stride) == _U(stamp):
            return NOT_PLAIN
        store_word(known + row * stride, _U(stamp))
        follows[before] = row
        rows[count] = row
        starts[count] = at
        count += 1
        before = row + 1
        at += np.int64(lengths[row]) + 2
        if at == end:
            starts[count] = end + 1
            return count
        if at > end or text[at] != _COMMA:
            return NOT_PLAIN
        at += 1
    starts[count] = at
    return count


def _length(name: Any, room: Any) -> Any:
    """Bytes before the next quote; -1 if there is none within `room`, or a word behind it."""
    here: Any = np.int64(0)
    while here < room:
        flipped = load_word(name + here) ^ _QUOTES
        found = (flipped - _ONES) & ~flipped & _HIGHS
        if found != _U(0):
            return here + np.int64(trailing_zeros(found) >> _U(3))
        here += 8
    return np.int64(-1)


def _hashed(name: Any, length: Any) -> Any:
    hashed = _U(0)
    at = 0
    while at + 8 <= length:
        hashed = mix(hashed, load_word(name + at))
        at += 8
    if at < length:
        hashed = mix(hashed, load_word(name + at) & low_bytes(length - at))
    return finish(hashed, length)


def _split(text: Bytes, begin: Any, end: int, starts: Int64s, hashes: Words, count: int) -> int:
    """Fill `starts` and `hashes` from `count` on, for the names from `begin` to `end`, the offset of the closing
    bracket; the number of all."""
    base = text.ctypes.data
    at = begin
    while True:
        if at >= end or count + 1 >= starts.size or text[at] != _QUOTE:
            return NOT_PLAIN
        here = first = at + 1
        hashed = _U(0)
        while True:
            word = load_word(base + here)
            flipped = word ^ _QUOTES
            found = (flipped - _ONES) & ~flipped & _HIGHS
            if found != _U(0):
                break
            hashed = mix(hashed, word)
            here += 8
            if here >= end:
                return NOT_PLAIN
        rest: Any = np.int64(trailing_zeros(found) >> _U(3))
        if rest != 0:
            hashed = mix(hashed, word & low_bytes(rest))
        hashes[count] = finish(hashed, here - first + rest)
        starts[count] = at
        count += 1
        at = here + rest + 1
        if at == end:
            starts[count] = end + 1
            return count
        if at > end or text[at] != _COMMA:
            return NOT_PLAIN
        at += 1


@native
def scan_names(
    text: Bytes,
    table: Words,
    records: ByteRows,
    lengths: Int32s,
    follows: Int32s,
    rows: Int32s,
    starts: Int64s,
    hashes: Words,
    source: int,
    size: int,
    stamp: int,
) -> int:
    """The number of names, or NOT_PLAIN. Copies `size` bytes from the address `source` to `text`; fills `rows` and
    `starts` (offset of each opening quote; behind the last one, the offset after the closing bracket, so that name i
    with its quotes ends at starts[i + 1] - 1).

    The bytes begin with the first quote and must end with `]}` right after the last name. Where names come in another
    order than before, two passes beat one by about two: the first splits and hashes (sequential), the second looks up
    (independent, so cache misses overlap).
    """
    copy_bytes(text.ctypes.data, source, size)
    end = size - 2
    if end < 0 or text[end] != _CLOSE_LIST or text[end + 1] != _CLOSE_MAP:
        return NOT_PLAIN
    if end == 0:
        starts[0] = 1
        return 0
    foreseen = _foresee(text, end, table, records, lengths, follows, rows, starts, stamp)
    if foreseen < 0 or starts[foreseen] > end:
        return foreseen
    count = _split(text, starts[foreseen], end, starts, hashes, foreseen)
    base, known, stride = text.ctypes.data, records.ctypes.data, records.shape[1]
    before = np.int64(rows[foreseen - 1]) + 1
    for i in range(foreseen, count):
        first = starts[i] + 1
        row = _find(base + first, starts[i + 1] - first - 2, hashes[i], table, known, stride)
        if row < 0 or load_word(known + row * stride) == _U(stamp):
            return NOT_PLAIN
        store_word(known + row * stride, _U(stamp))
        rows[i] = row
        follows[before] = row
        before = row + 1
    return count


@native
def keep_feasible(text: Bytes, starts: Int64s, rows: Int32s, codes: Int16s, source: int, count: int) -> int:
    """Leave only what has code 0 in `rows` and `starts`, as if only these names had been sent; their number. Their text
    is copied from the address `source`."""
    kept = 0
    at: Any = np.int64(0)
    for i in range(count):
        length = starts[i + 1] - starts[i]
        if codes[i] == 0:
            rows[kept] = rows[i]
            starts[kept] = at
            at += length
            kept += 1
    starts[kept] = at
    copy_bytes(text.ctypes.data, source, at)
    return kept


# --- answers


def _copy_words(target: Any, source: Any, count: Any) -> None:
    at = 0
    while at < count:
        store_word(target + at, load_word(source + at))
        at += 8


def _write_feasible(text: Bytes, starts: Int64s, count: int, codes: Any, out: Bytes, begin: int) -> Any:
    """The names with code 0, with quotes and commas, copied as runs; returns the offset behind them."""
    at = begin
    source, target = text.ctypes.data, out.ctypes.data
    i = 0
    while i < count:
        if codes[i] != 0:
            i += 1
            continue
        first = i
        while i < count and codes[i] == 0:
            i += 1
        length = starts[i] - starts[first]
        copy_bytes(target + at, source + starts[first], length)
        at += length
        # Each run ends with the byte behind its last name: a comma, or the closing bracket.
        out[at - 1] = _COMMA
    return at - 1 if at > begin else at


def _write_rejected(
    text: Bytes,
    starts: Int64s,
    count: int,
    codes: Any,
    place: Bytes,
    wanted: int,
    reasons: Bytes,
    offsets: Int64s,
    out: Bytes,
    begin: int,
) -> Any:
    """`"name":"reason"` for every code k with place[k] = wanted; returns the offset behind them.

    reasons[offsets[k]:offsets[k + 1]] is the k-th reason with its colon and quotes.
    """
    at = begin
    source, target, said = text.ctypes.data, out.ctypes.data, reasons.ctypes.data
    for i in range(count):
        code = codes[i]
        if place[code] != wanted:
            continue
        length = starts[i + 1] - 1 - starts[i]
        _copy_words(target + at, source + starts[i], length)
        at += length
        length = offsets[code + 1] - offsets[code]
        _copy_words(target + at, said + offsets[code], length)
        at += length
        out[at] = _COMMA
        at += 1
    return at - 1 if at > begin else at


def _put(pieces: Bytes, ends: Int64s, which: int, out: Bytes, at: int) -> Any:
    begin = ends[which - 1] if which else 0
    length = ends[which] - begin
    copy_bytes(out.ctypes.data + at, pieces.ctypes.data + begin, length)
    return at + length


@native
def write_filter(
    text: Bytes,
    starts: Int64s,
    codes: Int16s,
    place: Bytes,
    reasons: Bytes,
    offsets: Int64s,
    pieces: Bytes,
    ends: Int64s,
    out: Bytes,
    count: int,
) -> int:
    """The whole filter answer; returns its length, or BAD_CODE.

    place[k] says where nodes with code k stand: FEASIBLE, FAILED or LOST. The four constant pieces of the answer
    stand in `pieces`, the k-th up to ends[k].
    """
    for i in range(count):
        if codes[i] < 0 or codes[i] >= place.size:
            return BAD_CODE
    at = _put(pieces, ends, 0, out, 0)
    at = _write_feasible(text, starts, count, codes, out, at)
    at = _put(pieces, ends, 1, out, at)
    if place.size > 1:
        at = _write_rejected(text, starts, count, codes, place, FAILED, reasons, offsets, out, at)
    at = _put(pieces, ends, 2, out, at)
    if place.size > 1:
        at = _write_rejected(text, starts, count, codes, place, LOST, reasons, offsets, out, at)
    return int(_put(pieces, ends, 3, out, at))


@native
def write_scores(text: Bytes, starts: Int64s, totals: Int64s, out: Bytes, count: int, least: int) -> int:
    """The whole prioritize answer, without totals below `least`; returns its length."""
    source, target = text.ctypes.data, out.ctypes.data
    out[0] = _OPEN_LIST
    at = 1
    for i in range(count):
        total = totals[i]
        if total < least:
            continue
        store_word(target + at, _HOST_WORD)
        at += 8
        length = starts[i + 1] - 1 - starts[i]
        _copy_words(target + at, source + starts[i], length)
        at += length
        store_word(target + at, _SCORE_WORD)
        out[at + 8] = _COLON
        at += 9
        if total < 0:
            out[at] = _MINUS
            at += 1
            # The smallest int64 has no positive twin: step over it.
            left = _U(-(total + 1)) + _U(1)
        else:
            left = _U(total)
        digits = 1
        higher = left // _U(10)
        while higher != _U(0):
            digits += 1
            higher //= _U(10)
        for place in range(at + digits - 1, at - 1, -1):
            out[place] = np.uint8(_ZERO + np.int64(left % _U(10)))
            left //= _U(10)
        at += digits
        out[at] = _CLOSE_MAP
        out[at + 1] = _COMMA
        at += 2
    if at > 1:
        at -= 1
    out[at] = _CLOSE_LIST
    return at + 1
