"""What a native function may take: numbers, switches, and C-contiguous arrays of these element types.

The aliases are what declarations are annotated with. They are arrays to the type checker; the Kind beside the type
says what the compiled function will believe without asking, and what its entry therefore checks.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of one parameter."""

    element: str
    """A numpy type name; of a scalar int64, float64 or bool."""
    dimensions: int = 0
    """0 is a scalar."""
    is_written: bool = True
    """False: a read-only array is taken too."""

    def __str__(self) -> str:
        if not self.dimensions:
            return self.element
        writable = "writable " if self.is_written else ""
        return f"{writable}C-contiguous {self.element} array of {self.dimensions} dimension{'s'[: self.dimensions > 1]}"


WRONG_ARGUMENT = -(2**63)
"""Answer of a call, + position of the argument that is not an array of its kind."""
RAISED = WRONG_ARGUMENT + 1000
"""Answer of a call whose function raised an exception."""

INT, FLOAT, BOOL = Kind("int64"), Kind("float64"), Kind("bool")
SCALARS: dict[type, Kind] = {int: INT, float: FLOAT, bool: BOOL}

Bytes = Annotated[NDArray[np.uint8], Kind("uint8", 1)]
ByteRows = Annotated[NDArray[np.uint8], Kind("uint8", 2)]
Words = Annotated[NDArray[np.uint64], Kind("uint64", 1)]
Int16s = Annotated[NDArray[np.int16], Kind("int16", 1)]
Int32s = Annotated[NDArray[np.int32], Kind("int32", 1)]
Int64s = Annotated[NDArray[np.int64], Kind("int64", 1)]
Int64Rows = Annotated[NDArray[np.int64], Kind("int64", 2)]
Float64s = Annotated[NDArray[np.float64], Kind("float64", 1)]
Bools = Annotated[NDArray[np.bool_], Kind("bool", 1)]


def kinds_of(function: Callable[..., Any]) -> tuple[Kind, ...]:
    """The kind of each parameter, by its annotation. Raises TypeError naming the parameter that has none."""
    hints = typing.get_type_hints(function, include_extras=True)
    if hints.pop("return", None) is not int:
        raise TypeError(f"{function.__qualname__}: a native function returns int")
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    return tuple(_kind(function, name, hints.get(name)) for name in names)


def _kind(function: Callable[..., Any], name: str, hint: Any) -> Kind:
    if isinstance(hint, type) and hint in SCALARS:
        return SCALARS[hint]
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Kind):
            return extra
    raise TypeError(f"{function.__qualname__}({name}): want int, float, bool or an alias of extender.native.kinds")


def slots_of(kinds: tuple[Kind, ...]) -> tuple[int, ...]:
    """Where each argument stands in the block: behind slot 0 all arrays, then all scalars, each in their order."""
    arrays = [i for i, kind in enumerate(kinds) if kind.dimensions]
    scalars = [i for i, kind in enumerate(kinds) if not kind.dimensions]
    place = {i: slot for slot, i in enumerate((*arrays, *scalars), 1)}
    return tuple(place[i] for i in range(len(kinds)))
