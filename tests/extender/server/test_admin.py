"""The admin port: health, what is in effect, validate, explain, and its errors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from starlette.types import ASGIApp

from extender.model.pod import Pod
from extender.policy import ParsedPolicy, PolicyRefused, Problem, empty_policy
from extender.server.admin import (
    ADMIN_BODY_MAX,
    EXPLAIN_NODES_MAX,
    PREVIEW_BODY_MAX,
    PREVIEW_LAST,
    PREVIEW_PODS_MAX,
    AdminSources,
    admin_app,
)
from extender.server.health import Check
from tests.extender.server.a_caller import Answered, ask, asked

POD = {"metadata": {"name": "web", "namespace": "shop", "uid": "u"}}


async def parsed(text: bytes) -> ParsedPolicy:
    if b"bad" in text:
        raise PolicyRefused([Problem("profiles[0].name", "unknown", "did you mean x?"), Problem("", "whole")])
    return replace(empty_policy(), warnings=("mind the gap",))


def explained(pod: Pod, names: Sequence[str] | None, policy: ParsedPolicy | None) -> dict[str, Any]:
    return {"pod": pod.key, "names": names, "policy": policy is not None, "generation": np.int64(7)}


async def previewed(policy: ParsedPolicy, pods: Sequence[Pod] | None, last: int) -> dict[str, Any]:
    return {"hash": policy.hash, "pods": None if pods is None else [pod.key for pod in pods], "last": last}


SOURCES = AdminSources(
    live=lambda: [Check("ping", ok=True)],
    ready=lambda: [Check("kernels", ok=True), Check("cluster", ok=True)],
    configz=lambda: {"revision": "7"},
    catalogue=lambda: [{"name": "PodState"}],
    leases=lambda: [{"pod": "shop/web"}],
    holds=list,
    parse_policy=parsed,
    explain=explained,
    preview=previewed,
    find_pod=lambda namespace, name: Pod(namespace=namespace, name=name, uid="u") if name == "web" else None,
)


def admin(**changed: Any) -> ASGIApp:
    return admin_app(replace(SOURCES, **changed))


def posted(path: str, body: Any, app: ASGIApp | None = None) -> tuple[int, Any]:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    answered = ask(app or admin(), "POST", path, [text])
    return answered.status, json.loads(answered.body)


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz"])
def test_health_is_ok_in_two_letters_and_lists_its_checks_when_asked(path: str) -> None:
    answered = ask(admin(), "GET", path)
    assert (answered.status, answered.body) == (200, b"ok")
    verbose = ask(admin(), "GET", path, query="verbose")
    assert verbose.status == 200
    assert verbose.body.startswith(b"[+]")
    assert verbose.body.endswith(f"{path[1:]} check passed\n".encode())


def test_not_ready_is_503_and_says_what_is_missing() -> None:
    checks = [Check("kernels", ok=True), Check("cluster", ok=False, message="nodes are not listed yet")]
    answered = ask(admin(ready=lambda: checks), "GET", "/readyz")
    assert answered.status == 503
    assert answered.body.decode().splitlines() == [
        "[+]kernels ok",
        "[-]cluster failed: nodes are not listed yet",
        "readyz check failed",
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/configz", {"revision": "7"}),
        ("/catalogue", [{"name": "PodState"}]),
        ("/leases", [{"pod": "shop/web"}]),
        ("/holds", []),
    ],
)
def test_what_is_in_effect_is_shown_as_json(path: str, expected: Any) -> None:
    answered = ask(admin(), "GET", path)
    assert answered.status == 200
    assert answered.headers["content-type"] == "application/json"
    assert json.loads(answered.body) == expected


def test_metrics_are_prometheus_text() -> None:
    answered = ask(admin(), "GET", "/metrics")
    assert answered.headers["content-type"].startswith("text/plain; version=")
    assert b"# TYPE trimtab_requests_total counter" in answered.body


def test_validate_answers_with_warnings_or_every_problem() -> None:
    assert posted("/validate", b"kind: SchedulingPolicy") == (200, {"valid": True, "warnings": ["mind the gap"]})
    assert posted("/validate", b"bad") == (
        422,
        {
            "valid": False,
            "errors": [
                {"path": "profiles[0].name", "message": "unknown", "hint": "did you mean x?"},
                {"path": "", "message": "whole", "hint": ""},
            ],
        },
    )


@pytest.mark.parametrize("path", ["/validate", "/explain"])
def test_a_body_above_the_limit_is_413(path: str) -> None:
    status, error = posted(path, b"#" * (ADMIN_BODY_MAX + 1))
    assert (status, error["reason"]) == (413, "BodyTooLarge")


def test_explain_passes_on_the_pod_the_names_and_the_policy() -> None:
    assert posted("/explain", {"pod": POD}) == (
        200,
        {"pod": "shop/web", "names": None, "policy": False, "generation": 7},
    )
    for policy in ({"kind": "SchedulingPolicy"}, "kind: SchedulingPolicy"):
        status, answer = posted("/explain", {"pod": POD, "nodeNames": ["a"], "policy": policy})
        assert (status, answer["names"], answer["policy"]) == (200, ["a"], True)
    assert posted("/explain", {"pod": POD, "policy": None})[1]["policy"] is False


def test_explain_finds_a_pod_that_is_only_named() -> None:
    asked = {"podRef": {"namespace": "shop", "name": "web"}}
    assert posted("/explain", asked) == posted("/explain", {"pod": {"metadata": {"namespace": "shop", "name": "web"}}})
    status, error = posted("/explain", {"podRef": {"name": "gone"}})
    assert (status, error["reason"]) == (404, "PodNotFound")
    assert "default/gone" in error["message"]


def test_explain_wants_one_pod_and_only_one() -> None:
    for body in ({}, {"pod": POD, "podRef": {"name": "web"}}):
        status, error = posted("/explain", body)
        assert (status, error["details"][0]["path"]) == (422, "pod")


def test_explain_may_take_its_time() -> None:
    async def slow(pod: Pod, names: Sequence[str] | None, policy: ParsedPolicy | None) -> dict[str, Any]:
        return explained(pod, names, policy)

    assert posted("/explain", {"pod": POD}, admin(explain=slow))[0] == 200


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        (b"{", 400, None),
        (b"\xff", 400, None),
        (b'{"pod":{"x":' + b"[" * 100_000, 400, None),
        ([], 422, ""),
        ({}, 422, "pod"),
        ({"pod": None}, 422, "pod"),
        ({"pod": POD | {"spec": {"priority": "high"}}}, 422, "pod.spec.priority"),
        ({"pod": {"metadata": {"creationTimestamp": "0001-01-01T00:00:00"}}}, 422, "pod"),
        ({"pod": POD, "nodeNames": ["a", 5]}, 422, "nodeNames[1]"),
        ({"pod": POD, "nodeNames": ["a"] * (EXPLAIN_NODES_MAX + 1)}, 422, "nodeNames"),
        ({"pod": POD, "nodenames": []}, 422, ""),
        ({"pod": POD, "policy": {"bad": 1}}, 422, "policy.profiles[0].name"),
        ({"pod": POD, "policy": "bad"}, 422, "policy.profiles[0].name"),
    ],
)
def test_a_wrong_explain_body_is_refused_with_its_place(body: Any, status: int, path: str | None) -> None:
    found, error = posted("/explain", body)
    assert found == status
    assert error["code"] == status
    assert error["status"] == "error"
    assert error["message"]
    if path is not None:
        assert error["details"][0]["path"] == path


def test_preview_passes_on_the_policy_as_text_or_document_and_whose_pods_to_ask_about() -> None:
    status, answer = posted("/preview", {"policy": "kind: SchedulingPolicy"})
    assert (status, answer["pods"], answer["last"]) == (200, None, PREVIEW_LAST)
    assert posted("/preview", {"policy": {"kind": "SchedulingPolicy"}, "last": 7})[1]["last"] == 7
    assert posted("/preview", {"policy": "x", "pods": [POD]})[1]["pods"] == ["shop/web"]


@pytest.mark.parametrize(
    ("body", "status", "path"),
    [
        (b"{", 400, None),
        ({}, 422, "policy"),
        ({"policy": None}, 422, "policy"),
        ({"policy": "bad"}, 422, "policy.profiles[0].name"),
        ({"policy": "x", "last": 0}, 422, "last"),
        ({"policy": "x", "last": PREVIEW_PODS_MAX + 1}, 422, "last"),
        ({"policy": "x", "pods": [POD] * (PREVIEW_PODS_MAX + 1)}, 422, "pods"),
        ({"policy": "x", "pods": [POD, {"spec": 5}]}, 422, "pods[1].spec"),
        ({"policy": "x", "pods": [POD, {"metadata": {"creationTimestamp": "0001-01-01T00:00:00"}}]}, 422, "pods[1]"),
        ({"policy": "x", "node": 1}, 422, ""),
    ],
)
def test_a_wrong_preview_body_is_refused_with_its_place(body: Any, status: int, path: str | None) -> None:
    found, error = posted("/preview", body)
    assert found == status
    if path is not None:
        assert error["details"][0]["path"] == path


def test_a_preview_body_has_a_limit_of_its_own() -> None:
    assert posted("/preview", {"policy": "x" * ADMIN_BODY_MAX})[0] == 200
    assert posted("/preview", b"#" * (PREVIEW_BODY_MAX + 1))[1]["reason"] == "BodyTooLarge"


def test_a_second_preview_at_the_same_time_is_refused() -> None:
    async def both() -> list[int]:
        go_on = asyncio.Event()

        async def slow(*_args: Any) -> dict[str, Any]:
            await go_on.wait()
            return {}

        app, body = admin(preview=slow), [json.dumps({"policy": "x"}).encode()]
        first = asyncio.create_task(asked(app, "POST", "/preview", body))
        await asyncio.sleep(0.01)
        second = await asked(app, "POST", "/preview", body)
        go_on.set()
        return [found.status for found in (await first, second) if found is not None]

    assert asyncio.run(both()) == [200, 409]


def an_error(answered: Answered) -> dict[str, Any]:
    error: dict[str, Any] = json.loads(answered.body)
    assert set(error) == {"status", "code", "reason", "message", "details", "requestId"}
    assert error["code"] == answered.status
    return error


def test_unknown_paths_and_wrong_methods_have_the_shape_of_every_error() -> None:
    assert an_error(ask(admin(), "GET", "/nothing"))["reason"] == "NotFound"
    answered = ask(admin(), "POST", "/configz", headers={"host": "[::"})
    assert an_error(answered)["reason"] == "MethodNotAllowed"
    assert "GET" in answered.headers["allow"]


def test_a_callers_request_id_comes_back_if_it_is_one() -> None:
    assert an_error(ask(admin(), "GET", "/x", headers={"x-request-id": "abc-1"}))["requestId"] == "abc-1"
    made = an_error(ask(admin(), "GET", "/x", headers={"x-request-id": "<script>"}))["requestId"]
    assert made.isalnum()


@pytest.mark.parametrize("path", ["/configz", "/livez", "/readyz", "/leases", "/holds", "/catalogue"])
def test_a_provider_that_breaks_is_a_500_without_its_insides(path: str) -> None:
    def breaking() -> Any:
        raise RuntimeError("secret of the house")

    names = {"/livez": "live", "/readyz": "ready"}
    answered = ask(admin(**{names.get(path, path[1:]): breaking}), "GET", path)
    error = an_error(answered)
    assert (answered.status, error["reason"]) == (500, "InternalFault")
    assert b"secret" not in answered.body


def test_a_policy_refused_while_explaining_is_a_422() -> None:
    def refusing(*_args: Any) -> dict[str, Any]:
        raise PolicyRefused([Problem("profiles", "none fits")])

    status, error = posted("/explain", {"pod": POD}, admin(explain=refusing))
    assert (status, error["details"]) == (422, [{"path": "profiles", "message": "none fits"}])
