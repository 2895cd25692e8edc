"""Canary, time box, breaker and guard with the real scheduler, and a third party's plugin that misbehaves when told."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from extender.record import frames
from tests.e2e.cluster import Pool
from tests.e2e.controlplane import Scheduler
from tests.e2e.policies import policy as a_policy
from tests.e2e.process import eventually
from tests.e2e.programs import DRAIN_S, Extender, PolicyConfigMap
from tests.e2e.test_toggles import ROOM, Records, flow

LIMIT_S = 60
GUARD_LIMIT_S = 5.0
MOODY = """
import time
from extender.framework import PASSED, Args, Code, Plugin, PreFilter, Status

class MoodyArgs(Args, frozen=True):
    mood: str = "good"
    sleep_s: float = 0.0

def check(cycle):
    if cycle.args.sleep_s and not cycle.quiet:
        time.sleep(cycle.args.sleep_s)
    if cycle.args.mood == "raise" and not cycle.quiet:
        raise RuntimeError("boom")
    return Status(Code.UNSCHEDULABLE, "not in the mood") if cycle.args.mood == "refuse" else PASSED

PLUGIN = Plugin(name="Moody", doc="As its args say.", args=MoodyArgs, pre_filter=PreFilter(check))
"""


@pytest.fixture(scope="module")
def moody(extender: Extender, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Extender]:
    """The extender in an environment that has one more plugin."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "moody_plugin.py").write_text(MOODY)
    metadata = folder / "moody-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[trimtab.plugins]\nmoody = moody_plugin\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
        extender.terminate(DRAIN_S)
        extender.run()
        yield extender
        extender.terminate(DRAIN_S)
    extender.run()


@pytest.fixture
def records(moody: Extender, pool: Pool) -> Iterator[Callable[[], list[frames.Decision]]]:
    """Filter calls of the test's own namespace so far."""
    found = Records(moody.journal, pool.namespace)
    yield lambda: [frame for frame in found.all() if frame.verb == "filter"]
    found.close()


def with_moody(*more: dict[str, Any], guards: list[dict[str, Any]] | None = None, **args: Any) -> dict[str, Any]:
    entry = {"name": "Moody"} | (more[0] if more else {})
    config = [{"name": "Moody", "args": args}]
    profile = {"schedulerName": "*", "plugins": {"multiPoint": {"enabled": [entry]}}, "pluginConfig": config}
    return a_policy(profile) | {"guards": guards or []}


def asked(decisions: list[frames.Decision]) -> list[frames.Decision]:
    return [frame for frame in decisions if any(verdict.plugin == "Moody" for verdict in frame.plugins)]


def whys(frame: frames.Decision) -> list[str]:
    return [found.why for found in frame.skipped]


@pytest.mark.parametrize(
    ("args", "entry", "calls"),
    [
        ({"mood": "raise"}, {}, 3),
        ({"sleepS": 0.03}, {"deadline": "10ms"}, 3),
        ({"sleepS": 0.11}, {"deadline": "10ms"}, 1),
    ],
    ids=["raises", "is late", "is very late"],
)
def test_a_plugin_that_misbehaves_is_taken_out_and_pods_keep_flowing(
    args: dict[str, Any],
    entry: dict[str, Any],
    calls: int,
    moody: Extender,
    scheduler: Scheduler,
    pool: Pool,
    policy: PolicyConfigMap,
    records: Callable[[], list[frames.Decision]],
) -> None:
    pool.add_nodes([ROOM] * 2)
    policy.apply(with_moody(entry, **args))
    pool.create(pool.pod(f"p-{i}") for i in range(12))
    pool.wait_bound(12)
    eventually("all is on record", lambda: len(records()) >= 12, LIMIT_S)
    assert len(asked(records())) == calls
    left_out = [frame for frame in records() if whys(frame) == ["breaker open"]]
    assert len(left_out) == len(records()) - calls
    (breaker,) = moody.configz()["breakers"]
    assert (breaker["plugin"], breaker["state"]) == ("Moody", "open")
    assert moody.metric("trimtab_breaker_open", plugin="Moody") == 1


def test_a_time_box_ends_while_pods_flow(
    moody: Extender,
    scheduler: Scheduler,
    pool: Pool,
    policy: PolicyConfigMap,
    records: Callable[[], list[frames.Decision]],
) -> None:
    pool.add_nodes([ROOM] * 2)
    end_s = int(time.time()) + 8
    until = datetime.fromtimestamp(end_s, UTC).isoformat().replace("+00:00", "Z")
    policy.apply(with_moody({"until": until}))
    with flow(pool) as placed:
        eventually("pods flow within the box", lambda: len(asked(records())) >= 3, LIMIT_S)
        eventually("its end comes", lambda: time.time() > end_s, LIMIT_S)
        since = placed()
        eventually("pods flow after it", lambda: placed() >= since + 6, LIMIT_S, pool.waiting)
    within = [frame for frame in records() if frame.at_us < end_s * 1_000_000]
    after = [frame for frame in records() if frame.at_us >= end_s * 1_000_000 and frame.revision == within[-1].revision]
    assert within
    assert after
    assert asked(within) == within
    assert [whys(frame) for frame in after] == [["expired"]] * len(after)
    (row,) = moody.configz()["plugins"]
    assert row["skippedNow"] == "expired"


def test_a_canary_of_one_namespace_concerns_no_other(
    moody: Extender,
    scheduler: Scheduler,
    pool: Pool,
    policy: PolicyConfigMap,
    records: Callable[[], list[frames.Decision]],
) -> None:
    canary = pool.add_namespace(f"{pool.name}-canary")
    pool.add_nodes([ROOM] * 2)
    policy.apply(with_moody({"canary": {"namespaces": [canary]}}, mood="refuse"))
    pool.create(pool.pod(f"p-{i}", namespace=space) for i in range(4) for space in (pool.namespace, canary))
    pool.wait_bound(4)
    eventually("the canary's pods are refused", lambda: len(pool.waiting(canary)) == 4, LIMIT_S)
    eventually(
        "with the plugin's reason",
        lambda: all("not in the mood" in why for why in pool.waiting(canary).values()),
        LIMIT_S,
        lambda: pool.waiting(canary),
    )
    eventually("all is on record", lambda: len(records()) >= 4, LIMIT_S)
    assert asked(records()) == []
    assert {why for frame in records() for why in whys(frame)} == {"outside canary"}


def test_a_guard_takes_a_revision_back_within_seconds_and_a_restart_leaves_it_so(
    moody: Extender,
    scheduler: Scheduler,
    pool: Pool,
    policy: PolicyConfigMap,
    records: Callable[[], list[frames.Decision]],
) -> None:
    pool.add_nodes([ROOM] * 2)
    good = policy.apply(with_moody())
    back_to = moody.configz()["revision"]
    guard = {"name": "refusing", "when": {"rejectedShare": 0.5}, "over": "30s", "then": "rollback"}
    bad = policy.write(with_moody(guards=[guard], mood="refuse"))
    eventually("the bad edit is in effect", lambda: policy.effective_name() == bad, LIMIT_S)
    pool.create(pool.pod(f"p-{i}") for i in range(40))
    eventually("the guard has seen enough", lambda: len(asked(records())) >= 20, LIMIT_S)
    seen_s = time.monotonic()
    eventually("the revision before is in effect again", lambda: policy.effective_name() == good, LIMIT_S)
    took_s = time.monotonic() - seen_s
    print(f"guard trip to rollback: {took_s:.2f} s")
    assert took_s < GUARD_LIMIT_S
    assert moody.configz()["revision"] == back_to
    assert "guard refusing took it back" in moody.configz()["desired"]["error"]
    assert moody.metric("trimtab_guard_trips_total", guard="refusing") == 1
    pool.wait_bound(40)
    eventually("the status says so", lambda: "guard refusing took it back" in policy.status(), LIMIT_S, policy.status)
    assert json.loads(policy.status())["conditions"][0]["reason"] == "RolledBack"
    eventually(
        "an event says so",
        lambda: any(event["reason"] == "PolicyRolledBack" for event in policy.events()),
        LIMIT_S,
    )
    moody.terminate(DRAIN_S)
    moody.run()
    assert policy.effective_name() == good
    assert moody.configz()["revision"] == back_to
