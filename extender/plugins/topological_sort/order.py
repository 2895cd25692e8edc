"""The topology order of one AppGroup."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from extender.framework import Object

NOT_FOUND = -1
_INT32_MAX = 2**31 - 1


class OrderError(Exception):
    """An AppGroup that says nothing usable; the message says where."""


@dataclass(frozen=True, slots=True)
class Order:
    selectors: tuple[str, ...]
    indices: tuple[int, ...]
    created_ns: int
    """0 where the object does not say it."""

    def index_of(self, selector: str) -> int:
        """Its place; -1 where the search does not find it. As upstream a binary search, over a list that is only
        sorted by selector if whoever wrote the object has seen to it."""
        low, high = 0, len(self.selectors) - 1
        while low <= high:
            middle = (low + high) // 2
            if self.selectors[middle] == selector:
                return self.indices[middle]
            if self.selectors[middle] < selector:
                low = middle + 1
            else:
                high = middle - 1
        return NOT_FOUND


def order_of(found: Object) -> Order:
    """status.topologyOrder of an AppGroup; none there is an empty one. Raises OrderError."""
    status = _mapping(found.get("status"), "status")
    listed = status.get("topologyOrder")
    if listed is None:
        listed = []
    if not isinstance(listed, list):
        raise OrderError(f"status.topologyOrder: want a list, got {type(listed).__name__}")
    places = [_place(entry, f"status.topologyOrder[{i}]") for i, entry in enumerate(listed)]
    return Order(
        tuple(selector for selector, _index in places),
        tuple(index for _selector, index in places),
        _created_ns(_mapping(found.get("metadata"), "metadata")),
    )


def _place(entry: Any, path: str) -> tuple[str, int]:
    told = _mapping(entry, path)
    selector = _mapping(told.get("workload"), f"{path}.workload").get("selector", "")
    index = told.get("index", 0)
    if not isinstance(selector, str):
        raise OrderError(f"{path}.workload.selector: want text, got {type(selector).__name__}")
    if not isinstance(index, int) or isinstance(index, bool) or abs(index) > _INT32_MAX:
        raise OrderError(f"{path}.index: want an int32, got {index!r}")
    return selector, index


def _created_ns(metadata: Mapping[str, Any]) -> int:
    told = metadata.get("creationTimestamp")
    if told is None:
        return 0
    try:
        moment = datetime.fromisoformat(told)
    except (TypeError, ValueError):
        raise OrderError(f"metadata.creationTimestamp: want a time, got {told!r}") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * 10**9


def _mapping(found: Any, path: str) -> Mapping[str, Any]:
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise OrderError(f"{path}: want a mapping, got {type(found).__name__}")
    return found
