"""Pods of one template share their parts, and nobody can tell from what they say."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from extender.model.kept import Kept
from extender.model.pod import KubePod, Pod, SharedParts, decode_pod
from extender.model.resources import Resources, request_eq, request_k8s
from extender.quantity import QuantityError

WORDS = st.sampled_from(["", "a", "b", "1"])
AMOUNTS = st.sampled_from(["1", "100m", "1.0", "junk", 1, 1.0, 2])
QUANTITIES = st.dictionaries(st.sampled_from(["cpu", "memory", "example.com/gpu"]), AMOUNTS, max_size=3)
TEXTS = st.dictionaries(WORDS, WORDS, max_size=3)
RESOURCES = st.fixed_dictionaries({}, optional={"requests": QUANTITIES, "limits": QUANTITIES})
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": WORDS},
        optional={
            "resources": RESOURCES,
            "restartPolicy": st.sampled_from(["Always", "Never"]),
            "ports": st.lists(st.fixed_dictionaries({"hostPort": st.integers(0, 2)}), max_size=2),
            "securityContext": st.just({"seccompProfile": {"type": "Localhost", "localhostProfile": "p"}}),
        },
    ),
    max_size=2,
)
STATUSES = st.lists(
    st.fixed_dictionaries({"name": WORDS}, optional={"resources": RESOURCES, "allocatedResources": QUANTITIES}),
    max_size=2,
)
TERMS = st.fixed_dictionaries(
    {}, optional={"matchExpressions": st.lists(st.fixed_dictionaries({"key": WORDS, "operator": WORDS}), max_size=2)}
)
PODS = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": WORDS, "uid": WORDS},
            optional={
                "namespace": WORDS,
                "labels": TEXTS,
                "annotations": st.dictionaries(
                    st.sampled_from(["kubernetes.io/config.mirror", "kubernetes.io/config.source", "x"]), WORDS
                ),
                "ownerReferences": st.lists(
                    st.fixed_dictionaries({"kind": WORDS, "name": WORDS, "uid": WORDS, "controller": st.booleans()}),
                    max_size=2,
                ),
                "creationTimestamp": st.just("2026-11-20T10:11:12Z"),
            },
        )
    },
    optional={
        "spec": st.fixed_dictionaries(
            {},
            optional={
                "nodeName": WORDS,
                "priority": st.integers(-1, 1),
                "schedulerName": WORDS,
                "containers": CONTAINERS,
                "initContainers": CONTAINERS,
                "overhead": QUANTITIES,
                "resources": RESOURCES,
                "nodeSelector": TEXTS,
                "tolerations": st.lists(
                    st.fixed_dictionaries({"key": WORDS}, optional={"operator": WORDS}), max_size=2
                ),
                "affinity": st.fixed_dictionaries(
                    {
                        "nodeAffinity": st.fixed_dictionaries(
                            {
                                "requiredDuringSchedulingIgnoredDuringExecution": st.fixed_dictionaries(
                                    {"nodeSelectorTerms": st.lists(TERMS, max_size=2)}
                                )
                            }
                        )
                    }
                ),
                "volumes": st.lists(st.sampled_from([{}, {"emptyDir": {}}, {"persistentVolumeClaim": {}}]), max_size=2),
            },
        ),
        "status": st.fixed_dictionaries(
            {},
            optional={
                "phase": WORDS,
                "hostIP": WORDS,
                "containerStatuses": STATUSES,
                "initContainerStatuses": STATUSES,
                "conditions": st.lists(
                    st.sampled_from(
                        [
                            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"},
                            {"type": "PodResizePending", "status": "True", "reason": "Infeasible"},
                        ]
                    ),
                    max_size=2,
                ),
            },
        ),
    },
)


@given(st.lists(PODS, max_size=6))
def test_shared_parts_say_exactly_what_plain_ones_say(trees: list[dict[str, Any]]) -> None:
    parts = SharedParts()
    for tree in [*trees, *trees]:
        raw = msgspec.json.encode(tree)
        # The spelling too: 1, 1.0 and "1" are different, and so is another order of the same labels.
        assert repr(decode_pod(raw, parts)) == repr(decode_pod(raw))


@given(PODS, PODS)
def test_an_earlier_version_changes_nothing_but_what_is_shared(old: dict[str, Any], new: dict[str, Any]) -> None:
    before = decode_pod(msgspec.json.encode(old))
    raw = msgspec.json.encode(new)
    after = msgspec.json.decode(raw, type=KubePod).flatten(SharedParts(), before)
    assert repr(after) == repr(decode_pod(raw))
    assert after.uid is before.uid or after.uid != before.uid


@given(st.lists(PODS, max_size=6))
def test_a_sum_that_is_remembered_is_the_sum(trees: list[dict[str, Any]]) -> None:
    parts = SharedParts()
    for tree in trees:
        raw = msgspec.json.encode(tree)
        for pod in (decode_pod(raw, parts), decode_pod(raw), decode_pod(raw, parts)):
            for count in (request_k8s, request_eq):
                assert counted(count, pod) == counted(inspect.unwrap(count), pod)


def counted(count: Callable[[Pod], Resources], pod: Pod) -> str:
    try:
        return repr(count(pod))
    except QuantityError as wrong:
        return str(wrong)


def test_labels_in_another_order_are_not_shared() -> None:
    parts = SharedParts()
    orders = ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})
    pods = [decode_pod(msgspec.json.encode({"metadata": {"name": "p", "labels": labels}}), parts) for labels in orders]
    assert [list(pod.labels) for pod in pods] == [["a", "b"], ["b", "a"]]


def test_pods_of_one_template_hold_the_same_objects() -> None:
    parts = SharedParts()
    first, second = (
        decode_pod(
            msgspec.json.encode(
                {
                    "metadata": {"name": name, "uid": name, "namespace": "ns", "labels": {"app": "a"}},
                    "spec": {"nodeName": name, "containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]},
                }
            ),
            parts,
        )
        for name in ("first", "second")
    )
    for part in ("containers", "init_containers", "labels", "placement", "namespace", "overhead"):
        assert getattr(first, part) is getattr(second, part)
    assert (first.name, first.node_name) != (second.name, second.node_name)


@given(st.lists(st.integers(0, 30), max_size=100), st.integers(1, 8))
def test_what_is_kept_is_what_was_put_and_never_more_than_two_generations(keys: list[int], most: int) -> None:
    kept: Kept[str] = Kept(most)
    for key in keys:
        assert (kept.get(key) or kept.put(key, str(key))) == str(key)
        assert kept.get(key) == str(key), "what came last is there"
        assert len(kept) <= 2 * most


def test_what_is_asked_for_again_outlives_what_is_not() -> None:
    kept: Kept[str] = Kept(2)
    for key in range(100):
        kept.put(key, "new")
        kept.get("asked") or kept.put("asked", "first")
    assert kept.get("asked") == "first"
    assert kept.get(0) is None
