"""Two extenders and one Lease on the real API server: one decides and acts at a time, whatever happens to either."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest

from extender.election.badge import LABEL
from tests.e2e.a_service import Service
from tests.e2e.cluster import Pool
from tests.e2e.controlplane import SCHEDULER, ControlPlane, Scheduler
from tests.e2e.policies import NOTHING, QUOTAS, by_size
from tests.e2e.process import eventually
from tests.e2e.programs import DRAIN_S, NAMESPACE, Extender, PolicyConfigMap
from tests.e2e.registration import render
from tests.e2e.test_quota import ROOM, set_quota

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/trimtab"
QUICK = ("--leader-elect-lease-duration=5", "--leader-elect-renew-deadline=3", "--leader-elect-retry-period=0.5")
PATIENT = ("--leader-elect-lease-duration=300", "--leader-elect-renew-deadline=200")
"""No lease runs out within a test."""
LED = "led-scheduler"
TAKEN_S = 30
_names = itertools.count()


class Replica(Extender):
    """An extender in a pod of its own, which is only an object here."""

    def __init__(self, plane: ControlPlane, pool: Pool) -> None:
        self.pod = f"{pool.name}-extender-{next(_names)}"
        super().__init__(plane, plane.dir / f"journal-{self.pod}", recording=False, name=self.pod)
        self.environment = {"POD_NAME": self.pod, "POD_NAMESPACE": pool.namespace}
        self.path = f"/api/v1/namespaces/{pool.namespace}/pods/{self.pod}"
        self._admin_of = plane.admin
        pool.create([pool.pod(self.pod, schedulerName="nobody")])

    def leads(self) -> bool:
        return self.alive and self.metric("trimtab_leader") == 1

    def is_labelled(self) -> bool:
        labels: dict[str, str] = self._admin_of.get(self.path)["metadata"]["labels"]
        return labels.get(LABEL) == "true"

    def ask(self) -> http.client.HTTPResponse:
        """A filter call, as kube-scheduler would send it."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        pod = {"metadata": {"name": "p", "namespace": "default", "uid": "u"}, "spec": {"containers": []}}
        body = json.dumps({"Pod": pod, "Nodes": None, "NodeNames": []})
        connection.request("POST", "/filter", body, {"Content-Type": "application/json"})
        return connection.getresponse()


Pair = tuple[Replica, Replica]


@pytest.fixture
def start(plane: ControlPlane, pool: Pool) -> Iterator[Callable[..., Pair]]:
    """Two replicas: the one that leads, and the one that waits."""
    made: list[Replica] = []

    def started(*options: str) -> Pair:
        made.extend(Replica(plane, pool) for _ in range(2))
        for replica in made:
            replica.options = ("--leader-elect", f"--lease={NAMESPACE}/trimtab", *options)
            replica.launch()
        for replica in made:
            replica.wait_ready(f"{replica.admin}/readyz")
        eventually("one of them leads", lambda: any(each.leads() for each in made), TAKEN_S, made[0].log_tail)
        leader = next(each for each in made if each.leads())
        eventually("its pod says so", leader.is_labelled, 10, leader.log_tail)
        return leader, next(each for each in made if each is not leader)

    # A free lease, so that nobody waits for one that an earlier test took.
    plane.admin.patch(LEASE, {"spec": {"holderIdentity": "", "leaseDurationSeconds": 1}})
    yield started
    for replica in made:
        replica.terminate(DRAIN_S)
    for replica in made[:1]:
        PolicyConfigMap(plane, replica).write(NOTHING)


@pytest.fixture
def scheduler(plane: ControlPlane, pool: Pool) -> Iterator[Callable[[Pair], Scheduler]]:
    """A kube-scheduler that reaches whichever of the two is labelled, as through a Service."""
    running: list[Scheduler | Service] = []

    def started(pair: Pair) -> Scheduler:
        service = Service(lambda: [urlsplit(each.url).port or 0 for each in pair if each.alive and each.is_labelled()])
        running.append(service)
        identity = plane.kubeconfig("led-scheduler", plane.client(SCHEDULER))
        config = render("enforcing.yaml", url=service.url, kubeconfig=identity, scheduler_name=LED)
        scheduler = Scheduler(plane, LED, config)
        running.insert(0, scheduler)
        scheduler.run()
        return scheduler

    yield started
    for each in running:
        each.terminate(1)


def _pods(pool: Pool, name: str, count: int) -> None:
    pool.create(pool.pod(f"{name}-{i:03d}", cpu="1", schedulerName=LED) for i in range(count))


def test_one_decides_and_the_other_is_ready_says_503_and_sends_its_caller_away(start: Callable[..., Pair]) -> None:
    leader, follower = start(*PATIENT)

    assert not follower.leads()
    assert not follower.is_labelled()
    assert follower.configz()["leader"]["holder"] == leader.configz()["leader"]["identity"]
    follower.wait_ready(f"{follower.admin}/readyz", limit_s=1)

    answer = leader.ask()
    assert (answer.status, answer.getheader("connection")) == (200, None)
    refused = follower.ask()
    assert (refused.status, refused.read(), refused.getheader("content-length")) == (503, b"", "0")
    assert refused.getheader("connection") == "close"
    assert leader.configz()["leader"]["identity"] in (refused.getheader("x-trimtab-reason") or "")


def test_a_leader_is_killed_and_the_other_takes_over_with_the_books_right(
    start: Callable[..., Pair], scheduler: Callable[[Pair], Scheduler], plane: ControlPlane, pool: Pool
) -> None:
    leader, follower = start(*QUICK)
    pool.add_nodes([ROOM] * 4)
    pool.wait_known(leader, follower)
    PolicyConfigMap(plane, leader).apply(QUOTAS)
    # As many units as pods: one charged twice would leave another without a place.
    set_quota(pool, leader, cpu=40)
    scheduler((leader, follower))
    _pods(pool, "early", 20)
    pool.wait_bound(10)

    leader.kill()
    _pods(pool, "late", 20)

    eventually("the other leads", follower.leads, TAKEN_S, follower.log_tail)
    eventually("its pod says so", follower.is_labelled, 10, follower.log_tail)
    eventually("the dead one's does not", lambda: not leader.is_labelled(), 10, follower.log_tail)
    assert len(pool.wait_bound(40)) == 40
    assert follower.metric("trimtab_binds_total", result="bound") > 0
    _pods(pool, "one-too-many", 1)
    eventually("refused", lambda: "ElasticQuota" in pool.waiting().get("one-too-many-000", ""), 60, pool.waiting)

    leader.run()
    assert not leader.leads()


def test_a_leader_that_is_told_to_stop_lets_the_lease_go_and_the_other_takes_over_at_once(
    start: Callable[..., Pair], scheduler: Callable[[Pair], Scheduler], pool: Pool, plane: ControlPlane
) -> None:
    leader, follower = start(*PATIENT)
    pool.add_nodes([ROOM] * 4)
    scheduler((leader, follower))
    _pods(pool, "pod", 40)
    pool.wait_bound(5)

    leader.terminate(DRAIN_S)

    # Long before the lease could have run out.
    eventually("the other leads", follower.leads, TAKEN_S, follower.log_tail)
    assert len(pool.wait_bound(40)) == 40
    assert not leader.is_labelled()
    assert follower.metric("trimtab_binds_total", result="bound") > 0
    notes = [
        event["message"]
        for event in plane.admin.get(f"/api/v1/namespaces/{NAMESPACE}/events")["items"]
        if event["involvedObject"]["kind"] == "Lease"
    ]
    assert any(leader.pod in note and "shutting down" in note for note in notes), notes


def test_a_leader_that_cannot_renew_stands_down_and_leads_again_once_it_can(
    start: Callable[..., Pair], plane: ControlPlane
) -> None:
    leader, follower = start(*QUICK)
    api_server = plane.pids()["kube-apiserver"]

    os.kill(api_server, signal.SIGSTOP)
    try:
        eventually("it stands down", lambda: not leader.leads(), TAKEN_S, leader.log_tail)
        assert leader.ask().status == follower.ask().status == 503
        leader.wait_ready(f"{leader.admin}/readyz", limit_s=1)
    finally:
        os.kill(api_server, signal.SIGCONT)

    eventually("one leads", lambda: leader.leads() or follower.leads(), TAKEN_S, leader.log_tail)
    eventually(
        "its label is the only one",
        lambda: [each.is_labelled() for each in (leader, follower)] == [each.leads() for each in (leader, follower)],
        TAKEN_S,
        lambda: leader.log_tail() + follower.log_tail(),
    )
    assert not (leader.leads() and follower.leads())


def test_a_leader_whose_process_was_stopped_does_not_decide_when_it_goes_on(start: Callable[..., Pair]) -> None:
    leader, follower = start(*QUICK)
    os.kill(leader.pid, signal.SIGSTOP)
    try:
        eventually("the other leads", follower.leads, TAKEN_S, follower.log_tail)
    finally:
        os.kill(leader.pid, signal.SIGCONT)

    assert leader.ask().status == 503
    assert follower.ask().status == 200
    eventually("only the other is labelled", lambda: not leader.is_labelled(), TAKEN_S, leader.log_tail)
    assert follower.is_labelled()


def test_an_edit_in_the_middle_of_a_change_of_leader_is_in_effect_in_both(
    start: Callable[..., Pair], plane: ControlPlane
) -> None:
    leader, follower = start(*QUICK)
    policy = PolicyConfigMap(plane, follower)
    policy.apply(by_size("Least"))

    leader.kill()
    policy.write(by_size("Most"))
    name = policy.write(by_size("Least"))
    leader.launch()

    eventually("the other leads", follower.leads, TAKEN_S, follower.log_tail)
    leader.wait_ready(f"{leader.admin}/readyz")
    for replica in (leader, follower):
        seen_by = PolicyConfigMap(plane, replica)
        eventually(
            f"{name} is in effect in {replica.pod}",
            lambda seen_by=seen_by: seen_by.effective_name() == name,  # type: ignore[misc] # mypy and lambda defaults
            TAKEN_S,
            replica.log_tail,
        )
    ours, theirs = leader.configz(), follower.configz()
    assert (ours["revision"], ours["hash"]) == (theirs["revision"], theirs["hash"])
