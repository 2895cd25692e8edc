"""Audit events as a real API server writes them (audit.k8s.io/v1), for tests."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
T0_US = 1_767_323_045_000_000
SCHEDULER = "system:kube-scheduler"
_ids = itertools.count(1)


def at(seconds: float) -> str:
    """So many seconds after T0, as the API server writes times."""
    return (T0 + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def us(seconds: float) -> int:
    return T0_US + round(seconds * 1e6)


def event(verb: str, resource: str, *, seconds: float = 0.0, took_ms: float = 5.0, **more: Any) -> dict[str, Any]:
    """One event; `more`: subresource, namespace, name, uid, group, user, groups, code, request, response, id, stage."""
    namespace, name = more.get("namespace", "team-a"), more.get("name", "")
    group, sub = more.get("group", ""), more.get("subresource", "")
    reference = {"resource": resource, "namespace": namespace, "name": name, "apiVersion": "v1", "apiGroup": group}
    reference |= {"subresource": sub, "uid": more.get("uid", "")}
    told: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse" if "response" in more else "Request" if "request" in more else "Metadata",
        "auditID": more.get("id") or f"a{next(_ids)}",
        "stage": more.get("stage", "ResponseComplete"),
        "requestURI": f"/{'apis/' + group if group else 'api'}/v1/namespaces/{namespace}/{resource}/{name}",
        "verb": verb,
        "user": {"username": more.get("user", SCHEDULER), "groups": more.get("groups", ["system:authenticated"])},
        "sourceIPs": more.get("ips", ["10.0.0.7"]),
        "userAgent": more.get("agent", "kube-scheduler/v1.36"),
        "objectRef": {key: value for key, value in reference.items() if value},
        "responseStatus": {"metadata": {}, "code": more.get("code", 201 if verb == "create" else 200)},
        "requestReceivedTimestamp": at(seconds - took_ms / 1000),
        "stageTimestamp": at(seconds),
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: allowed"},
    }
    for key, field in (("request", "requestObject"), ("response", "responseObject")):
        if key in more:
            told[field] = more[key]
    return told


def created(pod: str, *, seconds: float = 0.0, spec: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A pod is created; its UID is uid-NAME and stands in the answer only."""
    namespace = more.get("namespace", "team-a")
    sent = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": pod, "namespace": namespace},
        "spec": spec or {"containers": [{"name": "main", "image": "example.test/app:1"}]},
    }
    answer = {**sent, "metadata": {"name": pod, "namespace": namespace, "uid": f"uid-{pod}"}}
    more = {"name": pod, "user": "system:serviceaccount:kube-system:replicaset-controller"} | more
    return event("create", "pods", seconds=seconds, request=sent, response=answer, **more)


def bound(pod: str, node: str, *, seconds: float = 0.0, **more: Any) -> dict[str, Any]:
    namespace = more.get("namespace", "team-a")
    sent = {
        "kind": "Binding",
        "apiVersion": "v1",
        "metadata": {"name": pod, "namespace": namespace, "uid": f"uid-{pod}"},
        "target": {"kind": "Node", "name": node},
    }
    more = {"name": pod, "uid": f"uid-{pod}", "subresource": "binding", "request": sent} | more
    return event("create", "pods", seconds=seconds, **more)


def entered(pod: str, user: str = "mallory", **more: Any) -> dict[str, Any]:
    """exec, as the API server tells it first: the stage before the session has ended."""
    entry: dict[str, Any] = {"name": pod, "subresource": "exec", "user": user, "code": 101, "stage": "ResponseStarted"}
    return event("create", "pods", **(entry | more))


def line(told: dict[str, Any]) -> bytes:
    return json.dumps(told, separators=(",", ":")).encode()


def lines(*told: dict[str, Any]) -> bytes:
    return b"".join(line(one) + b"\n" for one in told)
