"""How many pods may be made to leave in a minute: in the cluster, from one node, out of one namespace."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from extender.model.pod import Pod

MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionSettings:
    """What an operator allows. Times in seconds."""

    per_minute: int = 200
    """Evictions in the whole cluster within a minute, as the three below."""
    per_node: int = 50
    per_namespace: int = 100
    dry_run: bool = False
    """Record what would be done, and do nothing, whatever a job says."""
    other_schedulers: bool = False
    """Also pods of schedulers that no profile of the policy names."""
    retry_s: float = 10.0
    """Between two attempts that a disruption budget refused."""
    retries: int = 6
    """Attempts after the first that it refused; then the pod stays."""


class Limits:
    """Sliding minute. An eviction counts from the moment it is allowed."""

    def __init__(self, settings: EvictionSettings) -> None:
        self._settings = settings
        self._allowed: deque[tuple[float, str, str]] = deque()
        self._nodes: Counter[str] = Counter()
        self._namespaces: Counter[str] = Counter()

    def take(self, pods: Sequence[Pod], node: str, now_s: float) -> str:
        """Count all of them, or none and say which limit is in the way."""
        self._forget(now_s)
        full = self._full(pods, node)
        if not full:
            for pod in pods:
                self._allowed.append((now_s, node, pod.namespace))
                self._nodes[node] += 1
                self._namespaces[pod.namespace] += 1
        return full

    def in_last_minute(self, now_s: float) -> int:
        self._forget(now_s)
        return len(self._allowed)

    def _full(self, pods: Sequence[Pod], node: str) -> str:
        settings = self._settings
        if len(self._allowed) + len(pods) > settings.per_minute:
            return f"limit: {settings.per_minute} evictions per minute in the cluster"
        if self._nodes[node] + len(pods) > settings.per_node:
            return f"limit: {settings.per_node} evictions per minute from one node"
        for namespace, count in Counter(pod.namespace for pod in pods).items():
            if self._namespaces[namespace] + count > settings.per_namespace:
                return f"limit: {settings.per_namespace} evictions per minute in one namespace ({namespace})"
        return ""

    def _forget(self, now_s: float) -> None:
        while self._allowed and self._allowed[0][0] <= now_s - MINUTE_S:
            _at_s, node, namespace = self._allowed.popleft()
            _less(self._nodes, node)
            _less(self._namespaces, namespace)


def _less(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if not counter[key]:
        del counter[key]
