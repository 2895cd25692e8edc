"""The measurement of watch events tells of every kind. No figure is judged."""

from __future__ import annotations

from benchmarks.watching import in_process


def test_every_kind_of_event_is_measured() -> None:
    found = in_process(20, 300)
    assert (found["nodes"], found["pods"]) == (20, 300)
    assert all(found[f"{kind}_us"] > 0 for kind in ("node", "pod", "pod_changed", "pod_known"))
    assert found["wait_max_ms"] >= found["wait_p99_ms"] > 0
