"""Journals that older programs wrote stay readable. `v1/`, and `v1_shadow/` with the kinds of frames that came later,
were written once and are never changed."""

from __future__ import annotations

from pathlib import Path

from extender.record.frames import Decision, Event, Gap, Moved, Outcome, Policy, Shadow, ShadowTally, Snapshot, decode
from extender.record.reader import Found, JournalReader, Place

HERE = Path(__file__).parent


def test_every_frame_of_format_1_is_read_with_its_values():
    reader = JournalReader([HERE / "v1"])
    found = reader.read(100, 1 << 20)
    assert all(isinstance(item, Found) for item in found)
    frames = [item.frame for item in found if isinstance(item, Found)]
    assert [frame.sequence for frame in frames] == [1, 2, 3, 4, 5, 6, 7]
    policy, snapshot, event, filtered, scored, outcome, gap = (decode(frame.payload) for frame in frames)
    assert isinstance(policy, Policy)
    assert (policy.revision, policy.hash, policy.source) == ("7", "abc123", "file")
    assert policy.document == {"profiles": []}
    assert isinstance(snapshot, Snapshot)
    assert snapshot.columns == {"cpu": [4000, 8000]}
    assert isinstance(event, Event)
    assert (event.change, event.value) == ("NodeDeleted", {"name": "node-2"})
    assert isinstance(filtered, Decision)
    assert (filtered.verb, filtered.decision, filtered.pod.name) == ("filter", "d1", "web-0")
    assert filtered.plugins[0].reasons == {"out of quota": 1}
    assert (filtered.rejected[0].node, filtered.candidates) == ("node-2", ["node-1", "node-2"])
    assert isinstance(scored, Decision)
    assert scored.best[0].parts == {"PodState": (3, 100, 200)}
    assert scored.leases[0].action == "taken"
    assert isinstance(outcome, Outcome)
    assert (outcome.result, outcome.node, outcome.seen_by) == ("bound", "node-1", "watch")
    assert isinstance(gap, Gap)
    assert (gap.count, gap.cause, gap.from_us, gap.to_us) == (12, "full", 1767323000000000, 1767323001000000)
    assert reader.places() == {"golden": Place(3, 0)}
    reader.close()


def test_every_frame_about_plugins_in_shadow_is_read_with_its_values():
    reader = JournalReader([HERE / "v1_shadow"])
    found = reader.read(100, 1 << 20)
    assert all(isinstance(item, Found) for item in found)
    rejecting, moving, tally = (decode(item.frame.payload) for item in found if isinstance(item, Found))
    assert isinstance(rejecting, Shadow)
    assert (rejecting.decision, rejecting.plugin, rejecting.pod.namespace) == ("d1", "Size", "team-a")
    assert (rejecting.nodes, rejecting.would_reject, rejecting.would_reject_all) == (3, {"too small": 3}, True)
    assert rejecting.rejected == ["node-1", "node-2", "node-3"]
    assert (rejecting.phases, rejecting.revision, rejecting.moved) == (["filter"], "7", None)
    assert isinstance(moving, Shadow)
    assert moving.moved == Moved("node-1", "node-2")
    assert (moving.would_reject, moving.would_reject_all, moving.cost_us) == ({}, False, 40.5)
    assert isinstance(tally, ShadowTally)
    assert (tally.from_us, tally.at_us) == (1767323000000000, 1767323005000000)
    assert (tally.seen, tally.placed, tally.would_reject, tally.would_reject_all) == (10, 9, 2, 1)
    assert (tally.moved, tally.settled, tally.failed) == (3, 1, 0)
    assert (tally.reasons, tally.skipped, tally.costs) == ({"too small": 4}, {"budget": 2}, {43: 10})
    reader.close()
