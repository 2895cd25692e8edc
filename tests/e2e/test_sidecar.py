"""What a real kube-scheduler caused is in the store, each call exactly once, whatever happens to the sidecar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from extender.record import frames
from extender.record.reader import Found, JournalReader
from tests.e2e.cluster import Pool
from tests.e2e.controlplane import ControlPlane, Scheduler
from tests.e2e.policies import by_size
from tests.e2e.process import eventually
from tests.e2e.programs import Extender, PolicyConfigMap, Sidecar

PODS = 40


@pytest.fixture
def sidecar(plane: ControlPlane, extender: Extender, tmp_path: Path) -> Iterator[Sidecar]:
    """Not started yet; its store is empty."""
    sidecar = Sidecar(plane, extender, tmp_path / "store.duckdb")
    yield sidecar
    sidecar.terminate(15)


def _recorded(journal: Path) -> Counter[tuple[str, int]]:
    """(producer, id) of every decision frame in the journal."""
    reader = JournalReader([journal])
    found: Counter[tuple[str, int]] = Counter()
    while batch := reader.read(max_frames=1000, max_bytes=1 << 24):
        for item in batch:
            # What is no frame is the torn end of an extender that another test killed.
            if isinstance(item, Found) and isinstance(frames.decode(item.frame.payload), frames.Decision):
                found[item.producer, item.id] += 1
    reader.close()
    return found


def _stored(store: Path) -> Counter[tuple[str, int]]:
    """The same of the store. Nobody else may have the file open."""
    with duckdb.connect(str(store), read_only=True) as database:
        return Counter(database.execute("SELECT producer, id FROM decision").fetchall())


def test_the_sidecar_is_killed_and_restarted_and_every_decision_is_stored_exactly_once(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap, sidecar: Sidecar
) -> None:
    pool.add_nodes([{"cpu": str(32 + i), "memory": "64Gi", "pods": "110"} for i in range(10)])
    policy.apply(by_size("Least"))
    sidecar.run()

    pool.create(pool.pod(f"before-{i:03d}") for i in range(PODS))
    pool.wait_bound(PODS // 2)
    sidecar.kill()  # while records arrive
    pool.create(pool.pod(f"without-{i:03d}") for i in range(PODS))
    pool.wait_bound(2 * PODS)
    sidecar.run()
    pool.create(pool.pod(f"after-{i:03d}") for i in range(PODS))
    pool.wait_bound(3 * PODS)

    eventually("the page's API knows the last pod", lambda: _knows(sidecar, f"after-{PODS - 1:03d}", pool), 30)
    recorded = _recorded(extender.journal)
    eventually("the journal is read to its end", sidecar.has_read_all, 30)
    sidecar.terminate(15)
    stored = _stored(sidecar.store)
    assert set(recorded) <= set(stored), "nothing is missing"
    assert set(stored) <= set(_recorded(extender.journal)), "nothing was made up"
    assert not [frame for frame, times in stored.items() if times != 1], "nothing is there twice"
    assert len(stored) >= 3 * 3 * PODS, "filter, prioritize and bind of every pod"


def test_a_decision_of_a_real_scheduler_is_shown_with_its_scores_and_its_end(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap, sidecar: Sidecar
) -> None:
    nodes = pool.add_nodes([{"cpu": str(32 + i), "memory": "64Gi", "pods": "110"} for i in range(5)])
    policy.apply(by_size("Least"))
    sidecar.run()
    pool.create([pool.pod("shown")])
    pool.wait_bound(1)

    eventually("the API knows the pod", lambda: _knows(sidecar, "shown", pool), 30)
    page = sidecar.get(f"/api/v1/pods/{pool.namespace}/shown/why")
    text = str(page)
    assert "NodeResourcesAllocatable" in text
    assert nodes[0] in text


def _knows(sidecar: Sidecar, pod: str, pool: Pool) -> bool:
    text = str(sidecar.get("/api/decisions?limit=1000"))
    return pod in text and pool.namespace in text
