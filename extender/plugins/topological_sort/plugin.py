"""TopologicalSort: the pods of an application start in the order of its dependency graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from extender.framework import Args, Kind, Maturity, Plugin, Pod, QueuedPod, QueueSort, QueueView
from extender.plugins.topological_sort.book import KIND, OrderBook
from extender.plugins.topological_sort.order import Order

GROUP_LABEL = "appgroup.diktyo.x-k8s.io"
WORKLOAD_LABEL = "appgroup.diktyo.x-k8s.io.workload"


class TopologicalSortArgs(Args, frozen=True):
    namespaces: Annotated[
        tuple[str, ...], msgspec.Meta(description="Where AppGroups are looked for; the first that has one counts.")
    ] = ("default",)


def decode_args(raw: Mapping[str, Any]) -> TopologicalSortArgs:
    """An empty list means the default."""
    given = {key: told for key, told in raw.items() if told != []}
    return msgspec.convert(given, TopologicalSortArgs, strict=True)


def less(view: QueueView, a: QueuedPod, b: QueuedPod) -> bool:
    """Upstream's Less: within a group by index, else by priority and time. Equal indices are less both ways."""
    group = a.pod.labels.get(GROUP_LABEL, "")
    order = _order(view, group) if group and group == b.pod.labels.get(GROUP_LABEL, "") else None
    if order is None:
        return (-a.pod.priority, a.added_ns) < (-b.pod.priority, b.added_ns)
    return _index(order, a.pod) <= _index(order, b.pod)


def turn(view: QueueView, queued: QueuedPod) -> tuple[Any, ...]:
    """Priority, then the older group, then the index within it, then time; a pod without a group stands for itself."""
    pod = queued.pod
    group = pod.labels.get(GROUP_LABEL, "")
    order = _order(view, group)
    if order is None:
        return -pod.priority, queued.added_ns, "", 0, queued.added_ns
    return -pod.priority, order.created_ns, group, _index(order, pod), queued.added_ns


def has_group(_view: QueueView, pod: Pod) -> bool:
    return bool(pod.labels.get(GROUP_LABEL))


def _order(view: QueueView, group: str) -> Order | None:
    book: OrderBook = view.book
    return book.find(group, view.args.namespaces) if group else None


def _index(order: Order, pod: Pod) -> int:
    return order.index_of(pod.labels.get(WORKLOAD_LABEL, ""))


PLUGIN = Plugin(
    name="TopologicalSort",
    doc="Lets the pods of an application go in the topological order of its AppGroup.",
    args=TopologicalSortArgs,
    decode_args=decode_args,
    maturity=Maturity.BETA,
    queue_sort=QueueSort(gate="trimtab.dev/app-order", key=turn, gates=has_group, less=less),
    book=OrderBook,
    watches=(Kind("appgroup.diktyo.x-k8s.io", "v1alpha1", "appgroups", KIND, status=True),),
)
