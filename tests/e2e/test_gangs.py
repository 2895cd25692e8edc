"""Gangs on the real control plane: placed whole or not at all, however many race; held pods go when the plugin does."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.cluster import Pool
from tests.e2e.controlplane import Scheduler
from tests.e2e.policies import GANGS, NOTHING
from tests.e2e.process import eventually, read_url
from tests.e2e.programs import Extender, PolicyConfigMap

LABEL = "scheduling.x-k8s.io/pod-group"
RESOURCE = "podgroups.scheduling.x-k8s.io"
ROOM = {"cpu": "4", "memory": "64Gi", "pods": "110"}


def add_group(pool: Pool, extender: Extender, name: str, least: int) -> None:
    """A PodGroup, known to the extender when this returns."""
    applied = extender.metric("trimtab_watch_events_total", resource=RESOURCE)
    pool.kube.post(
        f"/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{pool.namespace}/podgroups",
        {
            "apiVersion": "scheduling.x-k8s.io/v1alpha1",
            "kind": "PodGroup",
            "metadata": {"name": name},
            "spec": {"minMember": least},
        },
    )
    eventually(
        f"the group {name} is known",
        lambda: extender.metric("trimtab_watch_events_total", resource=RESOURCE) > applied,
        30,
        extender.log_tail,
    )


def members(pool: Pool, gang: str, count: int, first: int = 0) -> list[dict[str, Any]]:
    """Pods of 1 cpu each."""
    pods = [pool.pod(f"{gang}-{i:02d}", cpu="1") for i in range(first, first + count)]
    for pod in pods:
        pod["metadata"]["labels"][LABEL] = gang
    return pods


def holds(extender: Extender) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(read_url(f"{extender.admin}/holds"))
    return told


def bound_of(pool: Pool, gang: str) -> int:
    return sum(name.startswith(f"{gang}-") for name in pool.bound())


def test_r061_a_gang_of_20_that_fits_is_placed_whole_and_one_that_does_not_is_placed_not_at_all(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    pool.add_nodes([ROOM] * 6)
    policy.apply(GANGS)
    add_group(pool, extender, "fits", 20)
    add_group(pool, extender, "large", 20)

    pool.create(members(pool, "fits", 20))
    pool.wait_bound(20)
    # Four units are left.
    pool.create(members(pool, "large", 20))
    eventually(
        "every member has an answer",
        lambda: sum("resource gap" in why for why in pool.waiting().values()) >= 1 and len(pool.waiting()) == 20,
        90,
        pool.waiting,
    )
    assert bound_of(pool, "large") == 0
    assert [row for row in holds(extender) if row["group"].endswith("/large")] == []

    # Room for all of it: the whole gang follows.
    pool.add_nodes([ROOM] * 4)
    pool.wait_bound(40)
    eventually("the status tells", lambda: phase(pool, "large") == "Scheduling", 30, lambda: phase(pool, "large"))


def phase(pool: Pool, name: str) -> str:
    """As the PodGroup's status has it: nobody runs the pods here, so none is ever Running."""
    found = pool.kube.get(f"/apis/scheduling.x-k8s.io/v1alpha1/namespaces/{pool.namespace}/podgroups/{name}")
    return str((found.get("status") or {}).get("phase"))


def test_five_gangs_racing_for_room_for_three_neither_block_each_other_nor_bind_in_part(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    pool.add_nodes([ROOM] * 3)
    policy.apply(GANGS)
    gangs = [f"g{k}" for k in range(5)]
    for gang in gangs:
        add_group(pool, extender, gang, 4)

    # Created interleaved: the first members of all, then the second, ...
    pool.create(pod for i in range(4) for gang in gangs for pod in members(pool, gang, 1, i))
    pool.wait_bound(12)
    placed = [gang for gang in gangs if bound_of(pool, gang)]
    assert [bound_of(pool, gang) for gang in placed] == [4, 4, 4]

    for gang in placed[:2]:
        for i in range(4):
            pool.delete(f"{gang}-{i:02d}")
    pool.wait_bound(12)
    assert {gang for gang in gangs if bound_of(pool, gang) == 4} == {*gangs} - {*placed[:2]}


def test_r024_r073_switching_the_plugin_off_lets_held_pods_go(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    pool.add_nodes([ROOM])
    policy.apply(GANGS)
    add_group(pool, extender, "late", 4)
    # The fourth has another scheduler, so it never comes: three wait for it.
    pods = members(pool, "late", 4)
    pods[3]["spec"]["schedulerName"] = "nobody"
    pool.create(pods)
    eventually("three are held", lambda: len(holds(extender)) == 3, 60, pool.waiting)
    assert pool.bound() == {}
    assert {row["waitingFor"] for row in holds(extender)} >= {
        f"waiting for 1 of 4 members of gang {pool.namespace}/late"
    }

    policy.apply(NOTHING)
    pool.wait_bound(3, 30)
    assert holds(extender) == []
