"""Names of nodes as a request brought them: a JSON text, and the row of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
import orjson
from numpy.typing import NDArray


class JsonNames(Sequence[str]):
    """Node names in the JSON array they came in; made into strings when somebody first looks at one."""

    __slots__ = ("_all", "_begin", "_by_row", "_end", "_rows", "_source")

    def __init__(self, source: bytes, begin: int, end: int, rows: NDArray[np.int32], by_row: Sequence[str]) -> None:
        """`source[begin:end]` is a valid JSON array of the names of `rows`; `by_row` has the name of each row."""
        self._source = source
        self._begin, self._end = begin, end
        self._rows = rows
        self._by_row = by_row
        self._all: list[str] | None = None

    @property
    def text(self) -> bytes:
        """The JSON array."""
        return self._source[self._begin : self._end]

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return self._listed()[index]
        return self._by_row[int(self._rows[index])]

    def __iter__(self) -> Iterator[str]:
        return iter(self._listed())

    def __contains__(self, name: object) -> bool:
        return name in self._listed()

    def _listed(self) -> list[str]:
        if self._all is None:
            self._all = orjson.loads(self.text)
        return self._all
