"""What memory.py says, as numba intrinsics. Only the process that compiles imports this."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_memcpy: Any = cgutils.raw_memcpy


def _load_word(_typing: Any, _address: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        word = builder.load(builder.inttoptr(given[0], ir.IntType(64).as_pointer()))
        word.align = 1
        return word

    return types.uint64(types.int64), generate


def _load_byte(_typing: Any, _address: Any) -> Any:
    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        byte = builder.load(builder.inttoptr(given[0], ir.IntType(8).as_pointer()))
        return context.cast(builder, byte, types.uint8, types.int64)

    return types.int64(types.int64), generate


def _bytes_equal(_typing: Any, _address: Any, _byte: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        block = ir.VectorType(ir.IntType(8), 64)
        loaded = builder.load(builder.inttoptr(given[0], block.as_pointer()))
        loaded.align = 1
        undefined = ir.Constant(block, ir.Undefined)
        first = builder.insert_element(undefined, builder.trunc(given[1], ir.IntType(8)), ir.IntType(32)(0))
        every = builder.shuffle_vector(first, undefined, ir.VectorType(ir.IntType(32), 64)([0] * 64))
        return builder.bitcast(builder.icmp_unsigned("==", loaded, every), ir.IntType(64))

    return types.uint64(types.int64, types.int64), generate


def _count_ones(_typing: Any, _word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.ctpop(given[0])

    return types.int64(types.uint64), generate


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


INTRINSICS: dict[str, Any] = {
    "load_word": intrinsic(_load_word),
    "load_byte": intrinsic(_load_byte),
    "bytes_equal": intrinsic(_bytes_equal),
    "count_ones": intrinsic(_count_ones),
    "store_word": intrinsic(_store_word),
    "copy_bytes": intrinsic(_copy_bytes),
    "trailing_zeros": intrinsic(_trailing_zeros),
}
