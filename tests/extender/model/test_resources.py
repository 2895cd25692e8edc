"""What a pod asks for, counted as the scheduler and as the quota plugin count it."""

import pytest

from extender.model.pod import decode_pod, pod_of
from extender.model.resources import Resources, is_extended, is_scalar, request_eq, request_k8s
from extender.quantity import milli


def a_pod(containers=(), init=(), **spec):
    return pod_of(
        {
            "metadata": {"name": "p", "namespace": "ns", "uid": "u"},
            "spec": {
                "containers": [{"resources": {"requests": r}} for r in containers],
                "initContainers": [{"resources": {"requests": r}, **more} for r, more in init],
                **spec,
            },
        }
    )


ALWAYS = {"restartPolicy": "Always"}


def test_a_large_init_container_counts_when_it_asks_for_more_than_all_containers_together():
    pod = a_pod([{"cpu": "1"}, {"cpu": "500m"}], [({"cpu": "4"}, {})])
    assert request_k8s(pod).cpu_milli == request_eq(pod).cpu_milli == 4000


def test_a_sidecar_runs_beside_the_containers_for_the_scheduler_but_not_for_the_quota():
    pod = a_pod([{"cpu": "1"}], [({"cpu": "500m"}, ALWAYS)])
    assert request_k8s(pod).cpu_milli == 1500
    assert request_eq(pod).cpu_milli == 1000


def test_an_init_container_needs_room_beside_the_sidecars_started_before_it():
    pod = a_pod([{"cpu": "100m"}], [({"cpu": "1"}, ALWAYS), ({"cpu": "2"}, {})])
    assert request_k8s(pod).cpu_milli == 3000


def test_overhead_is_added_last():
    pod = a_pod([{"cpu": "1"}], overhead={"cpu": "250m", "memory": "64Mi"})
    assert request_k8s(pod) == Resources(1250, 64 * 2**20)


def test_a_pod_level_request_replaces_the_sum():
    pod = a_pod([{"cpu": "1", "memory": "1Gi"}], resources={"requests": {"cpu": "3"}})
    assert request_k8s(pod) == Resources(3000, 2**30)


def test_scalars_are_counted_and_unknown_names_are_not():
    pod = a_pod([{"example.com/gpu": "2", "hugepages-2Mi": "4Mi", "storage": "5Gi", "widgets": "1"}])
    assert request_eq(pod).scalars == {"example.com/gpu": 2, "hugepages-2Mi": 4 * 2**20}


@pytest.mark.parametrize(
    ("name", "extended"),
    [
        ("example.com/gpu", True), ("nvidia.com/gpu", True), ("gpu", False), ("requests.example.com/gpu", False),
        ("kubernetes.io/x", False), ("example.com/", False), ("example.com/a/b", False), ("EXAMPLE.com/x", False),
    ],
)  # fmt: skip
def test_an_extended_resource_has_a_domain_of_its_own(name, extended):
    assert is_extended(name) is extended


def test_resources_under_kubernetes_io_are_scalars():
    assert is_scalar("kubernetes.io/batch")


def test_a_pod_of_the_wire_carries_no_environment_and_no_unread_annotation():
    raw = (
        b'{"metadata":{"name":"p","uid":"u","annotations":{"password":"s3cret"}},'
        b'"spec":{"containers":[{"name":"c","env":[{"name":"TOKEN","value":"s3cret"}]}]}}'
    )
    assert b"s3cret" not in repr(decode_pod(raw)).encode()


@pytest.mark.parametrize(
    ("asked", "actual", "allocated", "reason", "counted"),
    [
        ("1", "1", "1", "", 1000),
        ("2", "1", "1", "Deferred", 2000),
        ("1", "2", "2", "", 2000),
        ("1", "2", "1500m", "", 2000),
        ("8", "1", "1", "Infeasible", 1000),
        ("1", "junk", "1", "", 1000),
    ],
)
def test_a_resize_in_flight_counts_the_largest_of_asked_allocated_and_actual(
    asked: str, actual: str, allocated: str, reason: str, counted: int
) -> None:
    condition = {"type": "PodResizePending", "reason": reason, "status": "True"}
    pod = pod_of(
        {
            "metadata": {"name": "p"},
            "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": asked}}}]},
            "status": {
                "conditions": [condition],
                "containerStatuses": [
                    {
                        "name": "c",
                        "resources": {"requests": {"cpu": actual}},
                        "allocatedResources": {"cpu": allocated},
                    }
                ],
            },
        }
    )
    assert request_k8s(pod).cpu_milli == counted
    assert request_eq(pod).cpu_milli == milli(asked)
