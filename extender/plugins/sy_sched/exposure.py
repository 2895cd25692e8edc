"""The calls that each node makes, kept up to date pod by pod.

For one default profile and one way of counting pods. Everything that a score needs of a node are three values: the
union of its pods' calls, how many pods there are, and the sum of the sizes of their sets; no cycle looks at a pod.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from extender.framework import Pod
from extender.plugins.sy_sched.members import Members
from extender.plugins.sy_sched.paths import wanted_by
from extender.plugins.sy_sched.profiles import Profiles

# Names of nodes that left may make up this many and half of those remembered.
_SLACK = 64


@dataclass(frozen=True, slots=True)
class NodeCalls:
    calls: int = 0
    """Union, a set of bits."""
    pods: int = 0
    own: int = 0
    """Sum of the sizes of the pods' own sets."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A pod as it was when its set was computed."""

    pod: Pod
    calls: int
    profiles: tuple[str, ...]
    """Those that the set depends on, existing or not."""


NOTHING = NodeCalls()


@dataclass(slots=True)
class Exposure:
    profiles: Profiles
    members: Members
    default: str
    """namespace/name of the profile of pods without one."""
    epoch: int = 0
    """Rises when followers have to begin again."""
    stamps: dict[str, int] = field(default_factory=dict)
    """node -> number of its last change, in the order of these numbers."""
    _nodes: dict[str, NodeCalls] = field(default_factory=dict)
    _known: dict[str, dict[str, _Known]] = field(default_factory=dict)
    _users: dict[str, set[str]] = field(default_factory=dict)
    """profile -> nodes with a pod that depends on it."""
    _changes: int = 0

    def __post_init__(self) -> None:
        self.refresh(self.members.nodes())

    def of(self, node: str) -> NodeCalls:
        return self._nodes.get(node, NOTHING)

    def nodes(self) -> Iterable[tuple[str, NodeCalls]]:
        return self._nodes.items()

    def calls_of(self, pod: Pod) -> int:
        """Of the profiles that it names and that exist; if they allow nothing, of the default one."""
        return self._computed(pod).calls

    def refresh(self, nodes: Iterable[str], *, anew: bool = False) -> None:
        """Pods of these nodes have changed; `anew`: what their profiles say, too."""
        for node in nodes:
            self._refresh(node, {} if anew else self._known.get(node, {}))

    def profile_changed(self, key: str) -> None:
        self.refresh(list(self._users.get(key, ())), anew=True)

    def _refresh(self, node: str, known: dict[str, _Known]) -> None:
        pods = self.members.on(node)
        now = {}
        for key, pod in pods.items():
            before = known.get(key)
            now[key] = before if before is not None and before.pod is pod else self._computed(pod)
        self._set_users(node, self._known.get(node, {}), now)
        if now:
            self._known[node] = now
            self._nodes[node] = _summed(now.values())
        else:
            self._known.pop(node, None)
            self._nodes.pop(node, None)
        self._stamp(node)

    def _computed(self, pod: Pod) -> _Known:
        wanted = wanted_by(pod, with_init=self.members.exact)
        calls = 0
        for profile in wanted.profiles:
            calls |= self.profiles.calls(profile) or 0
        noted = (self.profiles.calls(profile) for profile in wanted.noted)
        calls |= next((found for found in noted if found is not None), 0)
        if calls:
            return _Known(pod, calls, wanted.all)
        return _Known(pod, self.profiles.calls(self.default) or 0, (*wanted.all, self.default))

    def _set_users(self, node: str, before: dict[str, _Known], now: dict[str, _Known]) -> None:
        used = {profile for known in before.values() for profile in known.profiles}
        uses = {profile for known in now.values() for profile in known.profiles}
        for profile in used - uses:
            users = self._users[profile]
            users.discard(node)
            if not users:
                del self._users[profile]
        for profile in uses - used:
            self._users.setdefault(profile, set()).add(node)

    def _stamp(self, node: str) -> None:
        self._changes += 1
        self.stamps.pop(node, None)
        self.stamps[node] = self._changes
        if len(self.stamps) > 2 * len(self._nodes) + _SLACK:
            self.stamps = {name: stamp for name, stamp in self.stamps.items() if name in self._nodes}
            self.epoch += 1


def _summed(known: Iterable[_Known]) -> NodeCalls:
    calls = pods = own = 0
    for one in known:
        calls |= one.calls
        own += one.calls.bit_count()
        pods += 1
    return NodeCalls(calls, pods, own)
