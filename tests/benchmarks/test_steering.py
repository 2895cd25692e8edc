"""The parts of the steering benchmark that judge: they see a mix of revisions, a lost edit, a gap in the history."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.programs import BenchmarkFailed
from benchmarks.steering_checks import Seen, in_history, no_mix, none_lost
from benchmarks.steering_story import Version, judged
from benchmarks.steering_writers import API, DESK, START, Accepted, configured, places_in, reweighted
from extender.control.revision import FIRST, Record
from extender.record import frames

POD = frames.PodRef("team", "pod", "uid")
SEATS = ("NodeResourcesAllocatable", "TargetLoadPacking", "LowRiskOverCommitment", "LoadVariationRiskBalancing")


class OneWriter:
    def __init__(self, name: str, places: Any) -> None:
        self.name = name
        self.places = places


def version(revision: int, **weights: int) -> Version:
    text = json.dumps(START)
    for name, weight in weights.items():
        text = reweighted(text, DESK.__class__(name, weight))
    return Version(revision, text, judged(text))


def prioritize(revision: int, **parts: tuple[int, int, int]) -> Seen:
    verdicts = [frames.PluginVerdict(name, "score") for name in SEATS]
    best = [frames.NodeScore("n", 1, dict.fromkeys(SEATS, (0, 1, 1)) | parts)]
    return Seen(
        frames.Decision(
            at_us=1,
            decision="d",
            attempt=1,
            verb="prioritize",
            pod=POD,
            revision=str(revision),
            plugins=verdicts,
            best=best,
        )
    )


def test_a_call_with_the_weights_of_its_revision_is_no_mix_and_one_with_others_is() -> None:
    stored = [version(1), version(2, TargetLoadPacking=7)]
    new = prioritize(2, TargetLoadPacking=(50, 50, 350))
    no_mix(stored, {"a": [prioritize(1), new]}, SEATS)
    old_weight_under_new_revision = prioritize(2, TargetLoadPacking=(50, 50, 50))
    with pytest.raises(BenchmarkFailed, match="under revision 2"):
        no_mix(stored, {"a": [new, old_weight_under_new_revision]}, SEATS)


def test_a_call_that_asks_other_plugins_than_its_revision_has_is_a_mix() -> None:
    stored = [version(1)]
    seen = prioritize(1)
    seen.seats = seen.seats - {"TargetLoadPacking"}
    with pytest.raises(BenchmarkFailed, match="the revision has"):
        no_mix(stored, {"a": [seen]}, SEATS)


def test_a_decision_under_a_text_that_cannot_be_in_effect_is_told() -> None:
    stored = [version(1), Version(2, "profiles: [", None)]
    with pytest.raises(BenchmarkFailed, match="revision 2, which cannot be in effect"):
        no_mix(stored, {"a": [prioritize(1), prioritize(2)]}, SEATS)


def test_weights_that_nobody_saw_are_not_taken_for_right() -> None:
    stored = [version(1)]
    with pytest.raises(BenchmarkFailed, match="TargetLoadPacking"):
        no_mix(stored, {"a": [prioritize(1, TargetLoadPacking=(0, 0, 0))]}, SEATS)


def accepted(revision: int, weight: int, backup: int = 0) -> Accepted:
    places = DESK.__class__(DESK.score, weight, DESK.switched, DESK.phase, setting=1)
    return Accepted("desk", revision, places, sent_s=0.0, took_s=0.0, backup=backup)


def test_an_edit_that_a_later_version_has_undone_is_lost() -> None:
    first, mine = version(1), version(2, TargetLoadPacking=7)
    broken = Version(3, "[", None)
    desk: Any = [OneWriter("desk", DESK)]
    theirs = version(4, TargetLoadPacking=7, LowRiskOverCommitment=3)
    none_lost([first, mine, broken, theirs], [accepted(2, 7)], desk)
    undone = version(4, LowRiskOverCommitment=3)
    with pytest.raises(BenchmarkFailed, match="revision 4"):
        none_lost([first, mine, broken, undone], [accepted(2, 7)], desk)
    with pytest.raises(BenchmarkFailed, match="never stored"):
        none_lost([first], [accepted(2, 7)], desk)


def record(number: int, text: str, previous: str) -> Record:
    made = Record(
        number=number,
        created_at="2026-01-01T00:00:00Z",
        kind="auto",
        actor="a",
        via="cli",
        reason="",
        hash="h",
        revision="1",
        encoding="plain",
        text=text,
        previous=previous,
    )
    return Record(**{name: getattr(made, name) for name in made.__struct_fields__} | {"chain": made.chained()})


def test_a_gap_in_the_chain_and_a_record_with_another_text_are_told() -> None:
    before, after = version(1), version(2, TargetLoadPacking=7)
    one = record(1, before.text, FIRST)
    two = record(2, after.text, one.chain)
    stored, records = [before, after], {1: one, 2: two}
    in_history(stored, records, [accepted(2, 7, backup=1)])
    with pytest.raises(BenchmarkFailed, match="record 2 does not hold the text before revision 2"):
        in_history(stored, records, [accepted(2, 7, backup=2)])
    del records[1]
    with pytest.raises(BenchmarkFailed, match="record 1 of the history"):
        in_history(stored, records, [])


@pytest.mark.parametrize("places", [API, DESK])
def test_places_are_read_back_as_they_are_written(places: Any) -> None:
    text = reweighted(json.dumps(START), places.__class__(places.score, 42))
    tree = json.loads(text)
    tree["profiles"][0]["pluginConfig"] = [{"name": places.score, "args": configured(places.score, 17)}]
    policy = judged(json.dumps(tree))
    assert policy is not None
    found = places_in(policy, places)
    assert (found.weight, found.setting, found.on) == (42, 17, False)
