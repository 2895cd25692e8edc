"""The order of every AppGroup, read once when it changes. One that cannot be used counts as missing, and says why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from extender.framework import Object, Pod
from extender.plugins.topological_sort.order import Order, OrderError, order_of

KIND = "AppGroup"


class OrderBook:
    def __init__(self) -> None:
        self._orders: dict[str, Order] = {}
        self._problems: dict[str, str] = {}

    @property
    def problems(self) -> Mapping[str, str]:
        """Key of an unusable AppGroup -> what is wrong with it."""
        return self._problems

    def find(self, name: str, namespaces: Sequence[str]) -> Order | None:
        """The group of that name in the first of the namespaces that has one."""
        found = (self._orders.get(f"{namespace}/{name}") for namespace in namespaces)
        return next((order for order in found if order is not None), None)

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        """It follows none."""

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:  # noqa: ARG002
        if kind != KIND:
            return
        self._orders.pop(key, None)
        self._problems.pop(key, None)
        if new is None:
            return
        try:
            self._orders[key] = order_of(new)
        except OrderError as wrong:
            self._problems[key] = str(wrong)
