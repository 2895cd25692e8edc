"""Every installed plugin is switched on and off by an edit of the ConfigMap while pods flow, and the record shows it.

One control plane, one extender, one scheduler. A plugin that is on stands in the records of what is decided then; one
that is off stands in none that is decided after, and what it held is given back.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from extender.plugins import PLUGINS
from extender.record import frames
from extender.record.reader import Found, JournalReader
from tests.e2e.cluster import Pool
from tests.e2e.controlplane import Scheduler
from tests.e2e.policies import NOTHING
from tests.e2e.policies import policy as a_policy
from tests.e2e.process import eventually, read_url
from tests.e2e.programs import Extender, PolicyConfigMap

LIMIT_S = 60
ROOM = {"cpu": "16", "memory": "64Gi", "pods": "110"}
IN_FLIGHT = 6
"""Pods of the flow at a time; each placed one is replaced by the next."""
HIGH = "toggles-high"
BY_PLUGIN = {plugin.name: plugin for plugin in PLUGINS}

ARGS: Mapping[str, dict[str, Any]] = {
    "NodeMetadata": {
        "metadataKey": "toggles.test/rank",
        "metadataSource": "Label",
        "metadataType": "Number",
        "scoringStrategy": "Highest",
    },
    "Peaks": {"NodePowerModel": {"any": {"k0": 1.0, "k1": 1.0, "k2": 0.02}}},
    "Rescheduler": {"enableReschedulingController": False},
}
"""What a plugin does not start without, or should not do here."""


def on(name: str) -> dict[str, Any]:
    config = [{"name": name, "args": ARGS[name]}] if name in ARGS else []
    enabled = {"multiPoint": {"enabled": [{"name": name}]}}
    return a_policy({"schedulerName": "*", "plugins": enabled, "pluginConfig": config})


def phases_to_see(name: str) -> set[str]:
    """One of these phases of the plugin (of a member, for a family) stands in the record when it decides."""
    plugin = BY_PLUGIN[name]
    parts = [BY_PLUGIN[member] for member in plugin.members] or [plugin]
    found: set[str] = set()
    for part in parts:
        found |= {"score"} if part.score else set()
        found |= {"filter"} if part.filter else set()
        found |= {"preFilter"} if part.pre_filter else set()
        found |= {"postFilter"} if part.post_filter else set()
    return found


class Records:
    """Decisions of one namespace, as the journal has them so far."""

    def __init__(self, journal: Path, namespace: str) -> None:
        self._reader = JournalReader([journal])
        self._namespace = namespace
        self._seen: list[frames.Decision] = []

    def all(self) -> list[frames.Decision]:
        while batch := self._reader.read(max_frames=1000, max_bytes=1 << 24):
            for item in batch:
                frame = frames.decode(item.frame.payload) if isinstance(item, Found) else None
                if isinstance(frame, frames.Decision) and frame.pod.namespace == self._namespace:
                    self._seen.append(frame)
        return self._seen

    def under(self, revision: str) -> list[frames.Decision]:
        return [frame for frame in self.all() if frame.revision == revision]

    def close(self) -> None:
        self._reader.close()


def spoke(decisions: list[frames.Decision], names: set[str]) -> set[str]:
    """Phases in which one of the plugins said something."""
    return {verdict.phase for frame in decisions for verdict in frame.plugins if verdict.plugin in names}


@contextmanager
def flow(pool: Pool) -> Iterator[Callable[[], int]]:
    """Pods come and go all the time; the call answers how many have been placed so far."""
    stop, placed, numbers = threading.Event(), [0], itertools.count()

    def live() -> None:
        while not stop.is_set():
            bound = pool.bound()
            mine = [name for name in bound if name.startswith("flow-")]
            placed[0] += len(mine)
            for name in mine:
                pool.delete(name)
            missing = IN_FLIGHT - (len([p for p in pool.pods() if p["metadata"]["name"].startswith("flow-")]))
            pool.create(pool.pod(f"flow-{next(numbers)}") for _ in range(missing))
            stop.wait(0.1)

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    try:
        yield lambda: placed[0]
    finally:
        stop.set()
        thread.join(30)


@pytest.fixture
def records(extender: Extender, pool: Pool) -> Iterator[Records]:
    found = Records(extender.journal, pool.namespace)
    yield found
    found.close()


@pytest.fixture(scope="module")
def high(plane: Any) -> str:
    """A PriorityClass that may preempt."""
    plane.admin.post("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": HIGH}, "value": 1000})
    return HIGH


def revision(extender: Extender) -> str:
    return str(extender.configz()["revision"])


def told(extender: Extender, path: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = json.loads(read_url(f"{extender.admin}{path}"))
    return answer


def names_on(extender: Extender) -> set[str]:
    return {seat["name"] for seat in extender.configz()["plugins"]}


@pytest.mark.parametrize("name", sorted(BY_PLUGIN))
def test_r013_r024_a_plugin_switched_by_an_edit_speaks_while_it_is_on_and_never_after(
    name: str,
    extender: Extender,
    scheduler: Scheduler,
    pool: Pool,
    policy: PolicyConfigMap,
    records: Records,
    high: str,
) -> None:
    members = set(BY_PLUGIN[name].members) or {name}
    pool.add_nodes([ROOM] * 3)
    policy.apply(NOTHING)
    with flow(pool) as placed:
        eventually("pods flow with nothing on", lambda: placed() >= IN_FLIGHT, LIMIT_S, pool.waiting)

        policy.apply(on(name))
        lit = revision(extender)
        assert members <= names_on(extender)
        since = placed()
        eventually("pods flow with it on", lambda: placed() >= since + IN_FLIGHT, LIMIT_S, pool.waiting)
        if wanted := phases_to_see(name):
            _provoke(wanted, pool, high)
            eventually(
                f"{name} stands in the record",
                lambda: bool(spoke(records.under(lit), members) & wanted),
                LIMIT_S,
                lambda: spoke(records.under(lit), members),
            )

        policy.apply(NOTHING)
        dark = revision(extender)
        assert not names_on(extender)
        since = placed()
        eventually("pods flow with it off again", lambda: placed() >= since + IN_FLIGHT, LIMIT_S, pool.waiting)

    after = records.under(dark)
    assert after, "what was decided since is on record"
    assert spoke(after, members) == set()
    eventually(
        "nothing is held for it", lambda: _held(extender, members) == [], LIMIT_S, lambda: _held(extender, members)
    )


def _provoke(wanted: set[str], pool: Pool, high: str) -> None:
    """postFilter speaks only where preemption could help."""
    if wanted != {"postFilter"}:
        return
    pool.create([pool.pod(f"large-{i}", cpu="15") for i in range(3)])
    pool.wait_bound(3)
    pool.create([pool.pod("urgent", cpu="15", priorityClassName=high)])


def _held(extender: Extender, names: set[str]) -> list[Any]:
    leases = [row for row in told(extender, "/leases") if names & set(row["plugins"])]
    return leases + [row for row in told(extender, "/holds") if row["plugin"] in names]
