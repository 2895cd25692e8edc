"""A real kube-scheduler places pods where the policy says, and Trimtab makes the bindings."""

from __future__ import annotations

import threading
from collections import Counter

from tests.e2e.cluster import Bindings, Pool
from tests.e2e.controlplane import Scheduler
from tests.e2e.policies import by_size
from tests.e2e.process import eventually
from tests.e2e.programs import POLICY_LIMIT_S, Extender, PolicyConfigMap

NODES = 50
PER_NODE = 10


def _rooms(count: int = NODES) -> list[dict[str, str]]:
    """Nodes of distinct size, smallest first. `pods` fills them long before cpu or memory do."""
    return [
        {"cpu": str(16 + i), "memory": "64Gi", "pods": str(PER_NODE), "ephemeral-storage": "100Gi"}
        for i in range(count)
    ]


def test_200_pods_on_50_nodes_go_to_the_smallest_nodes_and_trimtab_binds_them(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    nodes = pool.add_nodes(_rooms())
    pool.wait_known(extender, scheduler)
    policy.apply(by_size("Least"))
    bindings = Bindings(pool.kube, pool.namespace)
    binds_before = extender.metric("trimtab_requests_total", verb="bind", code="200")

    pool.create(pool.pod(f"pod-{i:03d}") for i in range(200))
    pool.wait_bound(200)

    chosen = Counter(pool.bound().values())
    assert chosen == dict.fromkeys(nodes[: 200 // PER_NODE], PER_NODE)
    eventually("all bindings seen", lambda: len(bindings.seen) == 200, 10)
    assert extender.metric("trimtab_requests_total", verb="bind", code="200") - binds_before >= 200
    assert scheduler.alive


def test_the_reversed_mode_fills_the_biggest_nodes(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    nodes = pool.add_nodes(_rooms())
    pool.wait_known(extender, scheduler)
    policy.apply(by_size("Most"))

    pool.create(pool.pod(f"pod-{i:03d}") for i in range(40))
    pool.wait_bound(40)

    assert Counter(pool.bound().values()) == dict.fromkeys(nodes[-40 // PER_NODE :], PER_NODE)


def test_r014_r064_an_edit_reverses_the_choice_while_pods_flow_and_nothing_restarts(
    extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    room = {"memory": "64Gi", "pods": "1000", "ephemeral-storage": "100Gi"}
    nodes = pool.add_nodes([room | {"cpu": str(200 + i)} for i in range(NODES)])
    smallest, biggest = nodes[0], nodes[-1]
    policy.apply(by_size("Least"))
    bindings = Bindings(pool.kube, pool.namespace)
    enough = threading.Event()

    def flow() -> None:
        number = 0
        while not enough.wait(0.05):
            pool.create([pool.pod(f"pod-{number:04d}", cpu="10m")])
            number += 1

    flowing = threading.Thread(target=flow)
    flowing.start()
    try:
        eventually("pods on the smallest node", lambda: len(bindings.seen) >= 10, 30, extender.log_tail)
        name = policy.write(by_size("Most"))
        eventually("the edit in effect", lambda: policy.effective_name() == name, POLICY_LIMIT_S, extender.configz)
        eventually("a pod on the biggest node", lambda: bindings.seen[-1][1] == biggest, POLICY_LIMIT_S)
        turned = len(bindings.seen) + 5  # binds that were on their way end within a few pods
        eventually("more pods after the edit", lambda: len(bindings.seen) >= turned + 10, 30)
    finally:
        enough.set()
        flowing.join()

    places = [node for _, node in bindings.seen]
    first_on_biggest = places.index(biggest)
    assert set(places[:first_on_biggest]) == {smallest}
    assert set(places[first_on_biggest:]) <= {smallest, biggest}  # binds end in any order around the edit
    assert set(places[turned:]) == {biggest}
    assert scheduler.alive
    assert extender.alive
