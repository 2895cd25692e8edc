"""The process that compiles: jobs on standard input, objects on standard output. Nothing else imports numba.

    python -m extender.native.build <pickled tuple[Job, ...]> -> pickled {digest: object code, or why there is none}

The environment names the CPU that numba compiles for (making.py), so what comes out runs on every machine of the
architecture. Each object defines one symbol and keeps all else to itself: numba numbers functions per process, so the
same name may mean different code in two objects.
"""

from __future__ import annotations

import ctypes
import importlib
import marshal
import os
import pickle
import re
import sys
import types
from typing import Any

from llvmlite import binding
from numba import njit
from numba.core import compiler, dispatcher
from numba.core import types as numba_types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.errors import NumbaError
from numba.core.registry import cpu_target

from extender.native.entry import numba_type, with_entry
from extender.native.intrinsics import INTRINSICS
from extender.native.making import CPU_FEATURES, CPU_NAME, Job
from extender.native.portable import Portable
from extender.native.runtime import supply, without_messages

_OPTIONS: dict[str, Any] = {"error_model": "numpy", "boundscheck": False}
_INLINED = _OPTIONS | {"forceinline": True}
# What only a process with numba or an interpreter underneath could supply.
_RUNTIME = ("NRT_", "numba_", "Py", "_Py")


class _Refused(Exception):
    pass


_FunctionCompiler: Any = vars(dispatcher)["_FunctionCompiler"]


class _NativeOnly(_FunctionCompiler):  # type: ignore[misc]  # numba has no annotations
    """Without the wrappers that would need the interpreter; code is generated when the entry is there too."""

    def _customize_flags(self, flags: Any) -> Any:
        flags.no_cpython_wrapper = True
        flags.no_cfunc_wrapper = True
        flags.no_compile = True
        flags.enable_pyobject = False
        return flags


def main() -> None:
    # Whatever prints while modules of strangers are imported must not stand between the objects.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    jobs: tuple[Job, ...] = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the parent process
    with answers:
        pickle.dump({job.digest: compiled(job) for job in jobs}, answers)


def compiled(job: Job) -> bytes | str:
    """Object code with the one symbol job.symbol, or why there is none."""
    try:
        return _object(job)
    except _Refused as why:
        return f"{job.function.title} {why}"
    except NumbaError as wrong:
        return f"{job.function.title} does not compile: {wrong}"
    except Exception as wrong:  # noqa: BLE001 - a stranger's rule may upset the compiler in ways it has no name for
        return f"{job.function.title} does not compile: {type(wrong).__name__}: {wrong}"


def _object(job: Job) -> bytes:
    signature = tuple(map(numba_type, job.kinds))
    function = _rebuilt(job.function, {}, outermost=True)
    with global_compiler_lock:
        made = _NativeOnly(function, cpu_target, _INLINED, {}, compiler.Compiler).compile(signature, numba_types.int64)
        text = with_entry(made, job.symbol, job.kinds).get_llvm_str()
    module = binding.parse_assembly(without_messages(text))
    supply(module, _asked_for(module))
    _require_free_standing(module)
    for defined in (*module.functions, *module.global_variables):
        if not defined.is_declaration and defined.name != job.symbol:
            defined.linkage = "internal"
    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(cpu=CPU_NAME, features=CPU_FEATURES, opt=3, reloc="pic", codemodel="default")
    made_object: bytes = machine.emit_object(module)
    return made_object


def _require_free_standing(module: Any) -> None:
    """Every symbol comes from the C library, or the linker, and with it everybody's library, would fail."""
    process = ctypes.CDLL(None)
    for name in _asked_for(module):
        if name.startswith(_RUNTIME) or not hasattr(process, name):
            raise _Refused(
                f"does not compile to code that stands alone (it needs {name}): "
                "a rule works on numbers and arrays, not on lists, sets, dicts or texts"
            )


def _asked_for(module: Any) -> list[str]:
    """Functions that are called and not defined."""
    text = str(module)
    declared = (f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm."))
    return [name for name in declared if len(re.findall(rf'@"?{re.escape(name)}\b', text)) > 1]


def _rebuilt(source: Portable, done: dict[str, types.FunctionType], *, outermost: bool = False) -> types.FunctionType:
    """The function, with every function that it calls compiled when it is called: plugins know no numba."""
    if source.digest in done:
        return done[source.digest]
    found: dict[str, Any] = {"__builtins__": __builtins__, **source.constants}
    for name, (module, attribute) in source.references.items():
        imported = importlib.import_module(module)
        found[name] = getattr(imported, attribute) if attribute else imported
    found |= {name: INTRINSICS[which] for name, which in source.intrinsics.items()}
    for name, callee in source.callees.items():
        found[name] = njit(**(_INLINED if outermost else _OPTIONS))(_rebuilt(callee, done))
    code = marshal.loads(source.code)  # noqa: S302 - from the parent process
    function = types.FunctionType(code, found, code.co_name, source.defaults)
    function.__module__, _, function.__qualname__ = source.title.rpartition(".")
    done[source.digest] = function
    return function


if __name__ == "__main__":
    main()
