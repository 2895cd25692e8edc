"""A canary counts for the pods it names and for no others, and for the same owners today and after a restart."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extender.engine.audience import Audience, owner_of, place_of
from extender.engine.profile import profile_of
from extender.engine.variants import Variants
from extender.framework import Pod
from extender.policy.modes import Canary, LabelExpression, LabelSelector
from extender.record.frames import Decision
from tests.extender.engine.a_world import World, a_pod

NODES = {"small": 2, "large": 8}
NAMES = list(NODES)
OWNERS = 10_000
_HASH = st.text("bcdfghjklmnpqrstvwxz2456789", min_size=5, max_size=10)
_NAME = st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")


@pytest.fixture
def world(cache: Path) -> World:
    return World(cache, NODES)


def skipped(world: World) -> list[tuple[str, list[str], str]]:
    last = [frame for frame in world.frames if isinstance(frame, Decision)][-1]
    return [(found.plugin, found.phases, found.why) for found in last.skipped]


def owned(owner: str, namespace: str = "ns", **labels: str) -> Pod:
    return Pod(namespace=namespace, name="p", uid="p", owner=owner, labels=labels)


@pytest.mark.parametrize("percent", [0, 0.5, 1, 5, 10, 20, 25, 50, 75, 90, 99, 100])
def test_the_share_is_kept_within_one_percent_over_ten_thousand_owners(percent: float) -> None:
    audience = Audience(Canary(percent=percent))
    pods = [owned(f"ReplicaSet/app-{i}-6d4cf56db6", f"team-{i % 10}") for i in range(OWNERS)]
    share = sum(audience.includes(pod) for pod in pods) / OWNERS
    assert abs(share - percent / 100) <= 0.01


@given(st.integers(1, 99), st.integers(0, 2**32))
@settings(max_examples=25)
def test_any_owners_are_shared_out_as_evenly_as_chance_allows(percent: int, seed: int) -> None:
    """Five standard deviations: owners are independent of one another, whatever they are called."""
    audience, share = Audience(Canary(percent=percent)), percent / 100
    found = sum(audience.includes(owned(f"StatefulSet/{seed}-{i}")) for i in range(2_000)) / 2_000
    assert abs(found - share) <= 5 * (share * (1 - share) / 2_000) ** 0.5


def test_where_an_owner_stands_does_not_change_with_process_machine_or_version() -> None:
    assert place_of("team-a/ReplicaSet/web") == 3245129525492120549


@given(st.floats(0, 100), st.floats(0, 100), _NAME, _NAME)
def test_raising_the_share_keeps_owners_in(one: float, other: float, namespace: str, name: str) -> None:
    low, high = sorted((one, other))
    pod = owned(f"StatefulSet/{name}", namespace)
    assert not Audience(Canary(percent=low)).includes(pod) or Audience(Canary(percent=high)).includes(pod)


@given(_NAME, _HASH, _HASH, st.booleans())
def test_all_revisions_of_a_deployment_are_one_owner(name: str, old: str, new: str, told: bool) -> None:  # noqa: FBT001
    def revision(hash_: str) -> Pod:
        labels = {"pod-template-hash": hash_} if told else {}
        return owned(f"ReplicaSet/{name}-{hash_}", **labels)

    assert owner_of(revision(old)) == owner_of(revision(new)) == f"ns/ReplicaSet/{name}"


@given(_NAME, _NAME)
def test_owners_are_told_apart_by_namespace_kind_and_name(name: str, other: str) -> None:
    pods = [owned(f"StatefulSet/{name}"), owned(f"DaemonSet/{name}"), owned(f"StatefulSet/{name}", "elsewhere")]
    assert len({owner_of(pod) for pod in pods}) == 3
    assert (owner_of(owned(f"StatefulSet/{name}")) == owner_of(owned(f"StatefulSet/{other}"))) == (name == other)


def test_a_pod_without_an_owner_is_its_own() -> None:
    assert owner_of(Pod(namespace="ns", name="lonely", uid="u")) == "ns/Pod/lonely"


@pytest.mark.parametrize(
    ("expression", "labels", "is_in"),
    [
        (LabelExpression(key="tier", operator="In", values=("web", "api")), {"tier": "api"}, True),
        (LabelExpression(key="tier", operator="In", values=("web", "api")), {}, False),
        (LabelExpression(key="tier", operator="NotIn", values=("web",)), {"tier": "web"}, False),
        (LabelExpression(key="tier", operator="NotIn", values=("web",)), {}, True),
        (LabelExpression(key="tier", operator="Exists"), {"tier": ""}, True),
        (LabelExpression(key="tier", operator="Exists"), {}, False),
        (LabelExpression(key="tier", operator="DoesNotExist"), {"tier": ""}, False),
        (LabelExpression(key="tier", operator="DoesNotExist"), {}, True),
    ],
)
def test_label_expressions_mean_what_they_mean_in_kubernetes(
    expression: LabelExpression,
    labels: dict[str, str],
    is_in: bool,  # noqa: FBT001
) -> None:
    selector = LabelSelector(match_expressions=(expression,))
    assert Audience(Canary(pod_selector=selector)).includes(owned("Job/x", **labels)) is is_in


def test_conditions_of_a_canary_all_count() -> None:
    selector = LabelSelector(match_labels={"tier": "web"})
    audience = Audience(Canary(namespaces=("team-a",), pod_selector=selector, percent=100))
    assert audience.includes(owned("Job/x", "team-a", tier="web"))
    assert not audience.includes(owned("Job/x", "team-b", tier="web"))
    assert not audience.includes(owned("Job/x", "team-a", tier="db"))


POLICY = """
profiles:
- plugins:
    multiPoint: {enabled: [{name: Seats, canary: {namespaces: [canary]}}, {name: Biggest}]}
"""


def test_a_pod_outside_the_canary_is_decided_as_if_the_plugin_were_off(world: World) -> None:
    world.use_text(POLICY)
    for uid in "abc":
        assert world.filter(a_pod(uid), NAMES)[0] == NAMES
    assert skipped(world) == [("Seats", ["preFilter", "reserve"], "outside canary")]
    assert world.engine.leases() == []


def test_a_pod_inside_the_canary_is_decided_by_the_plugin(world: World) -> None:
    world.use_text(POLICY)
    inside = [Pod(namespace="canary", name=uid, uid=uid) for uid in "abc"]
    assert [world.filter(pod, NAMES)[0] == NAMES for pod in inside] == [True, True, False]
    assert skipped(world) == []


def test_a_plugin_may_be_on_for_all_in_one_phase_and_a_canary_in_another(world: World) -> None:
    world.use_text(
        """
profiles:
- plugins:
    multiPoint: {enabled: [{name: Seats}]}
    reserve: {enabled: [{name: Seats, canary: {namespaces: [canary]}}]}
"""
    )
    world.filter(a_pod("a"), NAMES)
    assert skipped(world) == [("Seats", ["reserve"], "outside canary")]
    world.filter(Pod(namespace="canary", name="b", uid="b"), NAMES)
    assert [lease["uid"] for lease in world.engine.leases()] == ["b"]


def test_the_choice_of_the_filter_call_holds_for_the_whole_attempt(world: World) -> None:
    world.use_text("profiles: [{plugins: {multiPoint: {enabled: [{name: Biggest, canary: {namespaces: [canary]}}]}}}]")
    world.filter(Pod(namespace="canary", name="a", uid="a"), NAMES)
    # The same attempt, whatever its pod looks like by now.
    moved = Pod(namespace="elsewhere", name="a", uid="a")
    assert world.prioritize(moved, NAMES) == {"small": 0, "large": 100}
    world.filter(moved, NAMES)
    assert world.prioritize(moved, NAMES) == {"small": 0, "large": 0}


def test_what_a_canary_promised_is_given_back_when_an_edit_takes_it_off(world: World) -> None:
    world.use_text(POLICY)
    world.filter(Pod(namespace="canary", name="a", uid="a"), NAMES)
    assert world.engine.leases()
    world.use_text("profiles: [{plugins: {multiPoint: {enabled: [{name: Biggest}]}}}]")
    assert world.engine.leases() == []
    assert world.engine.books.of("Seats").taken == set()  # type: ignore[union-attr]


def test_a_lease_taken_under_a_variant_ends_with_its_bind(world: World) -> None:
    world.use_text(POLICY)
    pod = Pod(namespace="canary", name="a", uid="a")
    world.binder.answers["a"] = "no"

    async def attempt() -> str:
        world.filter(pod, NAMES)
        return await world.bind(pod, "small")

    assert asyncio.run(attempt()) == "no"
    assert world.engine.leases() == []


@given(data=st.data())
def test_a_mask_makes_the_profile_that_its_seats_make(data: st.DataObject, masks_world: World) -> None:
    whole = masks_world.engine.policy.profiles["default-scheduler"]
    variants = Variants(whole)
    mask = data.draw(st.integers(0, variants.full))
    kept = [seat for i, seat in enumerate(whole.seats) if mask >> i & 1]
    assert variants.of(mask) == profile_of("default-scheduler", kept)
    assert variants.of(mask) is variants.of(mask)


@pytest.fixture(scope="module")
def masks_world(cache: Path) -> World:
    world = World(cache, NODES)
    world.use("Seats", "Size", "Biggest", "Wild", "Clumsy")
    return world


def test_a_profile_without_conditions_is_the_one_that_the_policy_wrote(world: World) -> None:
    world.use_text("profiles: [{plugins: {multiPoint: {enabled: [{name: Seats}, {name: Biggest}]}}}]")
    assert world.engine.policy is world.engine.modes.whole
    assert world.engine.policy.profiles["default-scheduler"].conditional is None


def test_explain_tells_who_is_left_out_and_why(world: World) -> None:
    world.use_text(POLICY)
    told = asyncio.run(world.engine.explain(a_pod("a"), None, None))
    assert told["skipped"] == [{"plugin": "Seats", "phases": ["preFilter", "reserve"], "why": "outside canary"}]
    assert "Seats" not in told["plugins"]


def test_explain_judges_a_policy_that_is_not_in_effect_by_its_own_modes(world: World) -> None:
    told = asyncio.run(world.engine.explain(a_pod("a"), None, world.built(POLICY)))
    assert [found["why"] for found in told["skipped"]] == ["outside canary"]


def test_promises_of_a_replica_that_does_not_lead_any_more_are_given_back(world: World) -> None:
    world.use_text(POLICY)
    world.filter(Pod(namespace="canary", name="a", uid="a"), NAMES)
    assert world.engine.leases()
    world.engine.stand_down()
    assert world.engine.leases() == []
