"""The compiled byte work: find names in a hash table while scanning them, write answers.

One file, because numba's disk cache watches only the file in which a function stands: a helper next door could
change without its callers being compiled again.

A *text* is the part of a request from the first name of NodeNames to the end of the body, in a buffer with
PADDING bytes to spare: names are read eight bytes at a time and may be read (never matched) past their end. Buffers
that are written have the same room, since copies move whole words.

The name table has one word per slot: the upper 40 bits of the name's hash, the lower 24 its row + 1; 0 is free.
The names themselves stand in `records`, one line per row, zero-padded to whole words, their lengths in `lengths`.
Only names that need no escape are in it, so a match proves that the bytes between two quotes are a plain name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import config as numba_config
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

Function = TypeVar("Function", bound=Callable[..., Any])
Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Int32s = NDArray[np.int32]
Int64s = NDArray[np.int64]

PADDING = 16
"""Spare bytes behind every buffer that the functions here read or write."""
ROWS_MAX = (1 << 24) - 2
"""Rows that a slot of the name table can number."""

_settings: Any = numba_config
COMPILED: bool = not _settings.DISABLE_JIT
"""False under NUMBA_DISABLE_JIT: these functions work on addresses and cannot run as Python."""

NOT_PLAIN = -1
"""The names are not a compact array of known names, each once."""
BAD_CODE = -2
"""A verdict names a reason that does not exist."""


def _compiled(function: Function) -> Function:
    options: dict[str, Any] = {"boundscheck": False, "error_model": "numpy"}
    try:
        return cast("Function", njit(cache=True, **options)(function))
    except RuntimeError:
        # No folder for the cache can be written: slower to start, else the same.
        return cast("Function", njit(**options)(function))


# --- memory, one word at a time; addresses are integers

_memcpy: Any = cgutils.raw_memcpy


def _load_word(_typing: Any, _address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        word = builder.load(builder.inttoptr(given[0], ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    return types.uint64(types.int64), generate


def _store_word(_typing: Any, _address: Any, _word: Any) -> Any:
    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        stored = builder.store(given[1], builder.inttoptr(given[0], ir.IntType(64).as_pointer()))
        stored.align = 1
        return context.get_dummy_value()

    return types.void(types.int64, types.uint64), generate


def _copy_bytes(_typing: Any, _target: Any, _source: Any, _count: Any) -> Any:
    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        pointer = ir.IntType(8).as_pointer()
        to, origin = builder.inttoptr(given[0], pointer), builder.inttoptr(given[1], pointer)
        _memcpy(builder, to, origin, given[2], 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate


def _trailing_zeros(_typing: Any, _word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.cttz(given[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


load_word: Any = intrinsic(_load_word)
store_word: Any = intrinsic(_store_word)
copy_bytes: Any = intrinsic(_copy_bytes)
trailing_zeros: Any = intrinsic(_trailing_zeros)

_U = np.uint64
_ONES, _HIGHS = _U(0x0101010101010101), _U(0x8080808080808080)
_QUOTES = _U(0x2222222222222222)
_ODD_1, _ODD_2 = _U(0x9E3779B97F4A7C15), _U(0xBF58476D1CE4E5B9)
_HASH_BITS = _U(0xFFFFFFFFFF000000)
_ROW_BITS = _U(0xFFFFFF)
_HOST_WORD = _U(int.from_bytes(b'{"Host":', "little"))
_SCORE_WORD = _U(int.from_bytes(b',"Score"', "little"))
_QUOTE, _COMMA, _COLON, _CLOSE_LIST, _OPEN_LIST, _CLOSE_MAP, _MINUS, _ZERO = 34, 44, 58, 93, 91, 125, 45, 48


@_compiled
def _mix(hashed: Any, word: Any) -> Any:
    hashed = (hashed ^ word) * _ODD_1
    return hashed ^ (hashed >> _U(29))


@_compiled
def _finish(hashed: Any, length: Any) -> Any:
    hashed = hashed ^ (_U(length) * _ODD_2)
    hashed = (hashed ^ (hashed >> _U(32))) * _ODD_2
    return hashed ^ (hashed >> _U(31))


@_compiled
def _low_bytes(count: Any) -> Any:
    """A mask of the first `count` (0..7) bytes of a word."""
    return (_U(1) << (_U(8) * _U(count))) - _U(1)


# --- the name table


@_compiled
def fill_table(records: Bytes, lengths: Int32s, table: Words) -> None:
    """Enter every row with a length into an all-zero table of 2**k slots, at least twice as many as rows."""
    last = table.size - 1
    stride = records.shape[1]
    base = records.ctypes.data
    for row in range(lengths.size):
        length = lengths[row]
        if length == 0:
            continue
        name = base + row * stride
        hashed = _U(0)
        at = 0
        while at < length:
            # The record is zero-padded, so its last word is already masked.
            hashed = _mix(hashed, load_word(name + at))
            at += 8
        hashed = _finish(hashed, length)
        slot = np.int64(hashed & _U(last))
        while table[slot] != _U(0):
            slot = (slot + 1) & last
        table[slot] = (hashed & _HASH_BITS) | _U(row + 1)


@_compiled
def _find(name: Any, length: Any, hashed: Any, table: Words, base: Any, stride: Any, lengths: Int32s) -> Any:
    last = table.size - 1
    slot = np.int64(hashed & _U(last))
    while True:
        entry = table[slot]
        if entry == _U(0):
            return -1
        if (entry ^ hashed) & _HASH_BITS == _U(0):
            row = np.int64(entry & _ROW_BITS) - 1
            if lengths[row] == length:
                record = base + row * stride
                at = 0
                while at + 8 <= length and load_word(record + at) == load_word(name + at):
                    at += 8
                if at + 8 > length:
                    differing = load_word(record + at) ^ load_word(name + at)
                    if differing & _low_bytes(length - at) == _U(0):
                        return row
        slot = (slot + 1) & last


@_compiled
def _split(text: Bytes, end: int, starts: Int64s, hashes: Words) -> int:
    """Fill `starts` and `hashes` for the names before `end`, the offset of the closing bracket; their number."""
    base = text.ctypes.data
    count = 0
    at = 0
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
            hashed = _mix(hashed, word)
            here += 8
            if here >= end:
                return NOT_PLAIN
        rest: Any = np.int64(trailing_zeros(found) >> _U(3))
        if rest != 0:
            hashed = _mix(hashed, word & _low_bytes(rest))
        hashes[count] = _finish(hashed, here - first + rest)
        starts[count] = at
        count += 1
        at = here + rest + 1
        if at == end:
            starts[count] = end + 1
            return count
        if at > end or text[at] != _COMMA:
            return NOT_PLAIN
        at += 1


@_compiled
def scan_names(
    text: Bytes,
    size: int,
    table: Words,
    records: Bytes,
    lengths: Int32s,
    seen: Int64s,
    stamp: int,
    rows: Int32s,
    starts: Int64s,
    hashes: Words,
) -> int:
    """The number of names, or NOT_PLAIN. Fills `rows` and `starts` (offset of each opening quote; behind the last
    one, the offset after the closing bracket, so that name i with its quotes ends at starts[i + 1] - 1).

    `text` holds `size` bytes from the first quote on and must end with `]}` right after the last name. Two passes beat
    one by about two: the first splits and hashes (sequential), the second looks up (independent, so cache misses
    overlap).
    """
    end = size - 2
    if end < 0 or text[end] != _CLOSE_LIST or text[end + 1] != _CLOSE_MAP:
        return NOT_PLAIN
    if end == 0:
        starts[0] = 1
        return 0
    count = _split(text, end, starts, hashes)
    base, names, stride = text.ctypes.data, records.ctypes.data, records.shape[1]
    for i in range(count):
        first = starts[i] + 1
        row = _find(base + first, starts[i + 1] - first - 2, hashes[i], table, names, stride, lengths)
        if row < 0 or seen[row] == stamp:
            return NOT_PLAIN
        seen[row] = stamp
        rows[i] = row
    return count


# --- answers


@_compiled
def _copy_words(target: Any, source: Any, count: Any) -> None:
    at = 0
    while at < count:
        store_word(target + at, load_word(source + at))
        at += 8


@_compiled
def write_feasible(text: Bytes, starts: Int64s, count: int, codes: Any, out: Bytes, begin: int) -> Any:
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


@_compiled
def write_rejected(
    text: Bytes,
    starts: Int64s,
    count: int,
    codes: Any,
    listed: Bytes,
    reasons: Bytes,
    offsets: Int64s,
    out: Bytes,
    begin: int,
) -> int:
    """`"name":"reason"` for every code k with listed[k] = 1; returns the offset behind them, or BAD_CODE.

    reasons[offsets[k]:offsets[k + 1]] is the k-th reason with its colon and quotes.
    """
    at = begin
    source, target, said = text.ctypes.data, out.ctypes.data, reasons.ctypes.data
    for i in range(count):
        code = codes[i]
        if code == 0:
            continue
        if code < 0 or code >= listed.size:
            return BAD_CODE
        if listed[code] == 0:
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


@_compiled
def write_scores(text: Bytes, starts: Int64s, count: int, totals: Int64s, out: Bytes) -> int:
    """The whole prioritize answer; returns its length."""
    source, target = text.ctypes.data, out.ctypes.data
    out[0] = _OPEN_LIST
    at = 1
    for i in range(count):
        store_word(target + at, _HOST_WORD)
        at += 8
        length = starts[i + 1] - 1 - starts[i]
        _copy_words(target + at, source + starts[i], length)
        at += length
        store_word(target + at, _SCORE_WORD)
        out[at + 8] = _COLON
        at += 9
        total = totals[i]
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
    if count:
        at -= 1
    out[at] = _CLOSE_LIST
    return at + 1
