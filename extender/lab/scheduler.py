"""The stand-in for kube-scheduler: one pod at a time, its own filters first, then the extender, in the same order.

filter (first on the nominated node alone, if there is one) -> prioritize (not if one node is left) -> bind, which runs
beside the next pods; preempt when nothing fits. What the extender answers is read as strictly as the real one reads it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from extender.lab.accounts import Accounts, Demand, demand_of
from extender.lab.answers import ExtenderFailed, Victims
from extender.lab.calls import ExtenderCalls
from extender.lab.fit import Misfit, misfit
from extender.lab.identity import Clock, Identities
from extender.lab.kinds import DISRUPTION_BUDGETS, NODES, PODS
from extender.lab.preemption import best, candidates
from extender.lab.store import Change, Store, Stored
from extender.lab.tally import Tally
from extender.lab.trees import Tree, with_condition
from extender.lab.waiting import Queue, Waiting
from extender.lab.writing import Writer
from extender.model.resources import Resources

NAME = "default-scheduler"
_ALL_BELOW = 100
"""Clusters smaller than this are looked at whole."""
_SHUFFLE = 64
"""Parallel workers finish out of order within about so many nodes."""
_IDLE_S = 0.25
_NO_CLAIMS = "no new claims to deallocate, "
"""What the real one's resource-claim plugin puts in front, also for pods without claims."""


def nodes_to_find(nodes: int) -> int:
    """How many feasible nodes kube-scheduler is content with (percentageOfNodesToScore unset)."""
    if nodes < _ALL_BELOW:
        return nodes
    return max(_ALL_BELOW, nodes * max(5, 50 - nodes // 125) // 100)


class Scheduler:
    """Places the unassigned pods of the store through one extender."""

    def __init__(
        self, store: Store, writer: Writer, identities: Identities, calls: ExtenderCalls, clock: Clock, seed: int = 0
    ) -> None:
        self.tally = Tally()
        self.queue = Queue()
        self._store = store
        self._writer = writer
        self._new = identities
        self._calls = calls
        self._clock = clock
        self._random = random.Random(f"scheduler/{seed}")
        self._accounts = Accounts()
        self._start = 0
        self._nominated: dict[str, tuple[str, Demand]] = {}
        self._binding: dict[str, asyncio.Task[None]] = {}
        self._bell = asyncio.Event()
        for node in store.all(NODES):
            self._accounts.see_node(node)
        for pod in store.listed(PODS):
            self._see_pod(None, pod)
        store.listeners.append(self._seen)

    async def run(self) -> None:
        """Schedule until cancelled."""
        try:
            while True:
                self._bell.clear()
                waiting = self.queue.pop(self._clock())
                if waiting is not None:
                    await self.try_one(waiting)
                    await asyncio.sleep(0)
                    continue
                await self._rest()
        finally:
            for task in list(self._binding.values()):
                task.cancel()

    async def try_one(self, waiting: Waiting) -> None:
        """One scheduling cycle for one pod; its binding goes on after this returns."""
        stored = self._store.find(PODS, waiting.namespace, waiting.name)
        if stored is None or stored.uid != waiting.uid or stored.tree["spec"].get("nodeName"):
            self.queue.remove(waiting.uid)
            return
        if "deletionTimestamp" in stored.tree["metadata"] or _gated(stored.tree):
            self.queue.remove(waiting.uid)
            return
        self.tally.attempt(self._clock())
        demand = demand_of(stored)
        misfits: dict[str, Misfit] = {}
        try:
            node = await self._choose(demand, misfits)
        except ExtenderFailed as failure:
            self.tally.failed("filter", str(failure))
            self._put_back(waiting, demand, "SchedulerError", str(failure), error=True)
            return
        if node:
            self._assume(waiting, demand, node)
            return
        nominated, message = await self._make_room(demand, misfits)
        self.tally.counts["unschedulable"] += 1
        text = _unavailable(len(self._accounts.nodes), misfits)
        self._put_back(waiting, demand, "Unschedulable", text + message, error=False, nominated=nominated)

    async def settle(self) -> None:
        """Wait for the bindings that are under way."""
        while self._binding:
            await asyncio.gather(*self._binding.values(), return_exceptions=True)

    def report(self) -> dict[str, Any]:
        return {
            **self.tally.report(self._clock(), self._calls.latencies_ms),
            "waiting": len(self.queue),
            "binding": len(self._binding),
            "nominated": len(self._nominated),
        }

    async def _rest(self) -> None:
        due = self.queue.next_s()
        wait = _IDLE_S if due is None else min(_IDLE_S, max(0.001, due - self._clock()))
        try:
            async with asyncio.timeout(wait):
                await self._bell.wait()
        except TimeoutError:
            return

    async def _choose(self, demand: Demand, misfits: dict[str, Misfit]) -> str:
        """The node for this pod, or an empty string and the reasons in `misfits`. Raises ExtenderFailed."""
        pod = demand.stored.tree
        if await self._nominated_fits(demand):
            return str(pod["status"]["nominatedNodeName"])
        names = self._feasible(demand, misfits)
        if names:
            answer = await self._calls.filter(pod, names)
            rejected = {n: Misfit((why,), resolvable=True) for n, why in answer.failed.items()}
            rejected |= {n: Misfit((why,), resolvable=False) for n, why in answer.unresolvable.items()}
            kept = set(answer.names)
            for name in names:
                if name not in kept:
                    misfits[name] = rejected.get(name, Misfit((), resolvable=False))
            self.tally.rejected([why.reasons[0] for n, why in rejected.items() if n not in kept and why.reasons])
            names = answer.names
        if len(names) <= 1:
            return names[0] if names else ""
        return self._best(demand, names, await self._scores(pod, names))

    async def _nominated_fits(self, demand: Demand) -> bool:
        """The node that preemption made room on is asked for alone; an error there only sends the pod the long way."""
        name = demand.stored.tree["status"].get("nominatedNodeName", "")
        account = self._accounts.nodes.get(name)
        if account is None or misfit(demand, account, self._promised(demand, name)) is not None:
            return False
        try:
            return name in (await self._calls.filter(demand.stored.tree, [name])).names
        except ExtenderFailed as failure:
            self.tally.failed("filter (nominated node)", str(failure))
            return False

    def _feasible(self, demand: Demand, misfits: dict[str, Misfit]) -> list[str]:
        """Nodes that fit in-tree, from a rotating start and until there are enough, in workers' order."""
        accounts = list(self._accounts.nodes.values())
        wanted = nodes_to_find(len(accounts))
        names: list[str] = []
        looked = 0
        for looked in range(1, len(accounts) + 1):
            account = accounts[(self._start + looked - 1) % len(accounts)]
            why = misfit(demand, account, self._promised(demand, account.name))
            if why is None:
                names.append(account.name)
                if len(names) >= wanted:
                    break
            else:
                misfits[account.name] = why
        self._start = (self._start + looked) % max(1, len(accounts))
        for at in range(0, len(names), _SHUFFLE):
            window = names[at : at + _SHUFFLE]
            self._random.shuffle(window)
            names[at : at + _SHUFFLE] = window
        return names

    def _promised(self, demand: Demand, node: str) -> list[Resources]:
        """What pods of at least this priority, nominated to the node, will need there."""
        return [
            other.request
            for place, other in self._nominated.values()
            if place == node and other.uid != demand.uid and other.pod.priority >= demand.pod.priority
        ]

    async def _scores(self, pod: Tree, names: Sequence[str]) -> dict[str, int]:
        """A failed prioritize costs the extender its say, and nobody is told; we count it."""
        try:
            return await self._calls.prioritize(pod, names)
        except ExtenderFailed as failure:
            self.tally.failed("prioritize", str(failure))
            return {}

    def _best(self, demand: Demand, names: Sequence[str], scores: Mapping[str, int]) -> str:
        """Highest sum of in-tree score and ten times the extender's; ties at random."""

        def total(name: str) -> tuple[int, float]:
            account = self._accounts.nodes.get(name)
            spare = 0
            if account is not None and account.allocatable.cpu_milli > 0:
                used = account.requested.cpu_milli + demand.request.cpu_milli
                spare = 100 - min(100, 100 * used // account.allocatable.cpu_milli)
            return spare + 10 * scores.get(name, 0), self._random.random()

        return max(names, key=total)

    def _assume(self, waiting: Waiting, demand: Demand, node: str) -> None:
        self._accounts.place(demand, node)
        self._nominated.pop(demand.uid, None)
        self._binding[demand.uid] = asyncio.create_task(self._bind(waiting, demand, node))

    async def _bind(self, waiting: Waiting, demand: Demand, node: str) -> None:
        pod = demand.pod
        try:
            await self._calls.bind(pod.namespace, pod.name, pod.uid, node)
        except ExtenderFailed as failure:
            self._bind_failed(waiting, demand, str(failure))
        else:
            self.tally.counts["bound"] += 1
            if not self._is_bound(demand):
                # Answered "bound" without having bound: a real scheduler would keep the pod as assumed for ever.
                self.tally.failed("bind", f"{pod.key}: answered success, but the pod has no node")
        finally:
            self._binding.pop(demand.uid, None)

    def _bind_failed(self, waiting: Waiting, demand: Demand, text: str) -> None:
        if self._is_bound(demand):
            return
        self.tally.counts["bind_failures"] += 1
        self.tally.failed("bind", text)
        self._accounts.forget(demand.uid)
        self._put_back(waiting, demand, "SchedulerError", text, error=True)
        self.queue.wake(self._clock())

    def _is_bound(self, demand: Demand) -> bool:
        current = self._store.find(PODS, demand.pod.namespace, demand.pod.name)
        return current is not None and current.uid == demand.uid and bool(current.tree["spec"].get("nodeName"))

    async def _make_room(self, demand: Demand, misfits: Mapping[str, Misfit]) -> tuple[str, str]:
        """Preemption: the node that was emptied (or nothing), and what the message says about it."""
        if demand.pod.preemption_policy == "Never" or self._still_leaving(demand):
            return "", ""
        nodes = self._accounts.nodes
        found = candidates(demand, nodes, misfits, self._store.listed(DISRUPTION_BUDGETS))
        if not found:
            return "", _helpless(len(nodes), misfits)
        try:
            # As of now: what leaves while the extender thinks is no mistake of the extender's.
            pods_on = {name: frozenset(account.pods) for name, account in nodes.items()}
            found = await self._calls.preempt(demand.stored.tree, found, pods_on)
        except ExtenderFailed as failure:
            self.tally.failed("preempt", str(failure))
            return "", f" preemption: {failure}"
        found = {name: victims for name, victims in found.items() if self._all_there(name, victims)}
        if not found:
            return "", f" {_NO_CLAIMS}preemption: no candidate node for preemption"
        node = best(found, nodes)
        self._evict([nodes[node].pods[uid] for uid in found[node].uids])
        return node, ""

    def _all_there(self, name: str, victims: Victims) -> bool:
        account = self._accounts.nodes.get(name)
        return account is not None and all(uid in account.pods for uid in victims.uids)

    def _still_leaving(self, demand: Demand) -> bool:
        """Victims of an earlier attempt are still terminating on the nominated node."""
        account = self._accounts.nodes.get(demand.stored.tree["status"].get("nominatedNodeName", ""))
        return account is not None and any(
            d.pod.terminating and d.pod.priority < demand.pod.priority for d in account.pods.values()
        )

    def _evict(self, victims: Sequence[Demand]) -> None:
        self.tally.counts["preemptions"] += 1
        condition = {
            "type": "DisruptionTarget",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": self._new.now(),
            "reason": "PreemptionByScheduler",
            "message": f"{NAME}: preempting to accommodate a higher priority pod",
        }
        for victim in victims:
            current = self._store.find(PODS, victim.pod.namespace, victim.pod.name)
            if current is not None and current.uid == victim.uid:
                self.tally.counts["victims"] += 1
                self._writer.end_pod(self._store.replace(current, with_condition(current.tree, condition)))

    def _put_back(
        self, waiting: Waiting, demand: Demand, reason: str, message: str, *, error: bool, nominated: str = ""
    ) -> None:
        """Write the condition and queue the pod again."""
        if nominated:
            self._nominated[demand.uid] = (nominated, demand)
        self.queue.failed(waiting, self._clock(), error=error)
        current = self._store.find(PODS, waiting.namespace, waiting.name)
        if current is None or current.uid != waiting.uid:
            return
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "lastProbeTime": None,
            "lastTransitionTime": self._new.now(),
            "reason": reason,
            "message": message,
        }
        tree = with_condition(current.tree, condition)
        if nominated:
            tree = {**tree, "status": {**tree["status"], "nominatedNodeName": nominated}}
        self._store.replace(current, tree)

    def _seen(self, change: Change) -> None:
        """The informer: keep the cache, and wake pods that a change may help."""
        kind = change.new.kind
        if kind is NODES:
            if change.type == "DELETED":
                self._accounts.lose_node(change.new.name)
                return
            self._accounts.see_node(change.new)
            self._wake()
        elif kind is PODS:
            self._see_pod(change.old, None if change.type == "DELETED" else change.new)

    def _see_pod(self, old: Stored | None, new: Stored | None) -> None:
        if new is None or new.tree["status"].get("phase") in ("Succeeded", "Failed"):
            gone = old or new
            if gone is not None:
                self._lose(gone.uid)
            return
        node = new.tree["spec"].get("nodeName", "")
        if node:
            self.queue.remove(new.uid)
            self._nominated.pop(new.uid, None)
            self._accounts.place(demand_of(new), node)
        elif new.tree["spec"].get("schedulerName") == NAME and "deletionTimestamp" not in new.tree["metadata"]:
            self._see_waiting(old, new)

    def _see_waiting(self, old: Stored | None, new: Stored) -> None:
        """A pod without a node: who may be queued, what its nomination keeps free, whether a change wakes it."""
        demand = demand_of(new)
        if (nominated := demand.pod.nominated_node_name) and not self._accounts.node_of(new.uid):
            self._nominated[new.uid] = (nominated, demand)
        else:
            self._nominated.pop(new.uid, None)
        if _gated(new.tree):
            return
        if old is None or _gated(old.tree):
            pod = demand.pod
            self.queue.add(Waiting(pod.namespace, pod.name, pod.uid, pod.priority, pod.created_at_s))
            self._bell.set()
        elif _asks_anew(old.tree, new.tree):
            self.queue.poke(new.uid, self._clock())
            self._bell.set()

    def _lose(self, uid: str) -> None:
        was_there = bool(self._accounts.node_of(uid))
        self.queue.remove(uid)
        self._nominated.pop(uid, None)
        self._accounts.forget(uid)
        if was_there:
            self._wake()

    def _wake(self) -> None:
        self.queue.wake(self._clock())
        self._bell.set()


def _gated(tree: Tree) -> bool:
    return bool(tree["spec"].get("schedulingGates"))


def _asks_anew(old: Tree, new: Tree) -> bool:
    """Something of the pod other than its status and the server's bookkeeping changed: an annotation is enough."""
    kept = ("labels", "annotations", "ownerReferences")
    return old["spec"] != new["spec"] or any(old["metadata"].get(k) != new["metadata"].get(k) for k in kept)


def _unavailable(nodes: int, misfits: Mapping[str, Misfit]) -> str:
    """The sentence that users know: how many nodes failed for which reason."""
    counts = Counter(reason for why in misfits.values() for reason in why.reasons)
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    return f"0/{nodes} nodes are available: {listed}." if listed else f"0/{nodes} nodes are available:"


def _helpless(nodes: int, misfits: Mapping[str, Misfit]) -> str:
    tried = sum(1 for why in misfits.values() if why.resolvable)
    parts = [f"{tried} No preemption victims found for incoming pod"] if tried else []
    if hopeless := len(misfits) - tried:
        parts.append(f"{hopeless} Preemption is not helpful for scheduling")
    return f" {_NO_CLAIMS}preemption: 0/{nodes} nodes are available: {', '.join(parts)}."
