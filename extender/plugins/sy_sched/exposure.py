"""The calls that each node makes, kept up to date pod by pod.

For one default profile and one way of counting pods. Everything that a score needs of a node are three values: the
union of its pods' calls, how many pods there are, and the sum of the sizes of their sets; no cycle looks at a pod.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from extender.framework import Pod
from extender.plugins.sy_sched.members import Members
from extender.plugins.sy_sched.paths import Wanted, wanted_by
from extender.plugins.sy_sched.profiles import Profiles

# Names of nodes that left may make up this many and half of those remembered.
_SLACK = 64
# Pods name few different profiles; those that name more make each other be looked up again.
SETS_MAX = 4096


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
    wanted: Wanted
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
    _sets: dict[Wanted, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    """What pods want -> (their calls, the profiles these depend on), until any profile changes."""
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
            self._refresh(node, anew=anew)

    def profile_changed(self, key: str) -> None:
        self._sets.clear()
        self.refresh(list(self._users.get(key, ())), anew=True)

    def _refresh(self, node: str, *, anew: bool) -> None:
        pods, known = self.members.on(node), self._known.get(node, {})
        now = {}
        for key, pod in pods.items():
            before = known.get(key)
            if before is None or before.pod is not pod:
                now[key] = self._computed(pod)
            else:
                now[key] = _Known(pod, before.wanted, *self._set_of(before.wanted)) if anew else before
        self._set_users(node, known, now)
        if now:
            self._known[node] = now
            self._nodes[node] = _summed(now.values())
        else:
            self._known.pop(node, None)
            self._nodes.pop(node, None)
        self._stamp(node)

    def _computed(self, pod: Pod) -> _Known:
        wanted = wanted_by(pod, with_init=self.members.exact)
        return _Known(pod, wanted, *self._set_of(wanted))

    def _set_of(self, wanted: Wanted) -> tuple[int, tuple[str, ...]]:
        found = self._sets.get(wanted)
        if found is None:
            if len(self._sets) >= SETS_MAX:
                self._sets.clear()
            found = self._sets[wanted] = self._looked_up(wanted)
        return found

    def _looked_up(self, wanted: Wanted) -> tuple[int, tuple[str, ...]]:
        calls = 0
        for profile in wanted.profiles:
            calls |= self.profiles.calls(profile) or 0
        noted = (self.profiles.calls(profile) for profile in wanted.noted)
        calls |= next((found for found in noted if found is not None), 0)
        if calls:
            return calls, wanted.all
        return self.profiles.calls(self.default) or 0, (*wanted.all, self.default)

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
