"""Memory one word at a time, for native functions: addresses are integers.

Compiled, each of these is one instruction (intrinsics.py); as written here they do the same through ctypes, slowly.
"""

from __future__ import annotations

import ctypes

import numpy as np

_BYTES_HEAD = bytes.__basicsize__ - 1


def load_word(address: int) -> np.uint64:
    """Eight bytes, little end first; the address need not be aligned."""
    return np.uint64(int.from_bytes(ctypes.string_at(int(address), 8), "little"))


def bytes_address(text: bytes) -> int:
    """Where CPython keeps them: behind the head of the object. Good while `text` is alive."""
    return id(text) + _BYTES_HEAD


def load_byte(address: int) -> int:
    return ctypes.string_at(int(address), 1)[0]


def bytes_equal(address: int, byte: int) -> np.uint64:
    """Which of the 64 bytes from there on are `byte`: 64 bits, the lowest for the first."""
    found = ctypes.string_at(int(address), 64)
    return np.uint64(sum(1 << place for place, one in enumerate(found) if one == byte))


def count_ones(word: np.uint64) -> int:
    return int(word).bit_count()


def store_word(address: int, word: np.uint64) -> None:
    ctypes.memmove(int(address), int(word).to_bytes(8, "little"), 8)


def copy_bytes(target: int, source: int, count: int) -> None:
    """The two must not overlap."""
    ctypes.memmove(int(target), int(source), int(count))


def trailing_zeros(word: np.uint64) -> np.uint64:
    """Of a word that is not 0."""
    return np.uint64((int(word) & -int(word)).bit_length() - 1)
