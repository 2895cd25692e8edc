"""Leases: promises to pods that passed filter and are not seen bound yet.

    filter passes        -> LEASED      (a second filter for the UID releases and takes anew)
    bind arrives         -> BINDING     (never expires: it ends with the bind)
    bound, by us or seen -> gone        (the pod's own place in the books takes over, by UID)
    anything else        -> released: bind failed, pod deleted, pod marked unschedulable, time to live over,
                            plugin switched off, another replica leads

The amounts stand in the plugins' books; the ledger knows who promised, to whom, since when, and sees to it
that every promise ends exactly once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from extender.model.pod import Pod


class LeaseState(StrEnum):
    LEASED = "leased"
    BINDING = "binding"


class Ended(StrEnum):
    """Why a lease ended. `BOUND` is the good end; every other one gives the amount back."""

    BOUND = "bound"
    REFILTERED = "refiltered"
    BIND_FAILED = "bindFailed"
    DELETED = "deleted"
    UNSCHEDULABLE = "unschedulable"
    EXPIRED = "expired"
    DISABLED = "disabled"
    NOT_LEADING = "notLeading"


@dataclass(slots=True)
class Lease:
    uid: str
    namespace: str
    name: str
    decision: str
    since_s: float
    expires_s: float
    plugins: set[str]
    state: LeaseState = LeaseState.LEASED
    node: str = ""


class Ledger:
    """All leases. Single writer: the event loop."""

    def __init__(
        self,
        give_back: Callable[[str, str], None],
        ended: Callable[[Lease, Ended], None],
        ttl_s: float,
    ) -> None:
        """`give_back(plugin, uid)` undoes one plugin's charge; `ended` hears of the end of each lease."""
        self._give_back = give_back
        self._ended = ended
        self._ttl_s = ttl_s
        self._leases: dict[str, Lease] = {}
        self.version = 0
        """Rises whenever a lease comes or goes."""

    def __len__(self) -> int:
        return len(self._leases)

    def __contains__(self, uid: object) -> bool:
        return uid in self._leases

    def get(self, uid: str) -> Lease | None:
        return self._leases.get(uid)

    def all(self) -> list[Lease]:
        """Oldest first."""
        return list(self._leases.values())

    def take(self, pod: Pod, decision: str, plugins: Iterable[str], now_s: float) -> Lease:
        """Note that these plugins have charged the pod. Taking again adds plugins and renews the time to live."""
        lease = self._leases.get(pod.uid)
        if lease is None:
            lease = Lease(pod.uid, pod.namespace, pod.name, decision, now_s, 0.0, set())
            self._leases[pod.uid] = lease
            self.version += 1
        lease.plugins.update(plugins)
        lease.decision = decision
        lease.expires_s = now_s + self._ttl_s
        return lease

    def binding(self, uid: str, node: str) -> None:
        """A bind is under way: the lease cannot expire or be replaced until it ends."""
        if lease := self._leases.get(uid):
            lease.state = LeaseState.BINDING
            lease.node = node

    def confirm(self, uid: str) -> None:
        """The pod is seen assigned: what was promised is now its own."""
        if lease := self._leases.pop(uid, None):
            self.version += 1
            self._ended(lease, Ended.BOUND)

    def release(self, uid: str, why: Ended) -> None:
        """End a lease and give back what was charged."""
        lease = self._leases.pop(uid, None)
        if lease is None:
            return
        self.version += 1
        for plugin in sorted(lease.plugins):
            self._give_back(plugin, uid)
        self._ended(lease, why)

    def release_before(self, uid: str, moment_s: float, why: Ended) -> None:
        """Release a waiting lease taken at or before a moment. Whole seconds: API times have no finer ones."""
        lease = self._leases.get(uid)
        if lease is not None and lease.state is LeaseState.LEASED and int(lease.since_s) <= moment_s:
            self.release(uid, why)

    def expire(self, now_s: float) -> int:
        """Release waiting leases whose time is over; returns how many."""
        late = [x.uid for x in self._leases.values() if x.state is LeaseState.LEASED and x.expires_s <= now_s]
        for uid in late:
            self.release(uid, Ended.EXPIRED)
        return len(late)

    def release_all(self, why: Ended) -> None:
        """Release every waiting lease; those whose bind is under way end with it."""
        for uid in [lease.uid for lease in self._leases.values() if lease.state is LeaseState.LEASED]:
            self.release(uid, why)

    def drop_plugin(self, plugin: str) -> int:
        """A plugin was switched off: give back all it charged; returns how many leases it had a part in."""
        held = [lease for lease in self._leases.values() if plugin in lease.plugins]
        for lease in held:
            lease.plugins.discard(plugin)
            self._give_back(plugin, lease.uid)
            if not lease.plugins and lease.state is LeaseState.LEASED:
                del self._leases[lease.uid]
                self.version += 1
                self._ended(lease, Ended.DISABLED)
        return len(held)
