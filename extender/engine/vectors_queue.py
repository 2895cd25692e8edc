"""Which of two queued pods goes first: the `pair` cases of `trimtab explain --batch`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from extender.framework.arguments import located
from extender.framework.declaration import QueuedPod, QueueSort, QueueView
from extender.model.pod import pod_of

_FRACTION = re.compile(r"\.(\d+)")
_NS = 10**9


class PairError(Exception):
    """A pair that cannot be compared: what is wrong, and where in the case."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


def less_of_pair(order: QueueSort, view: QueueView, pair: object) -> dict[str, bool]:
    """{"ab": the first goes before the second, "ba": the other way round}. Raises PairError."""
    if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004 - a pair
        raise PairError("pair", "want two of {pod, timestamp, initialAttemptTimestamp?}")
    a, b = (_queued(tree, f"pair[{i}]") for i, tree in enumerate(pair))
    return {"ab": _less(order, view, a, b), "ba": _less(order, view, b, a)}


def _less(order: QueueSort, view: QueueView, a: QueuedPod, b: QueuedPod) -> bool:
    return order.less(view, a, b) if order.less else order.key(view, a) < order.key(view, b)


def _queued(tree: Any, path: str) -> QueuedPod:
    if not isinstance(tree, Mapping):
        raise PairError(path, "want {pod, timestamp, initialAttemptTimestamp?}")
    try:
        pod = pod_of(tree.get("pod"))
    except msgspec.ValidationError as wrong:
        raise PairError(*located(wrong, f"{path}.pod")) from None
    added_ns = unix_ns(tree.get("timestamp"), f"{path}.timestamp")
    first = tree.get("initialAttemptTimestamp")
    return QueuedPod(pod, added_ns, added_ns if first is None else unix_ns(first, f"{path}.initialAttemptTimestamp"))


def unix_ns(told: object, path: str) -> int:
    """An RFC 3339 time -> unix nanoseconds, all nine digits of it. Raises PairError."""
    text = told if isinstance(told, str) else ""
    try:
        moment = datetime.fromisoformat(_FRACTION.sub("", text, count=1))
    except ValueError:
        raise PairError(path, f"want a time as RFC 3339 writes it, got {told!r}") from None
    fraction = _FRACTION.search(text)
    whole = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (whole.days * 86400 + whole.seconds) * _NS + (int(fraction[1][:9].ljust(9, "0")) if fraction else 0)
