"""The benchmark with a real kube-scheduler runs: every variant once and small. No figure is judged."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from benchmarks import scheduling, tools
from benchmarks.scheduling_variants import VARIANTS, WHOLE

NODES, PODS = 20, 30


def test_every_variant_binds_every_pod_and_the_extenders_are_asked_about_each(binaries: Path, tmp_path: Path) -> None:
    found = scheduling.measure(tmp_path, Console(), nodes=[NODES], pods=PODS, rounds=1, whole_at=NODES)
    rows = found["nodes"][str(NODES)]
    wanted = [v.name for v in VARIANTS + WHOLE if v.program != "go" or tools.build().go]
    assert list(rows) == wanted
    assert all(row["pods_per_s"] > 0 and row["ratio"] > 0 and row["attempt_p99_ms"] > 0 for row in rows.values())
    for name, row in rows.items():
        assert ("extender" in row["cpu_ms_per_pod"]) == (name not in ("none", "in_tree", "none_whole"))
        if name.startswith("trimtab"):
            assert row["trimtab"]["names"] == NODES
            assert (row["trimtab"]["records"] >= PODS) == (name == "trimtab_recording")
    assert scheduling.table(found).row_count == len(rows)
    assert not any((tmp_path / name).exists() for name in ("journal-trimtab-0", "journal-trimtab-all-0"))
