"""postFilter: which nodes preemption may clear, and of whom.

The scheduler's own preemption proposes nodes and victims; it knows nothing of what our plugins refuse. Saying yes to
what filter then refuses empties node after node, so the same checks run here: everything that filter asks, as if the
victims were gone, and then every plugin with a postFilter, each given the victims that the one before left. What such
a plugin refuses in preFilter, its search may cure, and must refuse otherwise. When in doubt a node is dropped:
no preemption is safer than a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter_ns

from extender.engine.cycle import Pass, count_failure, run_filters
from extender.engine.profile import Profile, Seat
from extender.engine.trace import FilterStep, PodStep, Trace
from extender.engine.verdicts import Victims
from extender.framework.declaration import (
    PASSED,
    Cycle,
    Exempting,
    PostFilter,
    Rejection,
    Search,
    Selection,
    Status,
)
from extender.framework.preemption import hopeless
from extender.model.pod import Pod
from extender.model.verdict import Code, Phase

# What a kubelet puts on the image of a static pod. Its deletion frees nothing, the kubelet makes it again.
MIRROR = "kubernetes.io/config.mirror"

_ELIGIBLE = "eligible"
"""A strike of its own: the search of the same phase may work."""
_UNKNOWN_NODE = Selection(status=Status(Code.UNRESOLVABLE, "the node is not known here"))
_UNKNOWN_VICTIM = Selection(status=Status(Code.UNRESOLVABLE, "a proposed victim is not known here"))
_BROKEN = Selection(status=Status(Code.ERROR, "the plugin failed"))


@dataclass(slots=True)
class Agreed:
    """What is left of a proposal."""

    nodes: dict[str, Victims] = field(default_factory=dict)
    added: set[str] = field(default_factory=set)
    """UIDs of victims that were not proposed; each stands on its node."""


def agree(over: Pass, trace: Trace, proposed: Mapping[str, Victims]) -> Agreed:
    """Which of the proposed nodes stay, and who leaves them. The rows of `over` are theirs, in order."""
    seats = over.profile.post_filters
    over = replace(over, leaving=dict(zip(over.rows.tolist(), (v.uids for v in proposed.values()), strict=True)))
    left = {name: proposed[name] for name in helped(over, trace, list(proposed))}
    if not seats:
        return Agreed({name: victims for name, victims in left.items() if victims.uids})
    refused = not_eligible(over, trace)
    if refused is not None:
        _drop_all(trace, *refused)
        return Agreed()
    chosen = {name: _known(over, name, victims) for name, victims in left.items()}
    exempting = exempting_of(over)
    for seat in seats:
        chosen = _Round(over, seat, trace, list(proposed)).passed(chosen, exempting)
    return _agreed({name: found for name, found in chosen.items() if found.victims}, proposed)


def helped(over: Pass, trace: Trace, names: list[str]) -> list[str]:
    """The nodes that filter would accept once pods have gone. What preemption cures is no reason against them."""
    pardoned = replace(over, profile=_without_own_checks(over.profile))
    codes = run_filters(pardoned, trace)
    cured = [True, *(rejection.cured_in_tree for rejection in trace.rejections)]
    return [name for name, code in zip(names, codes.tolist(), strict=True) if cured[code]]


def not_eligible(over: Pass, trace: Trace) -> tuple[Seat, Status] | None:
    """The first plugin by which the pod may not preempt now; it is then the last step of the trace."""
    for seat in over.profile.post_filters:
        started = perf_counter_ns()
        cycle = over.cycle(seat)
        try:
            status = part_of(seat).eligible(cycle, hopeless(cycle))
            seat.breaker.passed(_ELIGIBLE)
        except Exception as fault:  # noqa: BLE001 - a plugin may raise anything; it is then neutral
            count_failure(seat, Phase.POST_FILTER, fault, _ELIGIBLE)
            status = PASSED
        if status.code is not Code.SUCCESS:
            spent = perf_counter_ns() - started
            label = status.label or status.reason
            step = PodStep(seat.name, Phase.POST_FILTER, status.code, status.reason, label, len(over.rows), spent)
            trace.pod_steps.append(step)
            return seat, status
    return None


def exempting_of(over: Pass) -> Exempting:
    """Why a pod must stay, whoever evicts: "", or that its node made it, or the first plugin's reason."""
    asked = [(seat, over.cycle(seat), exempt) for seat in over.profile.post_filters if (exempt := part_of(seat).exempt)]

    def why(victim: Pod) -> str:
        if MIRROR in victim.annotations:
            return "it is a static pod: only its node can end it"
        for seat, cycle, exempt in asked:
            if reason := _why(seat, exempt, cycle, victim):
                return reason
        return ""

    return why


def _why(seat: Seat, exempt: Callable[[Cycle, Pod], str], cycle: Cycle, victim: Pod) -> str:
    try:
        return exempt(cycle, victim)
    except Exception as fault:  # noqa: BLE001 - as above; but whoever cannot say that a pod may go keeps it
        return f"{seat.name} could not say: {count_failure(seat, Phase.POST_FILTER, fault, None)}"


def part_of(seat: Seat) -> PostFilter:
    part = seat.plugin.post_filter
    assert part is not None  # noqa: S101 - how Profile chose its post_filters
    return part


class _Round:
    """One plugin's say about each node."""

    def __init__(self, over: Pass, seat: Seat, trace: Trace, names: list[str]) -> None:
        self._over, self._seat, self._trace = over, seat, trace
        self._place = {name: i for i, name in enumerate(names)}
        self._base = len(trace.rejections)
        self._codes: dict[str, int] = {}
        self._said = ""
        self._error = ""

    def passed(self, proposed: Mapping[str, Selection], exempting: Exempting) -> dict[str, Selection]:
        """The nodes that stay, with the victims that the plugin chose."""
        started = perf_counter_ns()
        search = self._begun(exempting)
        found = {name: self._searched(search, name, proposal) for name, proposal in proposed.items()}
        if not self._error:
            self._seat.breaker.passed(Phase.POST_FILTER)
        kept = {name: selection for name, selection in found.items() if selection.status.code is Code.SUCCESS}
        for name, selection in found.items():
            if name not in kept:
                self._drop(name, selection.status)
        self._trace.filter_steps.append(
            FilterStep(
                self._seat.name,
                self._base,
                len(self._codes),
                len(found),
                len(found) - len(kept),
                perf_counter_ns() - started,
                self._error,
                Phase.POST_FILTER,
                self._said,
            )
        )
        return kept

    def _begun(self, exempting: Exempting) -> Search:
        try:
            return part_of(self._seat).search(self._over.cycle(self._seat), exempting)
        except Exception as fault:  # noqa: BLE001 - as above
            self._error = count_failure(self._seat, Phase.POST_FILTER, fault)
            return lambda _row, _proposed: _BROKEN

    def _searched(self, search: Search, name: str, proposed: Selection) -> Selection:
        if proposed.status.code is not Code.SUCCESS:
            return proposed
        try:
            found = search(self._over.world.state.nodes.row(name), proposed)
            return found if self._stand_there(found.victims, name) else _BROKEN
        except Exception as fault:  # noqa: BLE001 - as above
            # One call is one strike, however many nodes it was asked about.
            self._error = count_failure(self._seat, Phase.POST_FILTER, fault, None if self._error else "")
            return _BROKEN

    def _stand_there(self, victims: Iterable[Pod], name: str) -> bool:
        """A UID that the scheduler does not find on the node fails its whole call."""
        here = self._over.world.state.pods_on(name)
        if all(pod.uid in here for pod in victims):
            return True
        self._error = f"chose a victim that is not on node {name}"
        return False

    def _drop(self, name: str, status: Status) -> None:
        label = status.label or status.reason
        code = self._codes.get(label)
        if code is None:
            code = self._codes[label] = self._trace.add_rejection(self._seat.name, Rejection(label, status.code))
        self._said = self._said or status.reason
        if self._trace.codes is not None:
            self._trace.codes[self._place[name]] = code


def _without_own_checks(profile: Profile) -> Profile:
    curing = {seat.name for seat in profile.post_filters}
    return replace(profile, pre_filters=tuple(seat for seat in profile.pre_filters if seat.name not in curing))


def _known(over: Pass, name: str, victims: Victims) -> Selection:
    """A proposal in our own terms, or why it cannot be judged."""
    if over.world.state.nodes.row(name) < 0:
        return _UNKNOWN_NODE
    here = over.world.state.pods_on(name)
    if any(uid not in here for uid in victims.uids):
        return _UNKNOWN_VICTIM
    return Selection(tuple(over.world.state.pods[uid] for uid in victims.uids), victims.pdb_violations)


def _agreed(chosen: Mapping[str, Selection], proposed: Mapping[str, Victims]) -> Agreed:
    agreed = Agreed()
    for name, selection in chosen.items():
        uids = tuple(pod.uid for pod in selection.victims)
        agreed.nodes[name] = Victims(uids, selection.pdb_violations)
        agreed.added.update(set(uids) - set(proposed[name].uids))
    return agreed


def _drop_all(trace: Trace, seat: Seat, status: Status) -> None:
    label = status.label or status.reason
    code = trace.add_rejection(seat.name, Rejection(status.reason, status.code), label)
    if trace.codes is not None:
        trace.codes[:] = code
