"""Moves running pods as Rescheduler's balance says, round by round, while any profile has the plugin on.

Every profile with the plugin on has its rounds, at its interval, over the pods of its schedulers. A round looks at the
cluster in slices, so that calls of the scheduler pass in between, decides in a thread, and submits evictions; each is
verified once more when its turn comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from extender.controllers.controller import Surroundings
from extender.engine.profile import Profile, Seat
from extender.eviction import Job
from extender.model.events import Object
from extender.model.pod import Pod
from extender.plugins.rescheduler.args import ReschedulerArgs, seconds
from extender.plugins.rescheduler.balance import balance
from extender.plugins.rescheduler.book import UsageBook
from extender.plugins.rescheduler.movable import immovable
from extender.plugins.rescheduler.scene import Machine, Move, Scene
from extender.plugins.rescheduler.usage import percents, slots_of, usage_of

PLUGIN = "Rescheduler"
# How often it looks whether a round is due, or the plugin off; the interval itself is an argument.
POLL_S = 0.5
# Nodes looked at between two calls of the scheduler: about a millisecond of work.
SLICE = 100


@dataclass(slots=True)
class _Rounds:
    """Of one profile."""

    next_s: float
    done: int = 0
    skipped: int = 0
    moves: int = 0
    last: int = 0
    last_at_s: float = 0.0


class Rescheduling:
    name = "rescheduling"

    def __init__(self, around: Surroundings) -> None:
        self._engine = around.engine
        self._state = around.state
        self._evictions = around.evictions
        self._clock = around.clock
        self._rounds: dict[str, _Rounds] = {}
        self._memo: dict[str, Any] = {}

    async def run(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(POLL_S)

    async def look(self) -> None:
        """Begin every round that is due; a profile that has the plugin off forgets its rounds."""
        on = {profile.scheduler_name: (profile, seat) for profile, seat in self._on()}
        self._rounds = {name: rounds for name, rounds in self._rounds.items() if name in on}
        now_s = self._clock()
        for name, (profile, seat) in on.items():
            interval_s = seconds(seat.args.rescheduling_interval)
            rounds = self._rounds.setdefault(name, _Rounds(now_s + interval_s))
            # A shorter interval takes effect at once.
            rounds.next_s = min(rounds.next_s, now_s + interval_s)
            if now_s >= rounds.next_s:
                rounds.next_s = now_s + interval_s
                await self._round(profile, seat, rounds)

    def status(self) -> dict[str, Any]:
        return {
            name: {
                "rounds": rounds.done,
                "skipped": rounds.skipped,
                "moves": rounds.moves,
                "lastMoves": rounds.last,
                "lastAt": rounds.last_at_s,
            }
            for name, rounds in self._rounds.items()
        }

    # One round.

    async def _round(self, profile: Profile, seat: Seat, rounds: _Rounds) -> None:
        if not self._evictions.idle:
            # What was decided before is still being done; deciding on top of it would be over the aim.
            rounds.skipped += 1
            return
        scene = await self._scene(profile, seat.args)
        moves = await asyncio.to_thread(balance, scene)
        rounds.done += 1
        rounds.last, rounds.last_at_s = 0, scene.now_s
        for move in moves:
            if self._seat(profile.scheduler_name) is None or not self._submit(profile.scheduler_name, seat.args, move):
                return
            rounds.last += 1
            rounds.moves += 1

    def _submit(self, profile: str, args: ReschedulerArgs, move: Move) -> bool:
        job = Job(
            plugin=PLUGIN,
            why="rescheduling",
            reason=f"{move.strategy}: {move.reason}; node {move.target} would take the pod",
            node=move.source,
            victims=(move.pod,),
            verify=self._verify(profile, move),
            spared=lambda pod: self._book.forget_move(pod.uid),
            dry_run=args.dry_run,
        )
        taken = self._evictions.submit(job)
        if taken:
            self._book.expect_move(move.pod, self._clock() + seconds(args.cooldown))
        return taken

    def _verify(self, profile: str, move: Move) -> Callable[[], str]:
        def still() -> str:
            seat = self._seat(profile)
            if seat is None:
                return f"{PLUGIN} is off"
            pod = self._state.pods.get(move.pod.uid)
            if pod is None:
                return "the pod is gone"
            protected = self._engine.protected(pod)
            return protected or immovable(pod, seat.args, self._clock()) or self._settled(move, seat.args)

        return still

    def _settled(self, move: Move, args: ReschedulerArgs) -> str:
        """Why the node no longer needs the move, or ""."""
        book, nodes = self._book, self._state.nodes
        if move.strategy == "NodeMaintenance":
            return "" if book.maintenance[book.slot(move.source)] else "the node is no longer in maintenance mode"
        row = nodes.row(move.source)
        if row < 0:
            return "the node is gone"
        usage = usage_of(nodes, book, args.usage, slots_of(nodes, book, self._memo))
        cpu, memory = (float(column[row]) for column in percents(nodes, usage))
        if move.after is not None and usage.known[row] and cpu < move.after[0] and memory < move.after[1]:
            return "the use of the node has fallen without the move"
        return ""

    # What it looks at.

    @property
    def _book(self) -> UsageBook:
        book = self._engine.books.of(PLUGIN)
        assert isinstance(book, UsageBook)  # noqa: S101 - the plugin is built in, and every plugin's book is kept
        return book

    def _on(self) -> list[tuple[Profile, Seat]]:
        return [
            (profile, seat)
            for profile in self._engine.policy.profiles.values()
            for seat in profile.seats
            if seat.name == PLUGIN and seat.args.enable_rescheduling_controller
        ]

    def _seat(self, profile: str) -> Seat | None:
        return next((seat for found, seat in self._on() if found.scheduler_name == profile), None)

    async def _scene(self, profile: Profile, args: ReschedulerArgs) -> Scene:
        machines: list[Machine] = []
        governed: set[str] = set()
        names = sorted(name for name, _row in self._state.nodes.items())
        for start in range(0, len(names), SLICE):
            for machine in self._machines(names[start : start + SLICE], args):
                machines.append(machine)
                governed.update(pod.uid for pod in machine.pods if self._governs(profile, pod))
            await asyncio.sleep(0)
        now_s = self._clock()
        return Scene(
            machines=machines,
            resources=tuple(self._state.nodes.resources),
            args=args,
            now_s=now_s,
            governed=governed,
            leaving=self._book.expected(now_s).keys(),
            cooling=self._book.cooling(now_s) | set(self._book.expected(now_s).values()),
            min_members=_min_members(self._state.objects.get("PodGroup", {})),
        )

    def _machines(self, names: list[str], args: ReschedulerArgs) -> list[Machine]:
        """Those of the nodes that are there, as they are now."""
        nodes, book, state = self._state.nodes, self._book, self._state
        usage = usage_of(nodes, book, args.usage, slots_of(nodes, book, self._memo))
        cpu, memory = percents(nodes, usage)
        found = []
        for name in names:
            row = nodes.row(name)
            node = nodes.objects[row] if row >= 0 else None
            if node is None:
                continue
            found.append(
                Machine(
                    node=node,
                    used=(float(cpu[row]), float(memory[row])) if usage.known[row] else None,
                    capacity=(int(nodes.capacity_cpu_milli[row]), int(nodes.capacity_memory_bytes[row])),
                    allocatable=nodes.allocatable[row].tolist(),
                    requested=nodes.requested[row].tolist(),
                    pods=tuple(state.pods[uid] for uid in sorted(state.pods_on(name)) if uid in state.pods),
                    maintenance=bool(book.maintenance[book.slot(name)]),
                )
            )
        return found

    def _governs(self, profile: Profile, pod: Pod) -> bool:
        """Whether the pod is the profile's, the plugin counts for it, and no plugin protects it."""
        governing = self._engine.policy.for_pod(pod, self._clock())
        is_ours = governing.scheduler_name == profile.scheduler_name
        return is_ours and any(seat.name == PLUGIN for seat in governing.seats) and not self._engine.protected(pod)


def _min_members(groups: Mapping[str, Object]) -> dict[str, int]:
    """Pod group -> minMember; what is malformed protects nobody."""
    found = {}
    for key, group in groups.items():
        spec = group.get("spec")
        least = spec.get("minMember") if isinstance(spec, Mapping) else None
        if isinstance(least, int) and not isinstance(least, bool):
            found[key] = least
    return found
