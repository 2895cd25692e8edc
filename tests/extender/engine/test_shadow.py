"""A plugin in shadow says what it would have changed, changes nothing, and costs no more than its share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from extender.engine.audience import Audience
from extender.engine.profile import PolicySet, Seat, profile_of
from extender.engine.shadows import Shadows
from extender.engine.tallies import EVERY_S, TALLIES_MAX
from extender.model.events import NodeUpserted, PodUpserted
from extender.model.node import Node
from extender.model.pod import Pod
from extender.model.verdict import Phase
from extender.policy.modes import Canary
from extender.record.frames import Moved, Shadow, ShadowTally
from tests.extender.engine.a_world import SizeArgs, World, a_pod

NAMES = ["small", "middle", "large"]
EVERY = frozenset(Phase)


class Watched(World):
    """Three nodes of 1, 4 and 16 cores."""

    def __init__(self, cache: Path) -> None:
        super().__init__(cache, {"small": 1, "middle": 4, "large": 16})

    def on(self, *enforced: str, shadow: dict[str, Any] | None = None, weight: int = 3, scale: str = "wide") -> None:
        """`shadow`: name -> args or None, each with `weight`; the enforced ones weigh 1."""
        seats = [self._seat(name, 1, None) for name in enforced]
        for name, args in (shadow or {}).items():
            compiled = self.compiled[name]
            given = args or compiled.plugin.args()
            seats.append(Seat(compiled.plugin, compiled, given, weight, frozenset(), shadow=EVERY))
        profile = profile_of("default-scheduler", seats)
        self.engine.activate(PolicySet("r1", "h1", scale, {"default-scheduler": profile}))

    def filtered(self, pod: Pod, names: list[str] = NAMES) -> list[str]:
        """A filter call with all that follows its answer; the names that pass."""
        verdict = self.engine.decide(pod, names, self.rows(names), self.now_s)
        verdict.conclude()
        if verdict.behind is not None:
            verdict.behind()
        return [name for name, code in zip(names, verdict.codes, strict=True) if not code]

    def scored(self, pod: Pod, names: list[str]) -> dict[str, int]:
        verdict = self.engine.prioritize(pod, names, self.rows(names), self.now_s)
        if verdict.behind is not None:
            verdict.behind()
        return dict(zip(names, verdict.totals.tolist(), strict=True))

    def cycle(self, pod: Pod) -> None:
        passed = self.filtered(pod)
        if len(passed) > 1:
            self.scored(pod, passed)

    @property
    def shadows(self) -> list[Shadow]:
        return [frame for frame in self.frames if isinstance(frame, Shadow)]

    @property
    def tallies(self) -> list[ShadowTally]:
        self.engine.finish()
        found = [frame for frame in self.frames if isinstance(frame, ShadowTally)]
        self.frames[:] = [frame for frame in self.frames if not isinstance(frame, ShadowTally)]
        return found


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def world(cache: Path) -> Watched:
    return Watched(cache)


def test_what_a_filter_would_have_rejected_is_told_by_reason_and_rejects_nothing(world: Watched) -> None:
    world.on(shadow={"Size": SizeArgs(least_cpu_milli=4000)})
    assert world.filtered(a_pod("u")) == NAMES
    world.scored(a_pod("u"), NAMES)
    (shadow,) = world.shadows
    assert (shadow.plugin, shadow.nodes, shadow.would_reject) == ("Size", 3, {"too small": 1})
    assert (shadow.would_reject_all, shadow.revision, shadow.pod.namespace) == (False, "r1", "ns")
    assert shadow.phases == ["filter", "preFilter", "score"]
    assert shadow.rejected == ["small"]
    assert shadow.cost_us > 0


def test_it_is_shown_only_what_passed_the_enforced_plugins(world: Watched) -> None:
    world.state.apply(NodeUpserted(Node(name="small", capacity={"cpu": "1"}, unschedulable=True)), world.now_s)
    world.on("Size", shadow={"Seats": None})
    world.cycle(a_pod("u"))
    assert world.shadows == []
    world.on(shadow={"Size": SizeArgs(least_cpu_milli=5000)})
    world.cycle(a_pod("v"))
    assert world.shadows[0].would_reject == {"too small": 1, "cordoned": 1}


def test_a_rejection_of_the_pod_counts_every_node(world: Watched) -> None:
    world.on(shadow={"Seats": None})
    for uid in "ab":
        world.state.apply(PodUpserted(a_pod(uid, node_name="large")), world.now_s)
    world.cycle(a_pod("u"))
    (shadow,) = world.shadows
    assert (shadow.would_reject, shadow.would_reject_all, shadow.moved) == ({"no seat left": 3}, True, None)


@pytest.mark.parametrize("scale", ["wide", "strict"])
def test_a_score_that_puts_another_node_on_top_has_moved_the_placement(world: Watched, scale: str) -> None:
    world.on("Biggest", shadow={"Smallest": None}, scale=scale)
    world.cycle(a_pod("u"))
    assert world.shadows[0].moved == Moved("large", "small")
    world.frames.clear()
    world.on("Biggest", shadow={"Smallest": None}, weight=1, scale=scale)
    world.cycle(a_pod("v"))
    assert world.shadows == [], "with equal weights it is still among the best"


def test_a_filter_that_takes_the_winner_has_moved_the_placement(world: Watched) -> None:
    world.on("Smallest", shadow={"Size": SizeArgs(least_cpu_milli=2000)})
    world.cycle(a_pod("u"))
    assert world.shadows[0].moved == Moved("small", "middle")


def test_a_placement_that_could_have_stayed_has_not_moved(world: Watched) -> None:
    world.on(shadow={"Biggest": None})
    world.cycle(a_pod("u"))
    assert world.shadows == []
    (tally,) = world.tallies
    assert (tally.seen, tally.placed, tally.moved, tally.settled) == (1, 1, 0, 1)


def test_the_only_node_that_passed_is_the_winner_though_nobody_asks_for_its_score(world: Watched) -> None:
    world.on(shadow={"Size": SizeArgs(least_cpu_milli=2000)})
    world.filtered(a_pod("u"), ["small"])
    assert world.shadows[0].would_reject_all
    (tally,) = world.tallies
    assert (tally.placed, tally.would_reject_all) == (1, 1)


def test_a_scheduler_that_never_scores_is_asked_about_filters_alone(world: Watched) -> None:
    world.on(shadow={"Size": SizeArgs(least_cpu_milli=2000)})
    for uid in "abc":
        world.filtered(a_pod(uid))
    assert [shadow.pod.uid for shadow in world.shadows] == ["a", "b"], "each is over when the next begins"
    world.engine.tick()
    world.engine.tick()
    assert [shadow.pod.uid for shadow in world.shadows] == ["a", "b", "c"], "or after a second"
    (tally,) = world.tallies
    assert (tally.seen, tally.placed, tally.would_reject) == (3, 0, 3)


def test_a_scheduler_that_never_filters_is_asked_about_scores_alone(world: Watched) -> None:
    world.on("Biggest", shadow={"Smallest": None, "Size": SizeArgs(least_cpu_milli=2000)})
    world.scored(a_pod("u"), NAMES)
    (shadow,) = world.shadows
    assert (shadow.plugin, shadow.nodes, shadow.moved) == ("Smallest", 0, Moved("large", "small"))


def test_a_decision_without_a_difference_leaves_no_frame_and_is_counted(world: Watched) -> None:
    world.on(shadow={"Size": None})
    world.cycle(a_pod("u"))
    assert world.shadows == []
    (tally,) = world.tallies
    assert (tally.plugin, tally.namespace, tally.profile, tally.revision) == ("Size", "ns", "default-scheduler", "r1")
    assert (tally.seen, tally.would_reject, sum(tally.costs.values())) == (1, 0, 1)


def test_what_happens_between_answer_and_question_makes_it_a_skip(world: Watched) -> None:
    world.on(shadow={"Size": SizeArgs(least_cpu_milli=2000)})
    verdict = world.engine.decide(a_pod("u"), ["small"], world.rows(["small"]), world.now_s)
    verdict.conclude()
    world.state.apply(NodeUpserted(Node(name="new", capacity={"cpu": "1"})), world.now_s)
    assert verdict.behind is not None
    verdict.behind()
    assert world.shadows == []
    assert world.tallies[0].skipped == {"moved": 1}


def test_what_happens_between_filter_and_scores_parts_two_moments_that_are_both_asked_about(world: Watched) -> None:
    world.on("Biggest", shadow={"Size": SizeArgs(least_cpu_milli=2000), "Smallest": None})
    world.filtered(a_pod("u"))
    world.state.apply(NodeUpserted(Node(name="large", capacity={"cpu": "2"})), world.now_s)
    world.scored(a_pod("u"), NAMES)
    size, smallest = world.shadows
    assert (size.would_reject, size.moved) == ({"too small": 1}, None)
    assert smallest.moved == Moved("middle", "small")


def test_what_happens_after_the_scores_leaves_what_the_filter_said(world: Watched) -> None:
    world.on("Biggest", shadow={"Size": SizeArgs(least_cpu_milli=2000), "Smallest": None})
    world.filtered(a_pod("u"))
    verdict = world.engine.prioritize(a_pod("u"), NAMES, world.rows(NAMES), world.now_s)
    world.state.apply(NodeUpserted(Node(name="new", capacity={"cpu": "1"})), world.now_s)
    assert verdict.behind is not None
    verdict.behind()
    tallies = {tally.plugin: tally for tally in world.tallies}
    assert (tallies["Size"].seen, tallies["Size"].placed, tallies["Size"].skipped) == (1, 0, {})
    assert (tallies["Smallest"].seen, tallies["Smallest"].skipped) == (0, {"moved": 1})


def test_scores_that_were_made_ahead_hold_though_a_plugin_in_shadow_was_asked_since(world: Watched) -> None:
    world.on("Biggest", shadow={"Seats": None})
    verdict = world.engine.decide(a_pod("u"), NAMES, world.rows(NAMES), world.now_s)
    verdict.conclude()
    world.engine.prioritize(a_pod("u"), NAMES, world.rows(NAMES), world.now_s)
    ahead = world.engine.moment()
    assert verdict.behind is not None
    verdict.behind()
    assert world.engine.moment() == ahead


def test_scores_made_ahead_and_again_are_asked_about_once(world: Watched) -> None:
    world.on("Biggest", shadow={"Smallest": None})
    world.filtered(a_pod("u"))
    world.engine.prioritize(a_pod("u"), NAMES, world.rows(NAMES), world.now_s)
    world.scored(a_pod("u"), NAMES)
    assert len(world.shadows) == 1
    assert world.tallies[0].seen == 1


def test_a_plugin_in_shadow_promises_nothing(world: Watched) -> None:
    world.on(shadow={"Seats": None})
    for uid in "abcd":
        world.cycle(a_pod(uid))
    assert world.engine.leases() == []
    assert world.engine.books.of("Seats").leased == set()  # type: ignore[union-attr]
    assert world.tallies[0].would_reject_all == 0


def test_a_plugin_in_shadow_that_raises_is_neutral_and_counted(world: Watched) -> None:
    world.on(shadow={"Broken": None})
    world.cycle(a_pod("u"))
    (tally,) = world.tallies
    assert (tally.seen, tally.failed, tally.would_reject) == (1, 1, 0)


def test_what_a_policy_puts_in_shadow_is_taken_back_from_those_that_held_it(world: Watched) -> None:
    world.on("Seats")
    world.filtered(a_pod("u"))
    assert len(world.engine.leases()) == 1
    world.on(shadow={"Seats": None})
    assert world.engine.leases() == []


def test_a_share_of_time_that_is_spent_is_waited_for(world: Watched) -> None:
    """The clock of durations stands still except while a plugin is asked: 30 ms each time."""
    world.on(shadow={"Size": None})
    at_ns = [0]

    def ticks() -> int:
        at_ns[0] += 10_000_000
        return at_ns[0]

    engine = world.engine
    engine._shadows = Shadows(engine._world, engine.moment, world.frames.append, lambda: world.now_s, ticks)
    for number in range(20):
        world.cycle(a_pod(f"u{number}"))
    (tally,) = world.tallies
    assert 0 < tally.seen < 10
    assert tally.skipped == {"budget": 20 - tally.seen}
    before = tally.seen
    at_ns[0] += 10**10
    world.cycle(a_pod("later"))
    assert world.tallies[0].seen == 1, before


def test_tallies_are_written_every_few_seconds(world: Watched) -> None:
    world.on(shadow={"Size": None})
    world.cycle(a_pod("u"))
    world.now_s += EVERY_S - 1
    world.engine.tick()
    assert not any(isinstance(frame, ShadowTally) for frame in world.frames)
    world.now_s += 1
    world.engine.tick()
    assert [tally.seen for tally in world.tallies] == [1]
    assert world.tallies == [], "each is written once"


def test_namespaces_beyond_the_bound_are_counted_together(world: Watched) -> None:
    world.on(shadow={"Size": None})
    world.engine._shadows._budget._share = 1e9
    for number in range(TALLIES_MAX + 3):
        world.filtered(Pod(namespace=f"ns-{number}", name="p", uid=f"u{number}"), ["large"])
    found = world.tallies
    assert len(found) == TALLIES_MAX + 1
    assert [tally.seen + sum(tally.skipped.values()) for tally in found if not tally.namespace] == [3]


def test_a_mixed_plugin_is_enforced_in_one_phase_and_watched_in_another(world: Watched) -> None:
    compiled = world.compiled["Seats"]

    def seat(**more: Any) -> Seat:
        given: dict[str, Any] = {"phases": frozenset()} | more
        return Seat(compiled.plugin, compiled, compiled.plugin.args(), 1, **given)

    seats = [seat(phases=frozenset({Phase.RESERVE})), seat(shadow=frozenset({Phase.PRE_FILTER}))]
    profile = profile_of("default-scheduler", seats)
    world.engine.activate(PolicySet("r1", "h1", "wide", {"default-scheduler": profile}))
    for uid in "abc":
        assert world.filtered(a_pod(uid), ["large"]) == ["large"]
    assert len(world.engine.leases()) == 3
    assert [(tally.plugin, tally.seen) for tally in world.tallies] == [("Seats", 3)]


def test_a_plugin_that_is_only_watched_stands_in_no_phase_that_counts(world: Watched) -> None:
    world.on(shadow={"Seats": None, "Biggest": None})
    profile = world.engine.policy.profile_for("default-scheduler")
    assert profile.seats == profile.pre_filters == profile.scorers == profile.reservers == ()
    assert {seat.name for seat in profile.every_seat} == {"Seats", "Biggest"}
    assert world.engine.policy.reserving == set()


def test_a_policy_that_changes_between_filter_and_scores_is_no_trouble(world: Watched) -> None:
    world.on(shadow={"Size": SizeArgs(least_cpu_milli=2000)})
    world.filtered(a_pod("u"))
    world.on("Biggest", shadow={"Smallest": None})
    world.scored(a_pod("u"), NAMES)
    assert [shadow.plugin for shadow in world.shadows] == ["Smallest"]
    world.filtered(a_pod("v"))
    world.on("Biggest")
    assert world.scored(a_pod("v"), NAMES) == {"small": 0, "middle": 20, "large": 100}
    world.cycle(a_pod("w"))
    assert len(world.shadows) == 1


def test_what_a_plugin_derived_in_shadow_it_keeps_when_it_is_enforced(world: Watched) -> None:
    world.on(shadow={"Size": None})
    (watched,) = world.engine.policy.profile_for("default-scheduler").shadows
    watched.alone.seats[0].memo["derived"] = 1
    world.on("Size")
    (seat,) = world.engine.policy.profile_for("default-scheduler").seats
    assert seat.memo == {"derived": 1}


def test_a_refused_nominated_node_is_no_decision_yet(world: Watched) -> None:
    world.on("Size", shadow={"Biggest": None})
    world.state.apply(NodeUpserted(Node(name="small", capacity={"cpu": "1"}, unschedulable=True)), world.now_s)
    pod = a_pod("u", nominated_node_name="small")
    assert world.filtered(pod, ["small"]) == []
    world.cycle(pod)
    (tally,) = world.tallies
    assert tally.seen == 1


def test_a_shadow_is_asked_about_the_pods_of_its_canary_alone(world: Watched) -> None:
    world.on(shadow={"Size": SizeArgs(least_cpu_milli=2000)})
    (watched,) = world.engine.policy.profile_for("default-scheduler").watched
    watched.audience = Audience(Canary(namespaces=("ns",)))
    world.engine.activate(replace(world.engine.policy, token=object()))
    world.cycle(a_pod("u"))
    world.cycle(Pod(namespace="elsewhere", name="p", uid="v"))
    assert [shadow.pod.namespace for shadow in world.shadows] == ["ns"]
    assert [(tally.namespace, tally.seen) for tally in world.tallies] == [("ns", 1)]


def test_a_shadow_has_its_time(world: Watched) -> None:
    world.on(shadow={"Size": SizeArgs(least_cpu_milli=2000)})
    (watched,) = world.engine.policy.profile_for("default-scheduler").watched
    watched.until_s = world.now_s + 60
    world.engine.activate(replace(world.engine.policy, token=object()))
    world.cycle(a_pod("u"))
    world.now_s += 61
    world.cycle(a_pod("v"))
    assert [shadow.pod.uid for shadow in world.shadows] == ["u"]


def test_what_fails_in_shadow_opens_no_breaker(world: Watched) -> None:
    compiled = world.compiled["Broken"]

    def seat(**more: Any) -> Seat:
        given: dict[str, Any] = {"phases": frozenset()} | more
        return Seat(compiled.plugin, compiled, compiled.plugin.args(), 1, **given)

    seats = [seat(phases=frozenset({Phase.SCORE})), seat(shadow=frozenset({Phase.PRE_FILTER}))]
    profile = profile_of("default-scheduler", seats)
    world.engine.activate(PolicySet("r1", "h1", "wide", {"default-scheduler": profile}))
    for number in range(10):
        world.cycle(a_pod(f"u{number}"))
    assert world.engine.modes.breakers() == []
    assert world.tallies[0].failed == 10
