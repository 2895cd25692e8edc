"""A declared native function, and the ways to call it.

    native = Family()

    @native
    def total(counts: Int64s, least: int) -> int: ...

    total(counts, 3)                      anywhere; with ten arguments about 1 us on top of its work
    bound = total.bound(counts, None)     where the arrays stay: only scalars are written, 0.4 us
    bound(3)

A call keeps the interpreter lock: giving it away and getting it back costs more than the work. Arrays are passed as
objects and read by the entry (entry.py), so an array that is resized or refilled in place needs no new binding. Under
NUMBA_DISABLE_JIT the same block is read by Python and the function runs as it is written.
"""

from __future__ import annotations

import ctypes
import os
import struct
from array import array
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from extender.native.folders import Folders, usual_cache
from extender.native.kinds import FLOAT, INT, RAISED, WRONG_ARGUMENT, Kind, kinds_of, slots_of
from extender.native.portable import title

NDARRAY = id(np.ndarray)

Enter = Callable[[int], int]
"""Takes the address of an argument block, which must stay where it is for the time of the call."""


def is_compiled() -> bool:
    """False under NUMBA_DISABLE_JIT: native functions run as Python."""
    return os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")


class NotLoaded(Exception):
    """No library with this function could be had; the message says why."""


class NativeFunction:
    """`refused` says why there is no compiled code, where the function does not compile."""

    def __init__(self, function: Callable[..., int], kinds: Sequence[Kind], load: Callable[[], None]) -> None:
        self.py_func = function
        self.kinds = tuple(kinds)
        self.slots = slots_of(self.kinds)
        self.refused = ""
        self._load = load
        self._enter: Enter | None = None
        self._call: Callable[..., int] | None = None

    @property
    def title(self) -> str:
        return title(self.py_func)

    @property
    def is_loaded(self) -> bool:
        return self._enter is not None

    @property
    def enter(self) -> Enter:
        """The compiled entry. Loads it if nobody has; raises NotLoaded."""
        if self._enter is None:
            if is_compiled():
                self._load()
            else:
                self._enter = self._interpreted
        if self._enter is None:
            raise NotLoaded(self.refused or f"{self.title} is in no library")
        return self._enter

    def loaded(self, enter: Enter) -> None:
        self._enter, self._call = enter, None

    def block(self) -> Block:
        return Block(self)

    def bound(self, *values: Any) -> Bound:
        """With None where a scalar is given in each call; all scalars that are not None come before those.

        Raises TypeError for an array that is not as declared.
        """
        return Bound(self, values)

    def __call__(self, *values: Any) -> int:
        """Raises TypeError for an array that is not as declared, and RuntimeError if the function raised."""
        call = self._call
        if call is None:
            call = self._call = _caller(self)
        return call(*values)

    def fault(self, answer: int, *given: Any) -> Exception:
        """What an answer at or below RAISED to these arguments, if they are at hand, means."""
        if answer == RAISED:
            return RuntimeError(f"{self.title} raised an exception; run it with NUMBA_DISABLE_JIT=1 to see which")
        position = answer - WRONG_ARGUMENT
        name = self.py_func.__code__.co_varnames[position]
        said = f", not {_told(given[position])}" if given else ""
        return TypeError(f"{self.title}({name}): want a {self.kinds[position]}{said}")

    def _interpreted(self, address: int) -> int:
        values = []
        for kind, slot in zip(self.kinds, self.slots, strict=True):
            word = ctypes.c_int64.from_address(address + 8 * slot)
            if kind.dimensions:
                values.append(ctypes.cast(word.value, ctypes.py_object).value)
            elif kind == FLOAT:
                values.append(ctypes.c_double.from_address(address + 8 * slot).value)
            else:
                values.append(word.value if kind == INT else bool(word.value))
        for position, (kind, value) in enumerate(zip(self.kinds, values, strict=True)):
            if kind.dimensions and not _is_as_declared(value, kind):
                return WRONG_ARGUMENT + position
        return int(self.py_func(*values))


class Family(list[NativeFunction]):
    """Native functions that are compiled and loaded together; as a decorator it declares one more of them."""

    def __call__(self, function: Callable[..., int]) -> NativeFunction:
        """The kinds of its parameters are its annotations. Raises TypeError."""
        made = NativeFunction(function, kinds_of(function), self.load)
        self.append(made)
        return made

    def load(self) -> None:
        """From the user's kernel cache; whoever starts a server does it earlier and says which folders."""
        from extender.native.library import load  # noqa: PLC0415 - the library knows functions

        load(self, Folders(usual_cache()))


class Block:
    """The arguments of one function, in memory that does not move. Keeps the arrays that are in it."""

    __slots__ = ("_floats", "_function", "_is_array", "_is_float", "_slots", "address", "enter", "kept", "words")

    def __init__(self, function: NativeFunction) -> None:
        self._function = function
        self.enter = function.enter
        self.kept: dict[int, Any] = {}
        """The array at each position that has one."""
        self._slots = function.slots
        self._is_array = tuple(kind.dimensions > 0 for kind in function.kinds)
        self._is_float = tuple(kind == FLOAT for kind in function.kinds)
        self.words = array("q", bytes(8 * (len(function.kinds) + 1)))
        self.words[0] = NDARRAY
        self._floats = memoryview(self.words).cast("B").cast("d")
        self.address = self.words.buffer_info()[0]

    def put(self, position: int, value: Any) -> None:
        """Set the argument with this position in the signature."""
        slot = self._slots[position]
        if self._is_array[position]:
            self.kept[position] = value
            self.words[slot] = id(value)
        elif self._is_float[position]:
            self._floats[slot] = value
        else:
            self.words[slot] = value

    def call(self) -> int:
        answer = self.enter(self.address)
        if answer <= RAISED:
            raise self._function.fault(answer)
        return answer


class Bound:
    """Arrays put once; a call writes the last scalars. Holds its arrays."""

    __slots__ = ("_address", "_block", "_enter", "_function", "_offset", "_pack", "_words")

    def __init__(self, function: NativeFunction, values: Sequence[Any]) -> None:
        if len(values) != len(function.kinds):
            raise TypeError(f"{function.title} takes {len(function.kinds)} arguments, not {len(values)}")
        self._function = function
        self._block = block = Block(function)
        open_slots = []
        for position, (kind, value) in enumerate(zip(function.kinds, values, strict=True)):
            if value is None:
                open_slots.append((function.slots[position], kind))
            else:
                self.put(position, value)
        first = len(function.kinds) + 1 - len(open_slots)
        if any(kind.dimensions or slot < first for slot, kind in open_slots):
            raise TypeError(f"{function.title}: only the last scalars can be left open")
        self._words, self._address, self._enter = block.words, block.address, function.enter
        self._offset = 8 * first
        self._pack = struct.Struct("".join("d" if kind == FLOAT else "q" for _slot, kind in open_slots)).pack_into

    def put(self, position: int, value: Any) -> None:
        """Another array, or another fixed scalar, at this position in the signature. Raises TypeError."""
        kind = self._function.kinds[position]
        if kind.dimensions and not _is_as_declared(value, kind):
            raise TypeError(f"{self._function.fault(WRONG_ARGUMENT + position)}, not {_told(value)}")
        self._block.put(position, value)

    def __call__(self, *scalars: float) -> int:
        self._pack(self._words, self._offset, *scalars)
        answer = self._enter(self._address)
        if answer <= RAISED:
            raise self._function.fault(answer)
        return answer


# One function per signature, because going through the arguments one by one costs 2 us. Its block is a new bytes
# object, so that threads do not meet in it.
_CALLER = """def call({names}):
    block = pack({NDARRAY}{words})
    answer = enter(id(block) + {BYTES_HEAD})
    if answer <= {RAISED}:
        raise fault(answer, *({names}))
    return answer
"""
_BYTES_HEAD = bytes.__basicsize__ - 1


def _caller(function: NativeFunction) -> Callable[..., int]:
    names = function.py_func.__code__.co_varnames[: len(function.kinds)]
    placed = sorted(zip(function.slots, names, function.kinds, strict=True))
    known: dict[str, Any] = {
        "pack": struct.Struct("q" + "".join("d" if kind == FLOAT else "q" for _slot, _name, kind in placed)).pack,
        "enter": function.enter,
        "fault": function.fault,
    }
    # Parameters of any name, pack and id among them, must not hide what the text itself uses.
    spelled = {name: f"a{i}" for i, name in enumerate(names)}
    words = (f", id({spelled[name]})" if kind.dimensions else f", {spelled[name]}" for _slot, name, kind in placed)
    text = _CALLER.format(
        names="".join(f"{name}, " for name in spelled.values()),
        words="".join(words),
        NDARRAY=NDARRAY,
        BYTES_HEAD=_BYTES_HEAD,
        RAISED=RAISED,
    )
    exec(compile(text, f"<call of {function.title}>", "exec"), known)
    call: Callable[..., int] = known["call"]
    call.__name__ = call.__qualname__ = function.py_func.__qualname__
    return call


def _is_as_declared(value: Any, kind: Kind) -> bool:
    return (
        type(value) is np.ndarray
        and value.dtype == kind.element
        and value.ndim == kind.dimensions
        and value.flags.c_contiguous
        and value.flags.aligned
        and (value.flags.writeable or not kind.is_written)
    )


def _told(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return type(value).__name__
    layout = "" if value.flags.c_contiguous else " that is not contiguous"
    writable = "" if value.flags.writeable else "read-only "
    return f"a {writable}{value.dtype} array of {value.ndim} dimensions{layout}"
