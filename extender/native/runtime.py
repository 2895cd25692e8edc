"""What compiled code asks numba's own C library for, written anew on the C library's functions.

Arrays that a function makes for itself (np.empty, np.arange) live in memory of malloc behind numba's head of five
words: count of references, destructor, its argument, data, size. Only arrays of numbers are made so, hence no
destructor. Only the process that compiles imports this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from llvmlite import binding, ir

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_POINTER = ir.IntType(8).as_pointer()
_DOUBLE = ir.DoubleType()
_HEAD_BYTES = 48
_DATA, _SIZE = 24, 32
_ALIGNMENT = 16
_WORDS = "__excinfo_unwrap_args"
_WORDS_OF_EXCEPTIONS = re.compile(
    rf"^define [^\n]*?(ptr|i8\*) (@{_WORDS}\w+)\([^\n]*\{{\n.*?^\}}\n", re.DOTALL | re.MULTILINE
)


def supply(module: Any, names: Iterable[str]) -> None:
    """Define those of these functions that are known here."""
    known = {name: define for name in names if (define := _definition(name))}
    if known:
        made = ir.Module("runtime")
        made.triple = module.triple
        made.data_layout = module.data_layout
        for name, define in known.items():
            define(made, name)
        module.link_in(binding.parse_assembly(str(made)))


def without_messages(text: str) -> str:
    """Assembly of a module whose exceptions do not say what they were about.

    numba makes their words with the interpreter, in functions that only its own wrapper calls, and we have none.
    """
    return _WORDS_OF_EXCEPTIONS.sub(r"declare \1 \2(\1)\n", text)


def _definition(name: str) -> Callable[[ir.Module, str], None] | None:
    return _nothing if name.startswith(_WORDS) else _SUPPLIED.get(name)


def _nothing(module: ir.Module, name: str) -> None:
    _function, builder = _begun(module, name, _POINTER, [_POINTER])
    builder.ret(_POINTER(None))


def _free(module: ir.Module, name: str) -> None:
    function, builder = _begun(module, name, ir.VoidType(), [_POINTER])
    builder.call(_outside(module, "free", ir.VoidType(), [_POINTER]), function.args)
    builder.ret_void()


def _allocate(module: ir.Module, name: str) -> None:
    function, builder = _begun(module, name, _POINTER, [_I64])
    _allocated(module, builder, function.args[0], _I64(_ALIGNMENT))


def _allocate_aligned(module: ir.Module, name: str) -> None:
    function, builder = _begun(module, name, _POINTER, [_I64, _I32])
    _allocated(module, builder, function.args[0], builder.zext(function.args[1], _I64))


def _allocate_plain(module: ir.Module, name: str) -> None:
    """Room for what an exception says; nobody reads it here."""
    function, builder = _begun(module, name, _POINTER, [_I64])
    builder.ret(builder.call(_outside(module, "malloc", _POINTER, [_I64]), function.args))


def _allocated(module: ir.Module, builder: Any, size: Any, alignment: Any) -> None:
    """A head with one reference and data behind it, or null, on which numba raises MemoryError."""
    room = builder.add(builder.add(size, alignment), _I64(_HEAD_BYTES))
    head = builder.call(_outside(module, "malloc", _POINTER, [_I64]), [room])
    with builder.if_then(builder.icmp_unsigned("==", head, _POINTER(None)), likely=False):
        builder.ret(head)
    start = builder.ptrtoint(head, _I64)
    last = builder.sub(alignment, _I64(1))
    data = builder.and_(builder.add(builder.add(start, _I64(_HEAD_BYTES)), last), builder.not_(last))
    for offset, word in ((0, _I64(1)), (8, _I64(0)), (16, _I64(0)), (_DATA, data), (_SIZE, size), (40, _I64(0))):
        builder.store(word, builder.inttoptr(builder.add(start, _I64(offset)), _I64.as_pointer()))
    builder.ret(head)


def _as_c(there: str) -> Callable[[ir.Module, str], None]:
    """float64 -> float64 under another name. Of gamma's few last bits the two may disagree."""

    def define(module: ir.Module, name: str) -> None:
        function, builder = _begun(module, name, _DOUBLE, [_DOUBLE])
        builder.ret(builder.call(_outside(module, there, _DOUBLE, [_DOUBLE]), function.args))

    return define


def _begun(module: ir.Module, name: str, answer: Any, takes: list[Any]) -> tuple[Any, Any]:
    function = ir.Function(module, ir.FunctionType(answer, takes), name)
    return function, ir.IRBuilder(function.append_basic_block())


def _outside(module: ir.Module, name: str, answer: Any, takes: list[Any]) -> Any:
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(answer, takes), name)


_SUPPLIED: dict[str, Callable[[ir.Module, str], None]] = {
    "NRT_Allocate": _allocate_plain,
    "NRT_Free": _free,
    "NRT_MemInfo_call_dtor": _free,
    "NRT_MemInfo_alloc": _allocate,
    "NRT_MemInfo_alloc_safe": _allocate,
    "NRT_MemInfo_alloc_aligned": _allocate_aligned,
    "NRT_MemInfo_alloc_safe_aligned": _allocate_aligned,
    "numba_gamma": _as_c("tgamma"),
    "numba_lgamma": _as_c("lgamma"),
}
