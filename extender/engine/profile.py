"""A policy made ready to run: plugins with their args decoded, by phase, in order. Immutable once swapped in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from extender.framework.arguments import args_of
from extender.framework.compiled import CompiledPlugin
from extender.framework.declaration import Plugin, Reserve, ReserveOnNode
from extender.model.verdict import Phase
from extender.policy import ParsedPolicy, PolicyRefused, Problem, ResolvedPlugin, ResolvedProfile


@dataclass(slots=True)
class Seat:
    """One plugin at its place in one profile."""

    plugin: Plugin
    compiled: CompiledPlugin
    args: Any
    weight: int
    phases: frozenset[str]
    memo: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.plugin.name

    def runs(self, phase: Phase) -> bool:
        return phase in self.phases


@dataclass(frozen=True, slots=True)
class Profile:
    """What one schedulerName gets: every seat in the order of the policy, and the same phase by phase."""

    scheduler_name: str
    seats: tuple[Seat, ...] = ()
    queue_sorts: tuple[Seat, ...] = ()
    """The first one orders; the others still say which pods belong together."""
    pre_filters: tuple[Seat, ...] = ()
    filters: tuple[Seat, ...] = ()
    post_filters: tuple[Seat, ...] = ()
    scorers: tuple[Seat, ...] = ()
    reservers: tuple[Seat, ...] = ()
    """Charged when filter passes."""
    node_reservers: tuple[Seat, ...] = ()
    """Charged when bind arrives."""
    permits: tuple[Seat, ...] = ()
    no_nodes: tuple[Seat, ...] = ()
    """They hear of pods that found no node."""
    pre_binds: tuple[Seat, ...] = ()
    post_binds: tuple[Seat, ...] = ()


NEUTRAL = Profile("")


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Everything that the cycle reads of the policy, behind one reference."""

    revision: str = ""
    hash: str = ""
    scale: str = "wide"
    profiles: Mapping[str, Profile] = field(default_factory=dict)

    def profile_for(self, scheduler_name: str) -> Profile:
        """The profile of that name, else the one named `*`, else the neutral one."""
        profiles = self.profiles
        return profiles.get(scheduler_name) or profiles.get("*") or NEUTRAL

    @property
    def reserving(self) -> set[str]:
        """Plugins that may have promised something."""
        every = self.profiles.values()
        return {seat.name for profile in every for seat in (*profile.reservers, *profile.node_reservers)}

    @property
    def scheduler_names(self) -> Collection[str]:
        return self.profiles.keys()


def keep_memos(before: PolicySet, after: PolicySet) -> None:
    """A seat whose args stay as they are keeps what it derived: an edit elsewhere costs it nothing."""
    for name, profile in after.profiles.items():
        old = {seat.name: seat for seat in before.profiles[name].seats} if name in before.profiles else {}
        for seat in profile.seats:
            same = old.get(seat.name)
            if same is not None and same.plugin is seat.plugin and same.args == seat.args:
                seat.memo = same.memo


def build(parsed: ParsedPolicy, revision: str, installed: Mapping[str, CompiledPlugin]) -> PolicySet:
    """Bind a parsed policy to the installed plugins. Raises PolicyRefused with every problem; changes nothing."""
    problems: list[Problem] = []
    profiles = {}
    for index, resolved in enumerate(parsed.profiles):
        seats = _seats(resolved, index, installed, problems)
        profiles[resolved.scheduler_name] = profile_of(resolved.scheduler_name, seats)
    if problems:
        raise PolicyRefused(tuple(problems))
    return PolicySet(revision, parsed.hash, parsed.scale, profiles)


def _seats(
    resolved: ResolvedProfile, index: int, installed: Mapping[str, CompiledPlugin], problems: list[Problem]
) -> list[Seat]:
    seats = []
    for wanted in resolved.plugins:
        compiled = installed.get(wanted.name)
        if compiled is None:
            problems.append(Problem(f"profiles[{index}].plugins", f"plugin {wanted.name} is not installed"))
            continue
        seat = _seat(wanted, compiled, index, problems)
        if seat is not None:
            seats.append(seat)
    return seats


def _seat(wanted: ResolvedPlugin, compiled: CompiledPlugin, index: int, problems: list[Problem]) -> Seat | None:
    args, wrong = args_of(compiled.plugin, wanted.args)
    for path, message in wrong:
        where = f"profiles[{index}].pluginConfig[{wanted.name}].args"
        problems.append(Problem(f"{where}.{path}" if path else where, message))
    if wrong:
        return None
    return Seat(compiled.plugin, compiled, args, wanted.weight, wanted.phases)


def profile_of(name: str, seats: Sequence[Seat]) -> Profile:
    """The seats sorted into the phases that their policy gives them."""

    def running(phase: Phase, has: Callable[[Plugin], object]) -> tuple[Seat, ...]:
        return tuple(seat for seat in seats if has(seat.plugin) and seat.runs(phase))

    return Profile(
        name,
        seats=tuple(seats),
        queue_sorts=running(Phase.QUEUE_SORT, lambda plugin: plugin.queue_sort),
        pre_filters=running(Phase.PRE_FILTER, lambda plugin: plugin.pre_filter),
        filters=running(Phase.FILTER, lambda plugin: plugin.filter),
        post_filters=running(Phase.POST_FILTER, lambda plugin: plugin.post_filter),
        scorers=running(Phase.SCORE, lambda plugin: plugin.score),
        reservers=running(Phase.RESERVE, lambda plugin: isinstance(plugin.reserve, Reserve)),
        node_reservers=running(Phase.RESERVE, lambda plugin: isinstance(plugin.reserve, ReserveOnNode)),
        permits=running(Phase.PERMIT, lambda plugin: plugin.permit),
        no_nodes=running(Phase.POST_FILTER, lambda plugin: plugin.permit and plugin.permit.no_node),
        pre_binds=running(Phase.PRE_BIND, lambda plugin: plugin.pre_bind),
        post_binds=running(Phase.POST_BIND, lambda plugin: plugin.post_bind),
    )
