"""A priority class protects its pods from preemption, although the scheduler proposes them."""

from __future__ import annotations

from tests.e2e.cluster import Pool
from tests.e2e.controlplane import ControlPlane, Scheduler
from tests.e2e.policies import TOLERATION
from tests.e2e.process import eventually
from tests.e2e.programs import Extender, PolicyConfigMap

MINIMUM = "preemption-toleration.scheduling.x-k8s.io/minimum-preemptable-priority"
SECONDS = "preemption-toleration.scheduling.x-k8s.io/toleration-seconds"
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
RESOURCE = "priorityclasses.scheduling.k8s.io"
ROOM = {"cpu": "2", "memory": "8Gi", "pods": "110"}


def make_class(plane: ControlPlane, extender: Extender, name: str, value: int, **annotations: str) -> str:
    known = extender.metric("trimtab_watch_events_total", resource=RESOURCE)
    plane.admin.post(
        CLASSES,
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name, "annotations": annotations},
            "value": value,
        },
    )
    eventually(
        f"class {name} is known",
        lambda: extender.metric("trimtab_watch_events_total", resource=RESOURCE) > known,
        15,
        extender.log_tail,
    )
    return name


def test_r067_a_protected_pod_stays_and_an_unprotected_one_goes(
    plane: ControlPlane, extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    policy.apply(TOLERATION)
    guarded = make_class(plane, extender, f"{pool.name}-guarded", 1000, **{MINIMUM: "100000", SECONDS: "-1"})
    open_to_all = make_class(plane, extender, f"{pool.name}-open", 1000)
    urgent = make_class(plane, extender, f"{pool.name}-urgent", 5000)
    pool.add_nodes([ROOM] * 2)
    # The protected one started later and would be the scheduler's own choice.
    pool.create([pool.pod("open", cpu="2", priorityClassName=open_to_all)])
    pool.wait_bound(1)
    pool.create([pool.pod("guarded", cpu="2", priorityClassName=guarded)])
    pool.wait_bound(2)

    pool.create([pool.pod("urgent", cpu="2", priorityClassName=urgent)])

    eventually("the urgent pod has a node", lambda: "urgent" in pool.bound(), 60, pool.waiting)
    assert sorted(pool.bound()) == ["guarded", "urgent"]


def test_where_everybody_is_protected_nobody_goes_until_the_class_allows_it(
    plane: ControlPlane, extender: Extender, scheduler: Scheduler, pool: Pool, policy: PolicyConfigMap
) -> None:
    policy.apply(TOLERATION)
    guarded = make_class(plane, extender, f"{pool.name}-guarded", 1000, **{MINIMUM: "100000", SECONDS: "86400"})
    urgent = make_class(plane, extender, f"{pool.name}-urgent", 5000)
    pool.add_nodes([ROOM])
    pool.create([pool.pod("guarded", cpu="2", priorityClassName=guarded)])
    pool.wait_bound(1)
    asked = extender.metric("trimtab_requests_total", verb="preempt", code="200")

    pool.create([pool.pod("urgent", cpu="2", priorityClassName=urgent)])
    eventually(
        "preemption was asked for",
        lambda: extender.metric("trimtab_requests_total", verb="preempt", code="200") > asked,
        60,
        pool.waiting,
    )
    eventually("the urgent pod has its answer", lambda: "urgent" in pool.waiting(), 30, pool.waiting)
    assert sorted(pool.bound()) == ["guarded"]

    known = extender.metric("trimtab_watch_events_total", resource=RESOURCE)
    plane.admin.patch(f"{CLASSES}/{guarded}", {"metadata": {"annotations": {MINIMUM: "5000"}}})
    eventually(
        "the edit is known",
        lambda: extender.metric("trimtab_watch_events_total", resource=RESOURCE) > known,
        15,
        extender.log_tail,
    )
    # The scheduler follows no class: a pod that failed before is not tried again for the sake of its edit.
    pool.create([pool.pod("urgent-later", cpu="2", priorityClassName=urgent)])
    eventually("the later pod has a node", lambda: sorted(pool.bound()) == ["urgent-later"], 60, pool.waiting)
