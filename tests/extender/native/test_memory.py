"""The words of memory, compiled, do what their plain Python does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.native.folders import Folders
from extender.native.function import Family
from extender.native.kinds import Bytes, Words
from extender.native.library import load
from extender.native.memory import copy_bytes, load_word, store_word, trailing_zeros

native = Family()


@native
def loaded_at(buffer: Bytes, at: int, out: Words) -> int:
    out[0] = load_word(buffer.ctypes.data + at)
    return 0


@native
def stored_at(buffer: Bytes, at: int, words: Words) -> int:
    store_word(buffer.ctypes.data + at, words[0])
    return 0


@native
def copied(buffer: Bytes, target: int, source: int, count: int) -> int:
    copy_bytes(buffer.ctypes.data + target, buffer.ctypes.data + source, count)
    return 0


@native
def zeros(words: Words) -> int:
    return int(trailing_zeros(words[0]))


@pytest.fixture(autouse=True, scope="module")
def _compiled(kernels: Path) -> None:
    load(native, Folders(kernels))


BUFFER = st.binary(min_size=24, max_size=24)
WORD = st.integers(0, 2**64 - 1)


@given(BUFFER, st.integers(0, 16))
def test_a_word_is_loaded_from_any_address_little_end_first(raw: bytes, at: int) -> None:
    buffer, compiled, plain = np.frombuffer(raw, np.uint8).copy(), np.zeros(1, np.uint64), np.zeros(1, np.uint64)
    loaded_at(buffer, at, compiled)
    loaded_at.py_func(buffer, at, plain)
    assert compiled[0] == plain[0] == int.from_bytes(raw[at : at + 8], "little")


@given(BUFFER, st.integers(0, 16), WORD)
def test_a_word_is_stored_where_it_is_told_and_nowhere_else(raw: bytes, at: int, word: int) -> None:
    compiled, plain = np.frombuffer(raw, np.uint8).copy(), np.frombuffer(raw, np.uint8).copy()
    stored_at(compiled, at, np.array([word], np.uint64))
    stored_at.py_func(plain, at, np.array([word], np.uint64))
    assert compiled.tobytes() == plain.tobytes() == raw[:at] + word.to_bytes(8, "little") + raw[at + 8 :]


@given(BUFFER, st.integers(0, 8))
def test_bytes_are_copied(raw: bytes, count: int) -> None:
    compiled, plain = np.frombuffer(raw, np.uint8).copy(), np.frombuffer(raw, np.uint8).copy()
    copied(compiled, 0, 12, count)
    copied.py_func(plain, 0, 12, count)
    assert compiled.tobytes() == plain.tobytes() == raw[12 : 12 + count] + raw[count:]


@given(st.integers(0, 63), WORD)
def test_trailing_zeros_are_counted(at: int, above: int) -> None:
    word = np.array([((above << 1 | 1) << at) % 2**64], np.uint64)
    assert zeros(word) == zeros.py_func(word) == at
