"""A policy made ready to run: plugins with their args decoded, by phase, in order. Immutable once swapped in."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import TYPE_CHECKING, Any

from extender.engine.audience import Audience
from extender.engine.breaker import Breaker
from extender.framework.arguments import args_of
from extender.framework.compiled import CompiledPlugin
from extender.framework.declaration import Plugin, Reserve, ReserveOnNode
from extender.model.pod import Pod
from extender.model.verdict import Phase
from extender.policy import SHADOW_EVALUATES, ParsedPolicy, PolicyRefused, Problem, ResolvedPlugin, ResolvedProfile
from extender.policy.modes import Guard, GuardWhen, Rule

if TYPE_CHECKING:
    from extender.engine.variants import Choice, Conditional


@dataclass(slots=True)
class Seat:
    """One plugin at its place in one profile."""

    plugin: Plugin
    compiled: CompiledPlugin
    args: Any
    weight: int
    phases: frozenset[str]
    memo: dict[str, Any] = field(default_factory=dict)
    shadow: frozenset[str] = frozenset()
    """Phases in which it is only watched."""
    audience: Audience | None = None
    """Whose pods it counts for; None: all."""
    from_s: float = -inf
    until_s: float = inf
    """It counts from `from_s` on and before `until_s`, unix seconds."""
    deadline_ns: int = 0
    """Of one part in one call; 0: none."""
    fails_closed: bool = False
    """What goes wrong with it refuses the pod, instead of being neutral."""
    breaker: Breaker = field(default_factory=Breaker)
    """The plugin's own, shared by all its seats of the policy in effect."""
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.plugin.name

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
    conditional: Conditional | None = None
    """Some of its seats count for some pods or at some moments only, or are off now; None: all count for all."""
    watched: tuple[Seat, ...] = ()
    """In shadow: they decide nothing, and stand in none of the others."""
    shadows: tuple[Shadow, ...] = ()
    """The same, plugin by plugin, ready to be asked."""

    @property
    def every_seat(self) -> tuple[Seat, ...]:
        return (*self.seats, *self.watched)


@dataclass(frozen=True, slots=True)
class Shadow:
    """A plugin in shadow."""

    name: str
    phases: frozenset[str]
    """Those in which it is asked."""
    alone: Profile
    """What it would do in them, as if nothing else were on. Its failures open nobody's breaker."""


NEUTRAL = Profile("")


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Everything that the cycle reads of the policy, behind one reference."""

    revision: str = ""
    hash: str = ""
    scale: str = "wide"
    profiles: Mapping[str, Profile] = field(default_factory=dict)
    sparse: int = 0
    """How many nodes a prioritize answer lists at most, the best; 0: all."""
    rules: tuple[Rule, ...] = ()
    guards: tuple[Guard, ...] = ()
    """Its own, and those of its canaries."""
    token: object = field(default_factory=object, compare=False, repr=False)
    """This very set, and no other that may equal it."""

    def profile_for(self, scheduler_name: str) -> Profile:
        """The profile of that name, else the one named `*`, else the neutral one."""
        profiles = self.profiles
        return profiles.get(scheduler_name) or profiles.get("*") or NEUTRAL

    def choose(self, pod: Pod, now_s: float) -> tuple[Profile, Choice | None]:
        """The profile whose seats all count for this pod at this moment; and the choice, where there was one."""
        profile = self.profile_for(pod.scheduler_name)
        if profile.conditional is None:
            return profile, None
        choice = profile.conditional.choose(pod, now_s)
        return choice.profile, choice

    def for_pod(self, pod: Pod, now_s: float) -> Profile:
        return self.choose(pod, now_s)[0]

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
        old = {seat.name: seat for seat in before.profiles[name].every_seat} if name in before.profiles else {}
        asked = (seat for shadow in profile.shadows for seat in shadow.alone.seats)
        for seat in (*profile.every_seat, *asked):
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
    document = parsed.document
    guards = (*document.guards, *_canary_guards(parsed.profiles))
    return PolicySet(revision, parsed.hash, parsed.scale, profiles, document.scoring.sparse, document.rules, guards)


def _canary_guards(profiles: Sequence[ResolvedProfile]) -> Iterator[Guard]:
    """What a canary says of guards, as a guard that switches off its plugin alone. Entries that agree share one."""
    seen = set()
    for plugin in (plugin for profile in profiles for plugin in profile.plugins):
        told = plugin.canary.guards if plugin.canary else None
        if told is not None and (plugin.name, told) not in seen:
            seen.add((plugin.name, told))
            when = GuardWhen(**{field: getattr(told, field) for field in GuardWhen.__struct_fields__})
            yield Guard(name=canary_guard(plugin.name), when=when, over=told.over, plugin=plugin.name, then="disable")


def canary_guard(plugin: str) -> str:
    """The name of the guard of a plugin's canary; no guard of a document can have it."""
    return f"canary of {plugin}"


def _seats(
    resolved: ResolvedProfile, index: int, installed: Mapping[str, CompiledPlugin], problems: list[Problem]
) -> list[Seat]:
    seats: list[Seat] = []
    for wanted in resolved.plugins:
        compiled = installed.get(wanted.name)
        if compiled is None:
            problems.append(Problem(f"profiles[{index}].plugins", f"plugin {wanted.name} is not installed"))
            continue
        seat = _seat(wanted, compiled, index, problems)
        if seat is not None:
            twin = next((other for other in seats if other.name == seat.name), seat)
            seat.memo = twin.memo
            seats.append(seat)
    return seats


def _seat(wanted: ResolvedPlugin, compiled: CompiledPlugin, index: int, problems: list[Problem]) -> Seat | None:
    args, wrong = args_of(compiled.plugin, wanted.args)
    for path, message in wrong:
        where = f"profiles[{index}].pluginConfig[{wanted.name}].args"
        problems.append(Problem(f"{where}.{path}" if path else where, message))
    if wrong:
        return None
    return Seat(
        compiled.plugin,
        compiled,
        args,
        wanted.weight,
        wanted.phases,
        audience=Audience(wanted.canary) if wanted.canary else None,
        from_s=-inf if wanted.from_s is None else wanted.from_s,
        until_s=inf if wanted.until_s is None else wanted.until_s,
        deadline_ns=int((wanted.deadline_ms or 0) * 1e6),
        fails_closed=wanted.on_failure == "closed",
        shadow=wanted.shadow,
    )


def profile_of(name: str, seats: Sequence[Seat]) -> Profile:
    """The seats sorted into the phases that their policy gives them, enforced or for show."""
    watched = tuple(seat for seat in seats if seat.shadow)
    seats = [seat for seat in seats if seat.phases]

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
        watched=watched,
        shadows=tuple(_shadows(name, watched)),
    )


def _shadows(name: str, watched: Iterable[Seat]) -> Iterator[Shadow]:
    found: dict[str, list[Seat]] = {}
    for seat in watched:
        asked = replace(seat, phases=seat.shadow & SHADOW_EVALUATES, shadow=frozenset(), breaker=Breaker())
        if asked.phases:
            found.setdefault(seat.name, []).append(asked)
    for plugin, seats in found.items():
        phases = frozenset[str]().union(*(seat.phases for seat in seats))
        yield Shadow(plugin, phases, profile_of(name, seats))
