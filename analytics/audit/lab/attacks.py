"""Attacks, each labelled with the rules that should find it.

`evasive` ones know the rules and stay below or beside them: a log without them would flatter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from analytics.audit.lab.maker import (
    FORBIDDEN,
    KUBECTL_AGENT,
    SCHEDULER,
    SCHEDULER_AGENT,
    SWITCHED,
    Event,
    Maker,
)

Scene = Callable[[Maker, float, str], Iterator[Event]]


@dataclass(frozen=True, slots=True)
class Attack:
    name: str
    rules: tuple[str, ...]
    make: Scene
    evasive: bool = False


def _pod(*, template: bool = False, **spec: Any) -> Scene:
    """A pod, or a deployment of such pods, in the attacker's namespace."""

    def made(make: Maker, at: float, user: str) -> Iterator[Event]:
        namespace = make.random.choice(make.tenants)
        name = make.name("tool")
        pod = make.pod("tool", namespace, **spec)
        pod["metadata"] = {"name": name, "namespace": namespace, "labels": {"app": "tool"}}
        if template:
            body = {"spec": {"replicas": 1, "template": {"metadata": {}, "spec": pod["spec"]}}}
            yield make.event(at, "create", user, f"deployments/{namespace}/{name}", request=body)
        else:
            answer = make.answered(pod, name)
            yield make.event(at, "create", user, f"pods/{namespace}/-", request=pod, response=answer)

    return made


def _one(verb: str, target: str, **given: Any) -> Scene:
    """One request. `#` in the target becomes a name."""

    def made(make: Maker, at: float, user: str) -> Iterator[Event]:
        said = dict(given)
        who = said.pop("as_user", user)
        yield make.event(at, verb, who, target.replace("#", make.name("x")), **said)

    return made


def _many(verb: str, target: str, count: int, apart: float, **given: Any) -> Scene:
    """The same again and again. `#` becomes a name, `@` the number."""

    def made(make: Maker, at: float, user: str) -> Iterator[Event]:
        said = dict(given)
        who = said.pop("as_user", user)
        for number in range(count):
            where = target.replace("#", make.name("x")).replace("@", str(number))
            yield make.event(at + number * apart, verb, who, where, **said)

    return made


def _escalation(make: Maker, at: float, user: str) -> Iterator[Event]:
    """The whole way: a grant to an account, a pod by the account, and into it."""
    account = f"system:serviceaccount:team-a:{make.name('ci')}"
    subject = {"kind": "ServiceAccount", "namespace": "team-a", "name": account.rpartition(":")[2]}
    grant = {"roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": [subject]}
    yield make.event(at, "create", user, f"clusterrolebindings/-/{make.name('x')}", request=grant)
    name = make.name("tool")
    pod = make.pod("tool", "team-a", hostPID=True)
    yield make.event(at + 200, "create", account, f"pods/team-a/{name}", request=pod)
    yield make.event(at + 400, "create", account, f"pods/team-a/{name}/exec", code=SWITCHED, stage="ResponseStarted")


def _gates(make: Maker, at: float, user: str) -> Iterator[Event]:
    name, pod = make.name("job"), make.pod("job", "team-c", schedulingGates=[{"name": "example.com/queue"}])
    owner = "system:serviceaccount:team-c:queue"
    yield make.event(at, "create", owner, f"pods/team-c/{name}", request=pod, agent="queue/1.0")
    yield make.event(at + 5, "patch", user, f"pods/team-c/{name}", request={"spec": {"schedulingGates": []}})


def _preemptions(make: Maker, at: float, user: str) -> Iterator[Event]:
    """One tenant's many important pods."""
    del user
    for number in range(25):
        target = f"pods/team-b/{make.name('vip')}/status"
        body = {"status": {"nominatedNodeName": make.random.choice(make.nodes)}}
        yield make.event(at + number * 5, "patch", SCHEDULER, target, request=body, agent=SCHEDULER_AGENT)


def _probing(make: Maker, at: float, user: str) -> Iterator[Event]:
    kinds = ("secrets", "nodes", "roles", "pods", "services", "configmaps", "jobs", "leases", "events", "endpoints")
    for number, kind in enumerate(kinds):
        for step, verb in enumerate(("list", "create")):
            yield make.event(at + number * 4 + step, verb, user, f"{kind}/kube-system", code=FORBIDDEN)


_DEVICES = {"resources": {"limits": {"nvidia.com/gpu": "8"}}}
_PRIVILEGED = {"name": "main", "securityContext": {"privileged": True}}
_ADMIN = {
    "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"},
    "subjects": [{"kind": "User", "name": "mallory"}],
}
_BIND = {"rules": [{"apiGroups": [""], "resources": ["pods/binding"], "verbs": ["create"]}]}
_HOOK = {"webhooks": [{"rules": [{"operations": ["CREATE"], "resources": ["pods"], "apiGroups": [""]}]}]}
_CLAIM = {"spec": {"devices": {"requests": [{"name": "gpu", "exactly": {"adminAccess": True}}]}}}
_GPU = [{"op": "add", "path": "/status/capacity/example.com~1gpu", "value": "64"}]
_ZONE = [{"op": "replace", "path": "/metadata/labels/topology.kubernetes.io~1zone", "value": "b"}]
_HOST = {"kubernetes.io/hostname": "node-3"}
_ROOT = [{"name": "root", "hostPath": {"path": "/"}}]
_UNCORDON = [{"op": "remove", "path": "/spec/taints"}]
_TRUNCATED = {"audit.k8s.io/truncated": "true"}
_CONTROL = {"node-role.kubernetes.io/control-plane": ""}
_TAINT = [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}]
_WILD = {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}

ATTACKS: tuple[Attack, ...] = (
    Attack("pod with a node", ("SCH-01",), _pod(nodeName="node-3")),
    Attack(
        "deployment with a node, made by a controller",
        ("SCH-01",),
        _pod(template=True, nodeName="node-3"),
        evasive=True,
    ),
    Attack("binding", ("SCH-02",), _one("create", "pods/team-a/#/binding", request={"target": {"name": "node-3"}})),
    Attack("binding that is refused", ("SCH-02",), _one("create", "pods/team-a/#/binding", code=FORBIDDEN)),
    Attack("pod for another scheduler", ("SCH-03",), _pod(schedulerName="mine")),
    Attack("deployment for another scheduler", ("SCH-03",), _pod(template=True, schedulerName="mine")),
    Attack("pinned to a host", ("SCH-04",), _pod(nodeSelector=_HOST)),
    Attack("pinned to the control plane", ("SCH-04",), _pod(template=True, nodeSelector=_CONTROL)),
    Attack("pinned by a label of one node", ("SCH-04",), _pod(nodeSelector={"serial": "ab12"}), evasive=True),
    Attack("tolerates the control plane", ("SCH-05",), _pod(tolerations=_TAINT)),
    Attack("tolerates everything", ("SCH-05",), _pod(template=True, tolerations=[{"operator": "Exists"}])),
    Attack("system priority", ("SCH-06",), _pod(priorityClassName="system-cluster-critical")),
    Attack("priority class", ("SCH-07",), _one("create", "priorityclasses/-/#", request={"value": 10**9})),
    Attack("priority class deleted", ("SCH-07",), _one("delete", "priorityclasses/-/#")),
    Attack("cordon", ("SCH-08",), _one("patch", "nodes/-/node-5", request={"spec": {"unschedulable": True}})),
    Attack("taints removed", ("SCH-08",), _one("patch", "nodes/-/node-6", request=_UNCORDON)),
    Attack("zone changed", ("SCH-08",), _one("patch", "nodes/-/node-7", request=_ZONE)),
    Attack("devices invented", ("SCH-09",), _one("patch", "nodes/-/node-8/status", request=_GPU)),
    Attack(
        "policy changed", ("SCH-10",), _one("patch", "configmaps/trimtab-system/trimtab-policy", request={"data": {}})
    ),
    Attack("lease taken", ("SCH-10",), _one("update", "leases/kube-system/kube-scheduler", request={"spec": {}})),
    Attack("eviction storm", ("SCH-11",), _many("create", "pods/shop/#/eviction", 40, 0.5)),
    Attack("deletions", ("SCH-11",), _many("delete", "pods/shop/#", 30, 1)),
    Attack("slow evictions", ("SCH-11",), _many("create", "pods/shop/#/eviction", 40, 10), evasive=True),
    Attack("namespace emptied", ("SCH-11",), _one("deletecollection", "pods/shop")),
    Attack("preemptions", ("SCH-11",), _preemptions),
    Attack("quota raised", ("SCH-12",), _one("patch", "resourcequotas/team-a/compute", request={"spec": {}})),
    Attack("budget deleted", ("SCH-12",), _one("delete", "poddisruptionbudgets/shop/#")),
    Attack("webhook", ("SCH-13",), _one("create", "mutatingwebhookconfigurations/-/#", request=_HOOK)),
    Attack("guard deleted", ("SCH-13",), _one("delete", "validatingwebhookconfigurations/-/#")),
    Attack("as the scheduler", ("SCH-14",), _one("list", "secrets", impersonatedUser={"username": SCHEDULER})),
    Attack("as a colleague", ("SCH-14",), _one("get", "pods/shop/#", impersonatedUser={"username": "bob"})),
    Attack("cluster-admin", ("SCH-15",), _one("create", "clusterrolebindings/-/#", request=_ADMIN)),
    Attack("power to bind", ("SCH-15",), _one("create", "roles/team-a/#", request=_BIND)),
    Attack("all power", ("SCH-15",), _one("update", "clusterroles/-/#", request=_WILD)),
    Attack("privileged", ("SCH-16",), _pod(containers=[_PRIVILEGED])),
    Attack("host namespaces", ("SCH-16",), _pod(template=True, hostPID=True, hostNetwork=True)),
    Attack("the host's root", ("SCH-16",), _pod(volumes=_ROOT)),
    Attack("exec by get", ("SCH-17",), _one("get", "pods/shop/#/exec", code=SWITCHED)),
    Attack(
        "port forward into the system", ("SCH-17",), _one("create", "pods/kube-system/#/portforward", code=SWITCHED)
    ),
    Attack("escalation", ("SCH-15", "SCH-16", "SCH-17"), _escalation),
    Attack("hidden among the system", ("SCH-18",), _one("create", "pods/kube-system/#", request={"spec": {}})),
    Attack("gates removed", ("SCH-19",), _gates),
    Attack(
        "tenant's label", ("SCH-19",), _one("patch", "pods/shop/#", request={"metadata": {"labels": {"tenant": "x"}}})
    ),
    Attack("anonymous", ("SCH-20",), _one("list", "pods", as_user="system:anonymous", address="203.0.113.5")),
    Attack("probing", ("SCH-20",), _probing),
    Attack("refusals", ("SCH-20",), _many("get", "secrets/shop/#", 60, 0.5, code=FORBIDDEN)),
    Attack("patient refusals", ("SCH-20",), _many("get", "secrets/shop/#", 60, 30, code=FORBIDDEN), evasive=True),
    Attack("admin access", ("SCH-21",), _one("create", "resourceclaims/team-b/#", request=_CLAIM)),
    Attack("device class", ("SCH-21",), _one("patch", "deviceclasses/-/gpu.example.com", request={"spec": {}})),
    Attack("flood", ("SCH-22",), _many("create", "pods/team-d/#", 160, 0.2, request={"spec": {}})),
    Attack(
        "hoarding", ("SCH-22",), _many("create", "pods/team-d/#", 12, 9, request={"spec": {"containers": [_DEVICES]}})
    ),
    Attack(
        "scheduler's key stolen",
        ("SCH-22",),
        _one("list", "pods", as_user=SCHEDULER, agent=KUBECTL_AGENT, address="203.0.113.6"),
    ),
    Attack("node proxy", ("SCH-23",), _one("create", "nodes/-/node-3/proxy")),
    Attack(
        "controller's account",
        ("SCH-18", "SCH-23"),
        _one("create", "pods/kube-system/#", request={"spec": {"serviceAccountName": "namespace-controller"}}),
    ),
    Attack("traces removed", ("SCH-24",), _one("deletecollection", "events/shop")),
    Attack("bodies cut", ("SCH-24",), _many("create", "secrets/team-a/#", 20, 1, annotations=_TRUNCATED)),
)
"""A gap in the log is an attack too (SCH-24): the generator makes it by leaving events out."""
