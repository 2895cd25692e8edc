"""Which pods count on which node."""

from __future__ import annotations

from collections.abc import Mapping

from extender.framework import Pod

_NOBODY: Mapping[str, Pod] = {}


class Members:
    """Upstream's way, or the exact one.

    Upstream tells pods apart by their name on a node: of two namesakes from two namespaces the second is not counted,
    and whichever leaves takes the entry along. A pod counts from the first event that shows it Running, or that follows
    one that showed it Pending with a host IP. Exact: by UID, from the binding on.
    """

    def __init__(self, *, exact: bool) -> None:
        self.exact = exact
        self._nodes: dict[str, dict[str, Pod]] = {}

    def on(self, node: str) -> Mapping[str, Pod]:
        return self._nodes.get(node, _NOBODY)

    def nodes(self) -> list[str]:
        return list(self._nodes)

    def changed(self, old: Pod | None, new: Pod | None) -> list[str]:
        """Take one event in; the nodes where something may count otherwise now."""
        touched = []
        left = old is not None and (new is None or new.node_name != old.node_name)
        if old is not None and left and self._remove(old):
            touched.append(old.node_name)
        if new is not None and new.node_name and self._add(old, new):
            touched.append(new.node_name)
        return touched

    def clear(self) -> None:
        self._nodes.clear()

    def _remove(self, pod: Pod) -> bool:
        there = self._nodes.get(pod.node_name, {})
        if there.pop(self._key(pod), None) is None:
            return False
        if not there:
            del self._nodes[pod.node_name]
        return True

    def _add(self, old: Pod | None, new: Pod) -> bool:
        key = new.uid if self.exact else new.name
        there = self._nodes.get(new.node_name)
        held = there.get(key) if there else None
        if (not self._counts(old, new)) if held is None else held.uid != new.uid:
            return False
        if there is None:
            there = self._nodes[new.node_name] = {}
        there[key] = new
        return True

    def _counts(self, old: Pod | None, new: Pod) -> bool:
        accepted = old is not None and old.phase == "Pending" and bool(old.host_ip)
        return self.exact or new.phase == "Running" or accepted

    def _key(self, pod: Pod) -> str:
        return pod.uid if self.exact else pod.name
