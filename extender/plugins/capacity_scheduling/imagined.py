"""The books as they would stand if some pods were gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from extender.framework import Pod, Resources, request_eq
from extender.plugins.capacity_scheduling.book import QuotaBook
from extender.plugins.capacity_scheduling.quota import GUARANTEED, UNLIMITED, exceeds

Amounts = Callable[[Pod], list[int] | tuple[()]]

_NOTHING = Resources()
_PLAIN = 4
"""Fields of Resources that are no scalars."""


class Imagined:
    """A view of one book that never changes it; the preemptor's own charge does not count."""

    def __init__(self, book: QuotaBook, preemptor: str) -> None:
        self._book = book
        self._total = _copied(book.total_used)
        """Ours, and changed in place, as those in `_used`."""
        self._used: dict[str, Resources] = {}
        self._moved: dict[str, Resources | None] = {}
        """UID -> what it is charged in this view, where that differs from the book."""
        charge = book.charge(preemptor)
        if charge is not None:
            self._change(*charge, -1)

    def remove(self, pod: Pod) -> None:
        request = self._charge(pod)
        if request is not None:
            self._moved[pod.uid] = None
            self._change(pod.namespace, request, -1)

    def add(self, pod: Pod) -> None:
        if self._charge(pod) is None:
            request = self._moved[pod.uid] = request_eq(pod)
            self._change(pod.namespace, request, 1)

    def over_min(self, namespace: str) -> bool:
        """Whether a namespace with a quota borrows."""
        return exceeds(self._used_by(namespace), _NOTHING, self._book.quota(namespace).min, GUARANTEED)

    def over_min_with(self, namespace: str, asked: Resources) -> bool:
        """Whether a namespace with a quota would borrow."""
        return exceeds(asked, self._used_by(namespace), self._book.quota(namespace).min, GUARANTEED)

    def allow(self, namespace: str, in_namespace: Resources, in_all: Resources) -> bool:
        """Whether the namespace stays under its max and all together under all mins; without a quota it always does."""
        if not self._book.has_quota(namespace):
            return True
        high, low = self._book.quota(namespace).max, self._book.total_min
        # Both ways round: of extended resources, only those of the first are looked at.
        return not (
            exceeds(in_namespace, self._used_by(namespace), high, UNLIMITED)
            or exceeds(in_all, self._total, low, GUARANTEED)
            or (self._total.scalars and exceeds(self._total, in_all, low, GUARANTEED))
        )

    def left(self, namespace: str, in_namespace: Resources, in_all: Resources) -> tuple[list[int], Amounts]:
        """What `allow` leaves to pods that come back, in every respect that it looks at, and what one takes of it."""
        if not self._book.has_quota(namespace):
            return [], lambda _pod: ()
        high, low = self._book.quota(namespace).max, self._book.total_min
        near = list(in_namespace.scalars)
        far = list({**self._total.scalars, **in_all.scalars})
        unlimited = dict.fromkeys(near, UNLIMITED) | high.scalars
        limits = _listed(high, near, unlimited) + _listed(low, far, low.scalars)
        used = _listed(self._used_by(namespace), near) + _listed(self._total, far)
        asked = _listed(in_namespace, near) + _listed(in_all, far)
        nothing = [0] * (_PLAIN + len(near))

        def amounts(pod: Pod) -> list[int]:
            charge = self._book.charge(pod.uid)
            request = request_eq(pod) if charge is None else charge[1]
            return (_listed(request, near) if pod.namespace == namespace else nothing) + _listed(request, far)

        return [most - has - more for most, has, more in zip(limits, used, asked, strict=True)], amounts

    def _used_by(self, namespace: str) -> Resources:
        found = self._used.get(namespace)
        return self._book.used(namespace) if found is None else found

    def _charge(self, pod: Pod) -> Resources | None:
        if pod.uid in self._moved:
            return self._moved[pod.uid]
        charge = self._book.charge(pod.uid)
        return None if charge is None else charge[1]

    def _change(self, namespace: str, request: Resources, sign: int) -> None:
        used = self._used.get(namespace)
        if used is None:
            used = self._used[namespace] = _copied(self._book.used(namespace))
        _shift(used, request, sign)
        if self._book.has_quota(namespace):
            _shift(self._total, request, sign)


def _listed(amounts: Resources, names: list[str], scalars: Mapping[str, int] | None = None) -> list[int]:
    plain = [amounts.cpu_milli, amounts.memory_bytes, amounts.ephemeral_bytes, amounts.pods]
    if names:
        extended = amounts.scalars if scalars is None else scalars
        plain += [extended.get(name, 0) for name in names]
    return plain


def _copied(amounts: Resources) -> Resources:
    return amounts.plus(_NOTHING)


def _shift(amounts: Resources, by: Resources, sign: int) -> None:
    """As `plus`, in place: a search moves thousands of pods."""
    amounts.cpu_milli += sign * by.cpu_milli
    amounts.memory_bytes += sign * by.memory_bytes
    amounts.ephemeral_bytes += sign * by.ephemeral_bytes
    amounts.pods += sign * by.pods
    for name, amount in by.scalars.items():
        amounts.scalars[name] = amounts.scalars.get(name, 0) + sign * amount
