"""What an API server adds to an object on its way in: identity, defaults, and for pods what admission plugins add."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from extender.lab import gojson
from extender.lab.identity import Identities
from extender.lab.kinds import (
    CONTROLLER_REVISIONS,
    DISRUPTION_BUDGETS,
    EVENTS,
    NAMESPACES,
    NODES,
    PODS,
    PRIORITY_CLASSES,
    Served,
)
from extender.lab.refusal import Refusal, bad_request, invalid_field, not_found
from extender.lab.store import Store
from extender.lab.trees import Tree, with_condition

_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NAME_MAX = 253
_UNREACHABLE_S = 300
_TOKEN_MOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path, not a secret
_NO_NODE_INFO = dict.fromkeys(
    (
        "machineID",
        "systemUUID",
        "bootID",
        "kernelVersion",
        "osImage",
        "containerRuntimeVersion",
        "kubeletVersion",
        "kubeProxyVersion",
        "operatingSystem",
        "architecture",
    ),
    "",
)
_COUNTED = (PODS, DISRUPTION_BUDGETS)
"""Kinds whose metadata.generation counts changes of spec from the start; custom kinds do as well."""

_GENERATE_TRIES = 8


class Admission:
    """Turns what a client sent into what is stored. Raises Refusal."""

    def __init__(self, store: Store, identities: Identities) -> None:
        self._store = store
        self._new = identities
        self._defaults: dict[Served, Callable[[Tree], Tree]] = {
            PODS: self._pod,
            NODES: _node,
            NAMESPACES: _namespace,
            EVENTS: _event,
            DISRUPTION_BUDGETS: _budget,
            CONTROLLER_REVISIONS: _revision,
        }

    def admit(self, kind: Served, namespace: str, tree: Tree) -> Tree:
        """A new object, complete but for its resourceVersion."""
        tree = {key: value for key, value in tree.items() if key not in ("kind", "apiVersion")}
        meta = tree.get("metadata") or {}
        if namespace and meta.get("namespace", namespace) != namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
        if namespace and self._store.find(NAMESPACES, "", namespace) is None:
            raise not_found(NAMESPACES, namespace)
        tree["metadata"] = self._metadata(kind, namespace, meta)
        return self._defaults.get(kind, _as_it_is)(tree)

    def _metadata(self, kind: Served, namespace: str, meta: Tree) -> Tree:
        name = meta.get("name") or self._generated(kind, namespace, meta.get("generateName") or "")
        if not name:
            message = f'{kind.kind} "" is invalid: metadata.name: Required value: name or generateName is required'
            cause = {
                "reason": "FieldValueRequired",
                "message": "Required value: name or generateName is required",
                "field": "metadata.name",
            }
            raise Refusal(422, "Invalid", message, {"kind": kind.kind, "causes": [cause]})
        if not _NAME.fullmatch(name) or len(name) > _NAME_MAX:
            raise _bad_name(kind, name)
        counted = {"generation": 1} if kind in _COUNTED or kind.custom else {}
        given = {k: v for k, v in meta.items() if k not in ("resourceVersion", "managedFields", "selfLink")}
        place = {"namespace": namespace} if namespace else {}
        return {**given, "name": name, **place, "uid": self._new.uid(), "creationTimestamp": self._new.now(), **counted}

    def _generated(self, kind: Served, namespace: str, prefix: str) -> str:
        """A name that is free, after as many tries as the real one makes; then the collision shows."""
        name = ""
        for _ in range(_GENERATE_TRIES):
            name = f"{prefix}{self._new.suffix()}" if prefix else ""
            if self._store.find(kind, namespace, name) is None:
                break
        return name

    def _pod(self, tree: Tree) -> Tree:
        spec = tree.get("spec") or {}
        token = f"kube-api-access-{self._new.suffix()}"
        containers = [_container(c, token) for c in spec.get("containers") or ()]
        first = [_container(c, token) for c in spec.get("initContainers") or ()]
        priority = self._priority(spec)
        full = {
            **_POD_DEFAULTS,
            **spec,
            **priority,
            "volumes": [*(spec.get("volumes") or ()), _token_volume(token)],
            "containers": containers,
            **({"initContainers": first} if first else {}),
            "tolerations": [*(spec.get("tolerations") or ()), *_tolerations(spec)],
        }
        status = {"phase": "Pending", **(tree.get("status") or {}), "qosClass": _qos(first + containers)}
        made = {**tree, "spec": full, "status": status}
        return (
            with_condition(made, {**_GATED, "lastTransitionTime": self._new.now()})
            if full.get("schedulingGates")
            else made
        )

    def _priority(self, spec: Tree) -> Tree:
        name = spec.get("priorityClassName", "")
        if not name:
            return {"priority": 0, "preemptionPolicy": "PreemptLowerPriority"}
        found = self._store.find(PRIORITY_CLASSES, "", name)
        if found is None:
            raise Refusal(
                403, "Forbidden", f"pods is forbidden: no PriorityClass with name {name} was found", {"kind": "pods"}
            )
        policy = found.tree.get("preemptionPolicy", "PreemptLowerPriority")
        return {"priority": found.tree["value"], "preemptionPolicy": policy}


_GATED: Tree = {
    "type": "PodScheduled",
    "status": "False",
    "lastProbeTime": None,
    "lastTransitionTime": None,
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}
_POD_DEFAULTS: Tree = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "serviceAccountName": "default",
    "serviceAccount": "default",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "enableServiceLinks": True,
}


def _container(given: Tree, token: str) -> Tree:
    mount = {"name": token, "readOnly": True, "mountPath": _TOKEN_MOUNT}
    resources = dict(given.get("resources") or {})
    if resources.get("limits"):
        resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
    always = ":" not in given.get("image", "") or given["image"].endswith(":latest")
    return {
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "Always" if always else "IfNotPresent",
        **given,
        "resources": resources,
        "volumeMounts": [*(given.get("volumeMounts") or ()), mount],
    }


def _token_volume(name: str) -> Tree:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources: list[Tree] = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"sources": sources, "defaultMode": 420}}


def _tolerations(spec: Tree) -> list[Tree]:
    """DefaultTolerationSeconds: five minutes on a node that is lost, unless the pod says something about it itself."""
    given = [t for t in spec.get("tolerations") or () if t.get("effect", "") in ("", "NoExecute")]
    return [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _UNREACHABLE_S}
        for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        if not any(t.get("key", "") in ("", key) for t in given)
    ]


def _qos(containers: list[Tree]) -> str:
    requests = [c["resources"].get("requests") or {} for c in containers]
    limits = [c["resources"].get("limits") or {} for c in containers]
    plain = ("cpu", "memory")
    if not any(r.get(name) for r in requests + limits for name in plain):
        return "BestEffort"
    same = all(
        limit.get(name) and r.get(name) == limit[name]
        for r, limit in zip(requests, limits, strict=True)
        for name in plain
    )
    return "Guaranteed" if same else "Burstable"


def _node(tree: Tree) -> Tree:
    status = {
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "nodeInfo": _NO_NODE_INFO,
        **(tree.get("status") or {}),
    }
    if status.get("conditions"):
        blank = {"lastHeartbeatTime": None, "lastTransitionTime": None}
        status["conditions"] = [{**blank, **c} for c in status["conditions"]]
    return {**tree, "spec": tree.get("spec") or {}, "status": status}


def _namespace(tree: Tree) -> Tree:
    meta = tree["metadata"]
    labels = {**(meta.get("labels") or {}), "kubernetes.io/metadata.name": meta["name"]}
    return {
        "metadata": {**meta, "labels": labels},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _event(tree: Tree) -> Tree:
    blank: dict[str, Any] = {
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "eventTime": None,
        "reportingComponent": "",
        "reportingInstance": "",
    }
    return {**blank, **tree}


def _budget(tree: Tree) -> Tree:
    """Nothing is allowed until a controller has counted."""
    counted = dict.fromkeys(("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"), 0)
    return {**tree, "spec": tree.get("spec") or {}, "status": counted}


def _revision(tree: Tree) -> Tree:
    return check_revision({"revision": 0, **tree}, None)


def check_revision(new: Tree, old: Tree | None) -> Tree:
    """A ControllerRevision says what it holds, once and for all. Raises Refusal (422). `old`: None for a new one."""
    name = new["metadata"]["name"]
    if "data" not in new:
        why = "Required value: data is mandatory"
        raise invalid_field(CONTROLLER_REVISIONS, name, "data", why, "FieldValueRequired")
    if new["revision"] < 0:
        why = f"Invalid value: {new['revision']}: must be greater than or equal to 0"
        raise invalid_field(CONTROLLER_REVISIONS, name, "revision", why)
    if old is not None and new["data"] != old["data"]:
        why = f"Invalid value: {gojson.dumps(new['data']).decode()}: field is immutable"
        raise invalid_field(CONTROLLER_REVISIONS, name, "data", why)
    return new


def check_gates(old: Tree, new: Tree, name: str) -> None:
    """Scheduling gates of a pod may only be taken away. Raises Refusal (422)."""
    known = {gate["name"] for gate in old.get("schedulingGates") or ()}
    for at, gate in enumerate(new.get("schedulingGates") or ()):
        if gate["name"] not in known:
            why = f"Forbidden: only deletion is allowed, but found new scheduling gate '{gate['name']}'"
            field = f"spec.schedulingGates[{at}].name"
            cause = {"reason": "FieldValueForbidden", "message": why, "field": field}
            message = f'Pod "{name}" is invalid: {field}: {why}'
            raise Refusal(422, "Invalid", message, {"name": name, "kind": "Pod", "causes": [cause]})


def _as_it_is(tree: Tree) -> Tree:
    return tree


def _bad_name(kind: Served, name: str) -> Refusal:
    why = (
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
        "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
        r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
    )
    text = f'Invalid value: "{name}": {why}'
    cause = {"reason": "FieldValueInvalid", "message": text, "field": "metadata.name"}
    message = f'{kind.kind} "{name}" is invalid: metadata.name: {text}'
    return Refusal(422, "Invalid", message, {"name": name, "kind": kind.kind, "causes": [cause]})
