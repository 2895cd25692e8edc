"""Events as an API server writes them, with ids and addresses from one seed."""

from __future__ import annotations

import random
from typing import Any

from analytics.audit.analysis import rfc3339

BEGIN_US = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z"""
CONTROLLER = "system:serviceaccount:kube-system:{}-controller"
SCHEDULER = "system:kube-scheduler"
MANAGER_AGENT = "kube-controller-manager/v1.35.0 (linux/amd64) kubernetes/0abc123"
SCHEDULER_AGENT = "kube-scheduler/v1.35.0 (linux/amd64) kubernetes/0abc123/scheduler"
KUBELET_AGENT = "kubelet/v1.35.0 (linux/amd64) kubernetes/0abc123"
KUBECTL_AGENT = "kubectl/v1.35.0 (linux/amd64) kubernetes/0abc123"
GITOPS = "system:serviceaccount:gitops:applier"
CREATED, OK, SWITCHED, FORBIDDEN = 201, 200, 101, 403
Event = dict[str, Any]
_GROUPS = {
    "deployments": "apps",
    "daemonsets": "apps",
    "replicasets": "apps",
    "cronjobs": "batch",
    "jobs": "batch",
    "priorityclasses": "scheduling.k8s.io",
    "leases": "coordination.k8s.io",
    "poddisruptionbudgets": "policy",
    "clusterrolebindings": "rbac.authorization.k8s.io",
    "clusterroles": "rbac.authorization.k8s.io",
    "rolebindings": "rbac.authorization.k8s.io",
    "roles": "rbac.authorization.k8s.io",
    "mutatingwebhookconfigurations": "admissionregistration.k8s.io",
    "validatingwebhookconfigurations": "admissionregistration.k8s.io",
    "resourceclaims": "resource.k8s.io",
    "resourceclaimtemplates": "resource.k8s.io",
    "deviceclasses": "resource.k8s.io",
    "selfsubjectaccessreviews": "authorization.k8s.io",
}
_BODIES = {"create": "RequestResponse", "update": "Request", "patch": "Request"}
_PARTS = 4


class Maker:
    """Every time is in seconds after BEGIN_US."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - seeded, not secret
        self.nodes = tuple(f"node-{number}" for number in range(24))
        self.tenants = ("team-a", "team-b", "team-c", "team-d", "shop", "search")
        self._number = 0
        self._networks = {"": 10}

    def name(self, stem: str) -> str:
        return f"{stem}-{''.join(self.random.choices('bcdfghjklmnpqrstvwxz2456789', k=5))}"

    def event(
        self,
        at_s: float,
        verb: str,
        user: str,
        target: str,
        *,
        request: Any = None,
        response: Any = None,
        code: int = 0,
        agent: str = KUBECTL_AGENT,
        address: str = "",
        groups: tuple[str, ...] = (),
        uri: str = "",
        **further: Any,
    ) -> Event:
        """`target` is resource/namespace/name/subresource; `-` for none. `further` goes into the event as it is."""
        self._number += 1
        parts = [("" if part == "-" else part) for part in target.split("/")] + [""] * _PARTS
        resource, namespace, name, subresource = parts[:_PARTS]
        reference = {
            "resource": resource,
            "namespace": namespace,
            "name": name,
            "apiGroup": _GROUPS.get(resource, ""),
            "apiVersion": "v1",
            "subresource": subresource,
        }
        path = uri or f"/api/v1/{'/'.join(part for part in ('namespaces', namespace, resource, name, subresource))}"
        received_us = BEGIN_US + round(at_s * 1_000_000)
        done_us = received_us + self.random.randrange(800, 20_000)
        made: Event = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": _BODIES.get(verb, "Metadata") if request is not None else "Metadata",
            "auditID": f"{self.random.getrandbits(48):012x}-{self._number}",
            "stage": "ResponseComplete",
            "requestURI": path,
            "verb": verb,
            "user": {"username": user, "groups": [*groups, "system:authenticated"]},
            "sourceIPs": [address or self.address_of(user)],
            "userAgent": agent,
            "objectRef": {key: value for key, value in reference.items() if value},
            "responseStatus": {"metadata": {}, "code": code or (CREATED if verb == "create" else OK)},
            "requestReceivedTimestamp": rfc3339(received_us),
            "stageTimestamp": rfc3339(done_us),
            "annotations": {
                "authorization.k8s.io/decision": "forbid" if code == FORBIDDEN else "allow",
                "authorization.k8s.io/reason": "",
            },
        }
        if request is not None:
            made["requestObject"] = request
        if response is not None:
            made["responseObject"] = response
        if not resource:
            del made["objectRef"]
        return made | further

    def address_of(self, user: str) -> str:
        """Each user calls from a host of its own."""
        host = self._networks.setdefault(user, 10 + len(self._networks))
        return f"10.{host // 200}.{host % 200}.7"

    def pod(self, stem: str, namespace: str, **spec: Any) -> Event:
        """A body of the length that real ones have, as sent."""
        container = {
            "name": "main",
            "image": f"registry.example/{namespace}/{stem}:1.{self.random.randrange(40)}",
            "imagePullPolicy": "IfNotPresent",
            "env": [{"name": f"SETTING_{number}", "value": f"value of {stem} {number}"} for number in range(12)],
            "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "512Mi"}},
            "ports": [{"containerPort": 8080, "protocol": "TCP"}],
            "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10, "timeoutSeconds": 1},
            "livenessProbe": {"httpGet": {"path": "/live", "port": 8080}, "periodSeconds": 10, "failureThreshold": 3},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],  # noqa: S108 - in a made container
        }
        return {
            "kind": "Pod",
            "apiVersion": "v1",
            "metadata": {
                "generateName": f"{stem}-",
                "namespace": namespace,
                "labels": {"app": stem, "pod-template-hash": "6d5f7c8b9", "version": "1"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{stem}-6d5f7c8b9"}],
            },
            "spec": {
                "containers": [container],
                "volumes": [{"name": "scratch", "emptyDir": {}}],
                "restartPolicy": "Always",
                "terminationGracePeriodSeconds": 30,
                "schedulerName": "default-scheduler",
                "tolerations": [
                    {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
                    for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
                ],
            }
            | spec,
        }

    def answered(self, pod: Event, name: str) -> Event:
        """What the server answers to the creation of a pod: named, and with a status."""
        uid = f"{self.random.getrandbits(64):016x}"
        return pod | {
            "metadata": pod["metadata"] | {"name": name, "uid": uid, "resourceVersion": str(self._number)},
            "status": {"phase": "Pending", "qosClass": "Burstable"},
        }
