"""A plain function and all that it reads, as values: to be hashed here and rebuilt in the process that compiles.

Theory of the hash: compiled code depends on the function's own code, on every function that it calls (they are
inlined, and a change in one would not be noticed), and on the constants that they read. Code objects are hashed rather
than source text, because that needs no file and takes microseconds. `marshal` bytes are not hashed: they differ
with reference counts.
"""

from __future__ import annotations

import hashlib
import marshal
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from extender.native import memory

_CONSTANTS = (int, float, complex, str, bytes, tuple, np.generic, np.ndarray, frozenset)


class Unfit(Exception):
    """A function cannot be made native as it is written; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Portable:
    """One function. Names are those of its globals."""

    title: str
    code: bytes
    """Marshalled."""
    defaults: tuple[Any, ...] | None
    constants: Mapping[str, Any]
    references: Mapping[str, tuple[str, str]]
    """(module, attribute) of what is imported there; no attribute: the module itself."""
    intrinsics: Mapping[str, str]
    """Functions of memory.py."""
    callees: Mapping[str, Portable]
    digest: str

    @property
    def size(self) -> int:
        """Bytes of code, callees included each time: about how long it takes to compile."""
        return len(self.code) + sum(callee.size for callee in self.callees.values())


def portable(function: Callable[..., Any]) -> Portable:
    """Raises Unfit for a closure, a recursion or a builtin."""
    return _portable(function, {})


def title(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(function))}"


def plain(function: Callable[..., Any]) -> types.FunctionType:
    """The Python function, also behind a compiled or declared one. Raises Unfit if there is none, or a closure."""
    found = getattr(function, "py_func", function)
    if not isinstance(found, types.FunctionType) or found.__closure__:
        raise Unfit(f"{title(function)}: want a plain function of its module, without closure")
    return found


def _portable(function: Callable[..., Any], done: dict[types.FunctionType, Portable | None]) -> Portable:
    found = plain(function)
    if found in done:
        ready = done[found]
        if ready is None:
            raise Unfit(f"{title(found)} calls itself; a rule may not recurse")
        return ready
    done[found] = None
    constants: dict[str, Any] = {}
    references: dict[str, tuple[str, str]] = {}
    intrinsics: dict[str, str] = {}
    callees: dict[str, Portable] = {}
    for name, value in _globals_read(found):
        callee = getattr(value, "py_func", value)
        if getattr(value, "__module__", None) == memory.__name__:
            intrinsics[name] = value.__name__
        elif isinstance(callee, types.FunctionType):
            callees[name] = _portable(callee, done)
        elif isinstance(value, types.ModuleType):
            references[name] = value.__name__, ""
        elif isinstance(value, _CONSTANTS):
            constants[name] = value
        elif isinstance(value, type | types.BuiltinFunctionType | np.ufunc):
            references[name] = getattr(value, "__module__", None) or "numpy", value.__name__
    digest = hashlib.sha256()
    for part in (
        *_told(found.__code__),
        repr(found.__defaults__),
        *(f"{name} = {_constant(value)}" for name, value in constants.items()),
        *(f"{name} from {where}" for name, where in references.items()),
        *(f"{name} is {which}" for name, which in intrinsics.items()),
        *(f"{name} calls {callee.digest}" for name, callee in callees.items()),
    ):
        digest.update(part.encode(errors="surrogatepass"))
        digest.update(b"\0")
    made = Portable(
        title=title(found),
        code=marshal.dumps(found.__code__),
        defaults=found.__defaults__,
        constants=constants,
        references=references,
        intrinsics=intrinsics,
        callees=callees,
        digest=digest.hexdigest(),
    )
    done[found] = made
    return made


def _globals_read(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """(name, value) of the globals that the function names, in comprehensions and inner functions too."""
    codes, names = [function.__code__], dict[str, None]()
    while codes:
        code = codes.pop()
        names.update(dict.fromkeys(code.co_names))
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return ((name, function.__globals__[name]) for name in names if name in function.__globals__)


def _told(code: types.CodeType) -> Iterator[str]:
    """What the code does, without where it stands."""
    yield code.co_code.hex()
    yield repr((code.co_argcount, code.co_kwonlyargcount, code.co_flags, code.co_names, code.co_varnames))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _told(constant)
        else:
            yield _constant(constant)


def _constant(value: Any) -> str:
    """The same text in every process: sets are in no order, arrays are shortened by repr, and 1 == 1.0 == True."""
    if isinstance(value, frozenset):
        return f"frozenset {sorted(map(_constant, value))}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant, value))})"
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {value.shape} {value.tobytes().hex()}"
    return f"{type(value).__name__} {value!r}"
