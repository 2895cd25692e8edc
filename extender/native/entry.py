"""The entry of a native function: one argument block in, one int64 out. Only the process that compiles imports this.

    block[0]   address of the type numpy.ndarray
    block[k]   an array's object (its id), an int64, the bits of a float64, 0 or 1; order: kinds.slots_of

An array is read where numpy keeps it: behind the object's head stand data, nd, dimensions, strides, base, descr and
flags, and in descr, behind its head and a pointer, kind, type, byteorder, flags and type_num. numpy's own macros put
these offsets into every extension module, so they do not move. All arrays are checked before anything runs: what does
not fit its Kind answers WRONG_ARGUMENT + its position, and the function has done nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.np import arrayobj

from extender.native.kinds import RAISED, WRONG_ARGUMENT, Kind, slots_of

_I8, _I32, _I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)
_HEAD = object.__basicsize__
_TYPE = _HEAD - 8
_DATA, _ND, _SHAPE, _DESCR, _FLAGS = _HEAD, _HEAD + 8, _HEAD + 16, _HEAD + 40, _HEAD + 48
_BYTE_ORDER, _TYPE_NUMBER = _HEAD + 10, _HEAD + 12
_IS_ALIGNED_C, _IS_WRITABLE = 0x101, 0x400
_populate: Any = arrayobj.populate_array
_NATIVE_ORDER = (ord("="), ord("|"))


def numba_type(kind: Kind) -> Any:
    """numba's type of a parameter; numba has no annotations."""
    element = types.boolean if kind.element == "bool" else getattr(types, kind.element)
    if not kind.dimensions:
        return element
    return types.Array(element, kind.dimensions, "C", readonly=not kind.is_written)


def with_entry(compiled: Any, symbol: str, kinds: tuple[Kind, ...]) -> Any:
    """numba's code library of the compiled function behind an entry of this name, optimised as one."""
    context = compiled.target_context
    library = context.codegen().create_library(symbol)
    module = library.create_ir_module(symbol)
    function = ir.Function(module, ir.FunctionType(_I64, [_I64.as_pointer()]), symbol)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    block = builder.ptrtoint(function.args[0], _I64)
    ndarray = _field(builder, block, 0, _I64)
    given = []
    for position, (kind, slot) in enumerate(zip(kinds, slots_of(kinds), strict=True)):
        word = _field(builder, block, 8 * slot, _I64)
        if kind.dimensions:
            _check(builder, word, kind, ndarray, position)
            given.append(_array(context, builder, word, kind))
        elif kind.element == "float64":
            given.append(builder.bitcast(word, ir.DoubleType()))
        elif kind.element == "bool":
            given.append(builder.icmp_unsigned("!=", word, _I64(0)))
        else:
            given.append(word)
    native = compiled.fndesc
    callee = context.declare_function(module, native)
    status, answer = context.call_conv.call_function(builder, callee, native.restype, native.argtypes, given)
    with builder.if_then(status.is_error, likely=False):
        builder.ret(_I64(RAISED))
    builder.ret(answer)
    library.add_ir_module(module)
    library.add_linking_library(compiled.library)
    library.finalize()
    return library


def _field(builder: Any, base: Any, offset: int, kind: Any) -> Any:
    address = builder.add(base, _I64(offset))
    return builder.load(builder.inttoptr(address, kind.as_pointer()))


def _check(builder: Any, array: Any, kind: Kind, ndarray: Any, position: int) -> None:
    wrong = _I64(WRONG_ARGUMENT + position)
    # Only what is an array has the fields that are asked for next.
    with builder.if_then(builder.icmp_unsigned("!=", _field(builder, array, _TYPE, _I64), ndarray), likely=False):
        builder.ret(wrong)
    needed = _I32(_IS_ALIGNED_C | (_IS_WRITABLE if kind.is_written else 0))
    descr = _field(builder, array, _DESCR, _I64)
    order = _field(builder, descr, _BYTE_ORDER, _I8)
    fits = [
        builder.icmp_unsigned("==", _field(builder, array, _ND, _I32), _I32(kind.dimensions)),
        builder.icmp_unsigned("==", builder.and_(_field(builder, array, _FLAGS, _I32), needed), needed),
        builder.icmp_unsigned("==", _field(builder, descr, _TYPE_NUMBER, _I32), _I32(np.dtype(kind.element).num)),
        builder.or_(*(builder.icmp_unsigned("==", order, _I8(native)) for native in _NATIVE_ORDER)),
    ]
    all_fit = fits[0]
    for fit in fits[1:]:
        all_fit = builder.and_(all_fit, fit)
    with builder.if_then(builder.not_(all_fit), likely=False):
        builder.ret(wrong)


def _array(context: Any, builder: Any, array: Any, kind: Kind) -> Any:
    """numba's array value; nobody counts references to it, because the caller holds the object."""
    value = context.make_array(numba_type(kind))(context, builder)
    item = context.get_data_type(numba_type(kind).dtype)
    size = np.dtype(kind.element).itemsize
    dimensions = _field(builder, array, _SHAPE, _I64)
    shape = [_field(builder, dimensions, 8 * axis, _I64) for axis in range(kind.dimensions)]
    strides = [_I64(size)]
    for length in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], length))
    data = builder.inttoptr(_field(builder, array, _DATA, _I64), item.as_pointer())
    _populate(value, data=data, shape=shape, strides=strides, itemsize=_I64(size), meminfo=None)
    return value._getvalue()  # noqa: SLF001 - numba's own name for it
