"""Pods and nodes as kube-scheduler would send them, about 8 kB each: probes, affinity, volumes; images, conditions.

Seeded.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

PODS = 32
APPS = ("cart", "search", "billing", "ingest", "ranker")


def pods(count: int = PODS, seed: int = 7) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    return [_pod(chance, i) for i in range(count)]


def nodes(names: Sequence[str], seed: int = 7) -> list[dict[str, Any]]:
    """A Node object for each name."""
    chance = random.Random(seed)
    return [_node(chance, i, name) for i, name in enumerate(names)]


def _pod(chance: random.Random, number: int) -> dict[str, Any]:
    app, hashed = chance.choice(APPS), _hex(chance, 9)
    labels = {
        "app": app,
        "app.kubernetes.io/name": app,
        "app.kubernetes.io/part-of": "shop",
        "pod-template-hash": hashed,
        "tier": "backend",
        "version": f"v{number}",
    }
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"{app}-{hashed}",
        "uid": _uid(chance),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "metadata": {
            "name": f"{app}-{hashed}-{_hex(chance, 5)}",
            "generateName": f"{app}-{hashed}-",
            "namespace": f"bench-{app}",
            "uid": _uid(chance),
            "resourceVersion": str(chance.randint(10**8, 10**9)),
            "creationTimestamp": "2026-11-20T10:11:12Z",
            "labels": labels,
            "annotations": {
                "checksum/config": _hex(chance, 64),
                "prometheus.io/scrape": "true",
                "note.example.test/text": 'free text, with "quotes" and a list [1,2] and {braces}',
            },
            "ownerReferences": [owner],
        },
        "spec": _spec(chance, app),
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    }


def _spec(chance: random.Random, app: str) -> dict[str, Any]:
    arch = {"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64", "arm64"]}
    near = {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "kubernetes.io/hostname"}
    node_affinity = {
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [arch]}]}
    }
    spread = {
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": app}},
    }
    return {
        "volumes": [
            {"name": "config", "configMap": {"name": f"{app}-config", "defaultMode": 420}},
            {"name": "cache", "emptyDir": {"sizeLimit": "1Gi"}},
        ],
        "initContainers": [_container(chance, app, 9)],
        "containers": [_container(chance, app, 0), _container(chance, app, 1)],
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "serviceAccountName": app,
        "serviceAccount": app,
        "securityContext": {"fsGroup": 2000, "seccompProfile": {"type": "RuntimeDefault"}},
        "affinity": {
            "nodeAffinity": node_affinity,
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": near}]
            },
        },
        "schedulerName": "default-scheduler",
        "tolerations": [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "topologySpreadConstraints": [spread],
    }


def _container(chance: random.Random, app: str, number: int) -> dict[str, Any]:
    probe = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    settings: list[dict[str, Any]] = [{"name": f"SETTING_{k}", "value": f"value-{_hex(chance, 10)}"} for k in range(12)]
    secret = {"secretKeyRef": {"name": f"{app}-db", "key": "password"}}
    cpu, memory = chance.choice([100, 250, 500, 750]), chance.choice([128, 256, 512, 1024])
    return {
        "name": f"c{number}-{app}",
        "image": f"registry.example.test/team-{app}/{app}-service:v1.{number}",
        "command": ["/usr/bin/server"],
        "args": [f"--listen=:80{number}0", "--log-format=json", f"--config=/etc/{app}/config.yaml"],
        "ports": [
            {"name": "http", "containerPort": 8080 + number, "protocol": "TCP"},
            {"name": "metrics", "containerPort": 9090 + number, "protocol": "TCP"},
        ],
        "env": [*settings, {"name": "DB_PASSWORD", "valueFrom": secret}],
        "resources": {
            "limits": {"cpu": "2", "memory": "2Gi"},
            "requests": {"cpu": f"{cpu}m", "memory": f"{memory}Mi"},
        },
        "volumeMounts": [
            {"name": "config", "readOnly": True, "mountPath": f"/etc/{app}"},
            {"name": "cache", "mountPath": "/var/cache"},
        ],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080 + number, "scheme": "HTTP"}, **probe},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTP"}, **probe},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "capabilities": {"drop": ["ALL"]},
            "runAsUser": 1000,
            "runAsNonRoot": True,
            "readOnlyRootFilesystem": True,
            "allowPrivilegeEscalation": False,
        },
    }


def _node(chance: random.Random, number: int, name: str) -> dict[str, Any]:
    zone, octets = "abc"[number % 3], f"{number // 256 % 256}.{number % 256}"
    labels = {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": "general-16",
        "topology.kubernetes.io/region": "lab",
        "topology.kubernetes.io/zone": f"zone-{zone}",
        **{f"feature.node.kubernetes.io/cpu-{k}": "true" for k in range(14)},
    }
    amounts = {"cpu": "16", "ephemeral-storage": "209702892Ki", "memory": "64764284Ki", "pods": "110"}
    return {
        "metadata": {
            "name": name,
            "uid": _uid(chance),
            "resourceVersion": str(chance.randint(10**8, 10**9)),
            "creationTimestamp": "2026-10-01T00:00:00Z",
            "labels": labels,
            "annotations": {
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
                "csi.volume.kubernetes.io/nodeid": f'{{"csi.example.test":"i-{_hex(chance, 16)}"}}',
            },
        },
        "spec": {
            "podCIDR": f"10.{octets}.0/24",
            "podCIDRs": [f"10.{octets}.0/24"],
            "providerID": f"lab:///zone-{zone}/i-{_hex(chance, 17)}",
        },
        "status": {
            "capacity": amounts,
            "allocatable": {**amounts, "cpu": "15880m", "memory": "62701948Ki"},
            "conditions": [_condition(*condition) for condition in _CONDITIONS],
            "addresses": [
                {"type": "InternalIP", "address": f"10.1.{octets}"},
                {"type": "Hostname", "address": name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "nodeInfo": _node_info(chance),
            "images": [_image(chance, k) for k in range(_IMAGES)],
        },
    }


_IMAGES = 27
_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def _condition(kind: str, status: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "lastHeartbeatTime": "2026-11-21T10:00:00Z",
        "lastTransitionTime": "2026-11-01T10:00:00Z",
        "reason": reason,
        "message": message,
    }


def _node_info(chance: random.Random) -> dict[str, Any]:
    return {
        "machineID": _hex(chance, 32),
        "systemUUID": _uid(chance),
        "bootID": _uid(chance),
        "kernelVersion": "6.8.0-1021",
        "osImage": "Linux 24.04",
        "containerRuntimeVersion": "containerd://2.0.1",
        "kubeletVersion": "v1.34.2",
        "kubeProxyVersion": "v1.34.2",
        "operatingSystem": "linux",
        "architecture": "amd64",
    }


def _image(chance: random.Random, number: int) -> dict[str, Any]:
    name = f"registry.example.test/team-{number % 9}/service-{number}"
    names = [f"{name}@sha256:{_hex(chance, 64)}", f"{name}:v1.{number}.0"]
    return {"names": names, "sizeBytes": chance.randint(10**6, 10**9)}


def _hex(chance: random.Random, letters: int) -> str:
    return "".join(chance.choice("0123456789abcdef") for _ in range(letters))


def _uid(chance: random.Random) -> str:
    parts = (_hex(chance, 8), _hex(chance, 4), f"4{_hex(chance, 3)}", f"a{_hex(chance, 3)}", _hex(chance, 12))
    return "-".join(parts)
