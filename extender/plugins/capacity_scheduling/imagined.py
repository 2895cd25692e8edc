"""The books as they would stand if some pods were gone."""

from __future__ import annotations

from extender.framework import Pod, Resources, request_eq
from extender.plugins.capacity_scheduling.book import QuotaBook
from extender.plugins.capacity_scheduling.quota import GUARANTEED, UNLIMITED, exceeds

_NOTHING = Resources()


class Imagined:
    """A view of one book that never changes it; the preemptor's own charge does not count."""

    def __init__(self, book: QuotaBook, preemptor: str) -> None:
        self._book = book
        self._total = book.total_used
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
        high = self._book.quota(namespace).max
        return not exceeds(in_namespace, self._used_by(namespace), high, UNLIMITED) and not exceeds(
            self._total.plus(in_all), _NOTHING, self._book.total_min, GUARANTEED
        )

    def _used_by(self, namespace: str) -> Resources:
        found = self._used.get(namespace)
        return self._book.used(namespace) if found is None else found

    def _charge(self, pod: Pod) -> Resources | None:
        if pod.uid in self._moved:
            return self._moved[pod.uid]
        charge = self._book.charge(pod.uid)
        return None if charge is None else charge[1]

    def _change(self, namespace: str, request: Resources, sign: int) -> None:
        self._used[namespace] = self._used_by(namespace).plus(request, sign)
        if self._book.has_quota(namespace):
            self._total = self._total.plus(request, sign)
