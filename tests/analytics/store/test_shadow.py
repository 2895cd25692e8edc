"""The shadow report counts what the tallies say, whole and in parts, on every engine."""

from __future__ import annotations

import random

import pytest

from analytics.store import Store
from analytics.store.retention import DAY_S, Retention, forget
from analytics.store.shadow import EXAMPLES_MAX, ShadowFilter, Shadows
from analytics.store.store import SCHEMA_VERSION
from analytics.store.tables import ShadowRow, ShadowTallyRow
from extender.record.costs import bucket_of
from tests.analytics.store.older import back_to


def tally(frame, **more):
    given = {
        "producer": "p", "id": frame, "seen_us": frame, "at_us": 1_000_000 * frame, "from_us": 1_000_000 * (frame - 1),
        "profile": "*", "plugin": "Quota", "namespace": "team-a", "revision": "7", "seen": 10, "placed": 8,
        "rejecting": 3, "rejecting_all": 1, "moved": 2, "settled": 1, "failed": 0, "reasons": '{"full":30}',
        "skipped": "{}", "costs": f'{{"{bucket_of(40)}":10}}',
    }  # fmt: skip
    return ShadowTallyRow(**(given | more))


def difference(frame, **more):
    given = {
        "producer": "p", "id": frame, "seen_us": frame, "at_us": 1_000_000 * frame, "decision": f"d{frame}",
        "namespace": "team-a", "pod": f"web-{frame}", "uid": f"u{frame}", "profile": "*", "plugin": "Quota",
        "revision": "7", "nodes": 9, "rejected": 9, "reasons": '{"full":9}', "sample": '["n1"]', "rejected_all": True,
        "moved": False, "moved_from": "", "moved_to": "", "cost_us": 40.04,
    }  # fmt: skip
    return ShadowRow(**(given | more))


def test_a_plugin_is_told_with_counts_percentages_and_cost(store):
    store.write(
        [tally(1), tally(2), tally(3, reasons='{"busy":1}', costs=f'{{"{bucket_of(900)}":1}}', seen=1, placed=0)]
    )
    (found,) = Shadows(store).report()
    assert (found["plugin"], found["seen"]) == ("Quota", 21)
    assert found["would_reject"] == {"pods": 9, "percent": 42.9}
    assert found["would_reject_all"] == {"pods": 3, "percent": 14.3}
    assert found["moved"] == {"placements": 6, "of": 16, "percent": 37.5, "settled": 3}
    assert found["reasons"] == [{"reason": "full", "nodes": 60}, {"reason": "busy", "nodes": 1}]
    assert found["cost_us"]["p50"] == pytest.approx(40, rel=0.05)
    assert found["cost_us"]["p99"] == pytest.approx(900, rel=0.05)
    assert (found["since"], found["until"]) == ("1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:03.000000Z")


def test_the_parts_of_a_report_add_up_to_the_whole(store):
    chance = random.Random(7)
    rows = [
        tally(
            i,
            plugin=chance.choice(["A", "B"]),
            namespace=chance.choice(["x", "y", ""]),
            revision=chance.choice(["7", "8"]),
            seen=(seen := chance.randint(1, 9)),
            rejecting=chance.randint(0, seen),
            skipped=chance.choice(["{}", '{"budget":2}', '{"budget":1,"moved":3}']),
            costs=f'{{"{chance.randint(0, 80)}":{seen}}}',
        )
        for i in range(1, 200)
    ]
    store.write(rows)
    for found in Shadows(store).report():
        own = [row for row in rows if row.plugin == found["plugin"]]
        assert found["seen"] == sum(row.seen for row in own)
        for parts in (found["namespaces"], found["revisions"]):
            assert sum(part["seen"] for part in parts) == found["seen"]
            assert sum(part["would_reject"]["pods"] for part in parts) == found["would_reject"]["pods"]
            for why in ("budget", "moved"):
                assert sum(part["skipped"].get(why, 0) for part in parts) == found["skipped"].get(why, 0)
        assert [part["revision"] for part in found["revisions"]] == ["8", "7"] or len(found["revisions"]) == 2


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (ShadowFilter(), {"Quota": 30, "Size": 10}),
        (ShadowFilter(plugin="Size"), {"Size": 10}),
        (ShadowFilter(namespaces=["team-b"]), {"Quota": 10}),
        (ShadowFilter(namespaces=["team-a", "team-b"]), {"Quota": 30, "Size": 10}),
        (ShadowFilter(since_us=2_000_000, until_us=3_000_000), {"Quota": 10}),
        (ShadowFilter(plugin="Nobody"), {}),
    ],
)
def test_every_filter_narrows_the_report_and_its_examples(store, wanted, seen):
    store.write([tally(1), tally(2), tally(3, namespace="team-b"), tally(4, plugin="Size")])
    store.write([difference(1), difference(2), difference(3, namespace="team-b"), difference(4, plugin="Size")])
    report = Shadows(store).report(wanted)
    assert {found["plugin"]: found["seen"] for found in report} == seen
    assert {found["plugin"]: len(found["examples"]) * 10 for found in report} == seen


def test_the_newest_examples_are_told_with_what_would_have_changed(store):
    moved = {"rejected": 0, "reasons": "{}", "rejected_all": False, "moved": True, "moved_from": "a", "moved_to": "b"}
    store.write([tally(1), *(difference(i) for i in range(1, EXAMPLES_MAX + 5)), difference(99, **moved)])
    examples = Shadows(store).report()[0]["examples"]
    assert len(examples) == EXAMPLES_MAX
    assert examples[0]["moved"] == {"from": "a", "to": "b"}
    assert (examples[1]["reasons"], examples[1]["rejected_all"], examples[1]["moved"]) == ({"full": 9}, True, None)
    assert examples[1]["sample"] == ["n1"]
    last = EXAMPLES_MAX + 4
    assert examples[1]["pod"] == {"namespace": "team-a", "name": f"web-{last}", "uid": f"u{last}"}


def test_of_what_was_only_skipped_there_is_no_percentage(store):
    none = {"seen": 0, "placed": 0, "rejecting": 0, "rejecting_all": 0, "moved": 0, "settled": 0}
    store.write([tally(1, **none, reasons="{}", costs="{}", skipped='{"budget":4}')])
    (found,) = Shadows(store).report()
    assert found["would_reject"]["percent"] is found["moved"]["percent"] is found["cost_us"]["p50"] is None
    assert found["skipped"] == {"budget": 4}


def test_shadows_are_forgotten_with_the_facts(store):
    day_us = int(DAY_S * 1e6)
    store.write([tally(1, at_us=0), difference(2, at_us=0), tally(3, at_us=40 * day_us)])
    assert forget(store, Retention(), 41 * day_us) == {"shadow": 1, "shadow_tally": 1}
    assert Shadows(store).report()[0]["seen"] == 10


def test_a_store_of_the_second_schema_gets_the_tables_and_keeps_its_rows(target):
    store = Store.open(target)
    back_to(store, 2)
    store.close()
    store = Store.open(target)
    store.write([tally(1), difference(1)])
    assert len(Shadows(store).report()[0]["examples"]) == 1
    assert store.query("SELECT max(version) FROM schema_version") == [(SCHEMA_VERSION,)]
    store.close()
