"""The requests of extender/v1, decoded, and the one thing that can be wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import overload

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from extender.model.pod import Pod


class BadRequest(Exception):
    """The caller must change the body. The text says what is wrong and where; it holds nothing of the body's values."""


@dataclass(slots=True)
class CandidateRequest:
    """ExtenderArgs: what filter and prioritize receive. Every candidate node stands in it once."""

    pod: Pod
    names: Sequence[str]
    """In the order sent; a name sent twice is kept at its first place."""
    rows: NDArray[np.int32]
    """The node-table row of each name, -1 for a node that the table does not know."""
    items: Sequence[msgspec.Raw] | None = None
    """The Node objects as they came, one per name, when the caller sends objects and not names."""
    ticket: int = 0
    """Not 0: the compiled reader took it, so every name is known; the names stand in its buffer until it reads on."""

    @property
    def unknown(self) -> int:
        """Names that the node table does not know."""
        return 0 if self.ticket else int(np.count_nonzero(self.rows < 0))


@dataclass(frozen=True, slots=True)
class MetaVictims:
    """Pods whose eviction the scheduler proposes on one node, most important first."""

    uids: tuple[str, ...]
    pdb_violations: int = 0


@dataclass(frozen=True, slots=True)
class PreemptRequest:
    """ExtenderPreemptionArgs, in either of its two forms."""

    pod: Pod
    nodes: Mapping[str, MetaVictims]


class BindRequest(msgspec.Struct, frozen=True, gc=False):
    """ExtenderBindingArgs. No field is empty."""

    name: str = msgspec.field(name="PodName")
    namespace: str = msgspec.field(name="PodNamespace")
    uid: str = msgspec.field(name="PodUID")
    node: str = msgspec.field(name="Node")


class CompactNames(Sequence[str]):
    """Node names in the JSON array they came in; made into strings when somebody first looks."""

    __slots__ = ("_count", "_names", "_text")

    def __init__(self, text: bytes, count: int) -> None:
        """`text` is a valid JSON array of `count` strings."""
        self._text = text
        self._count = count
        self._names: list[str] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        return self._all()[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def _all(self) -> list[str]:
        if self._names is None:
            self._names = orjson.loads(self._text)
        return self._names
