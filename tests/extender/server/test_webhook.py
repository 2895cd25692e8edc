"""The admission webhook adds gates to new pods, and whatever comes, a pod is never refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.model.pod import Pod
from extender.server.webhook import BODY_MAX, PATH, webhook_app
from extender.telemetry import metrics
from tests.extender.server.a_caller import Answered, ask

GATE = "trimtab.dev/qos-order"
CONTAINERS = [{"name": "main", "image": "example.test/app:1"}]


class Hook:
    """The app, which pods it was asked about, and how many gates it gave out for real."""

    def __init__(self, *gates: str, fault: Exception | None = None) -> None:
        self.asked: list[Pod] = []
        self.given = 0
        self._gates, self._fault = gates, fault
        self.app = webhook_app(self._gates_for, self._gave_out)

    def _gates_for(self, pod: Pod) -> tuple[str, ...]:
        self.asked.append(pod)
        if self._fault is not None:
            raise self._fault
        return self._gates

    def _gave_out(self) -> None:
        self.given += 1

    def post(self, body: bytes) -> Answered:
        return ask(self.app, "POST", PATH, [body])

    def review(self, pod: Any, **fields: Any) -> dict[str, Any]:
        answered = self.post(json.dumps(a_review(pod, **fields)).encode())
        assert answered.status == 200
        told = json.loads(answered.body)
        assert (told["apiVersion"], told["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        answer: dict[str, Any] = told["response"]
        assert answer["allowed"] is True
        assert answer["uid"] == "u-1"
        return answer


def a_pod(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": CONTAINERS, **spec}}


def a_review(pod: Any, **fields: Any) -> dict[str, Any]:
    request = {
        "uid": "u-1",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "operation": "CREATE",
        "namespace": "team-a",
        "object": pod,
        "oldObject": None,
        "options": {"kind": "CreateOptions"},
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request | fields}


def patch_of(answer: dict[str, Any]) -> Any:
    assert answer["patchType"] == "JSONPatch"
    return json.loads(base64.b64decode(answer["patch"]))


def test_a_new_pod_gets_its_gate() -> None:
    hook = Hook(GATE)
    assert patch_of(hook.review(a_pod())) == [{"op": "add", "path": "/spec/schedulingGates", "value": [{"name": GATE}]}]
    assert hook.given == 1


def test_gates_that_it_has_stay() -> None:
    answer = Hook(GATE).review(a_pod(schedulingGates=[{"name": "example.test/approval"}]))
    assert patch_of(answer) == [{"op": "add", "path": "/spec/schedulingGates/-", "value": {"name": GATE}}]


def test_a_gate_is_not_put_on_twice() -> None:
    assert "patch" not in Hook(GATE).review(a_pod(schedulingGates=[{"name": GATE}]))


def test_the_question_names_scheduler_and_namespace() -> None:
    hook = Hook()
    assert "patch" not in hook.review(a_pod(schedulerName="mine"))
    assert [(pod.scheduler_name, pod.namespace, pod.name) for pod in hook.asked] == [("mine", "team-a", "p")]


@pytest.mark.parametrize(
    "pod",
    [a_pod(nodeName="a"), a_pod(priorityClassName="system-node-critical")],
    ids=["it has its node", "critical"],
)
def test_these_are_left_alone(pod: dict[str, Any]) -> None:
    hook = Hook(GATE)
    assert "patch" not in hook.review(pod)
    assert hook.asked == []


@pytest.mark.parametrize(
    "fields",
    [
        {"operation": "UPDATE"},
        {"operation": "DELETE", "object": None},
        {"kind": {"group": "", "version": "v1", "kind": "Node"}},
        {"kind": {"group": "example.test", "version": "v1", "kind": "Pod"}},
        {"subResource": "binding"},
        {"namespace": "kube-system"},
    ],
    ids=str,
)
def test_only_new_pods_are_ours(fields: dict[str, Any]) -> None:
    hook = Hook(GATE)
    assert "patch" not in hook.review(a_pod(), **fields)
    assert hook.given == 0


def test_a_dry_run_gets_the_patch_and_leaves_no_trace() -> None:
    hook = Hook(GATE)
    assert patch_of(hook.review(a_pod(), dryRun=True))
    assert hook.given == 0


@pytest.mark.parametrize("pod", [None, 7, [], {"spec": 3}, {"metadata": {"labels": []}}])
def test_a_pod_that_cannot_be_read_is_allowed_with_a_warning(pod: Any) -> None:
    answer = Hook(GATE).review(pod)
    assert "patch" not in answer
    assert "could not read the pod" in answer["warnings"][0]


def test_a_fault_of_ours_is_counted_and_the_pod_comes_through() -> None:
    before = metrics.INTERNAL_FAULTS.labels("webhook")._value.get()
    assert "patch" not in Hook(fault=RuntimeError("boom")).review(a_pod())
    assert metrics.INTERNAL_FAULTS.labels("webhook")._value.get() == before + 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not an AdmissionReview"),
        (b"{", "not an AdmissionReview"),
        (b"[]", "not an AdmissionReview"),
        (b"\xff", "not an AdmissionReview"),
        (b"{}", "want an AdmissionReview of admission.k8s.io/v1 with request.uid"),
        (
            b'{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {"uid": "u"}}',
            "want an AdmissionReview of admission.k8s.io/v1",
        ),
        (b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}', "with request.uid"),
        (b'{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": ""}}', "request.uid"),
    ],
)
def test_what_is_no_review_is_a_400_that_says_so(body: bytes, says: str) -> None:
    before = metrics.WEBHOOK_REVIEWS.labels("malformed")._value.get()
    answered = Hook(GATE).post(body)
    assert answered.status == 400
    told = json.loads(answered.body)
    assert (told["status"], told["reason"]) == ("error", "Malformed")
    assert says in told["message"]
    assert metrics.WEBHOOK_REVIEWS.labels("malformed")._value.get() == before + 1


def test_a_review_that_is_too_large_is_a_413() -> None:
    assert Hook(GATE).post(b" " * (BODY_MAX + 1)).status == 413


def test_other_paths_and_methods_are_refused() -> None:
    hook = Hook(GATE)
    assert ask(hook.app, "GET", PATH).status == 405
    assert ask(hook.app, "POST", "/validate").status == 404
    assert ask(hook.app, "GET", "/livez").status == 200


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(json_values, json_values, json_values)
def test_no_pod_is_ever_refused(gates: Any, metadata: Any, other: Any) -> None:
    Hook(GATE).review({"metadata": metadata, "spec": {"schedulingGates": gates, "nodeName": other}})


@given(st.binary(max_size=60) | json_values.map(lambda told: json.dumps(told).encode()))
def test_whatever_comes_is_answered(body: bytes) -> None:
    assert Hook(GATE).post(body).status in (200, 400)
