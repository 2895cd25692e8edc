"""What an API server logs on ordinary days, with much that looks like an attack and is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from analytics.audit.lab.maker import (
    CONTROLLER,
    FORBIDDEN,
    GITOPS,
    KUBELET_AGENT,
    MANAGER_AGENT,
    SCHEDULER,
    SCHEDULER_AGENT,
    Event,
    Maker,
)

REPLICASETS, DAEMONSETS = CONTROLLER.format("replicaset"), CONTROLLER.format("daemon-set")
QUOTAS, GARBAGE = CONTROLLER.format("resourcequota"), "system:serviceaccount:kube-system:generic-garbage-collector"
AUTOSCALER = "system:serviceaccount:kube-system:cluster-autoscaler"
ADMINISTRATORS = ("system:masters",)
PEOPLE = ("alice", "bob", "carol", "erin")
Scene = Callable[[Maker, float], Iterator[Event]]


def rollout(make: Maker, at: float) -> Iterator[Event]:
    """A deployment's new pods, scheduled by the scheduler, and its old ones."""
    yield from _pods(make, at, make.random.choice(make.tenants), make.random.randrange(2, 12), 0.4)


def large_rollout(make: Maker, at: float) -> Iterator[Event]:
    """Three hundred pods in a minute are a controller's right."""
    yield from _pods(make, at, "search", 300, 0.15)


def _pods(make: Maker, at: float, namespace: str, count: int, apart: float) -> Iterator[Event]:
    stem = make.random.choice(("web", "api", "cart", "index", "queue"))
    for number in range(count):
        then = at + number * apart
        pod, name = make.pod(stem, namespace), make.name(f"{stem}-6d5f7c8b9")
        answer = make.answered(pod, name)
        target = f"pods/{namespace}/-"
        yield make.event(then, "create", REPLICASETS, target, request=pod, response=answer, agent=MANAGER_AGENT)
        yield from scheduled(make, then, namespace, name)
        if number % 2:
            old = f"pods/{namespace}/{make.name(f'{stem}-5c4d3b2a1')}"
            yield make.event(then + 3, "delete", REPLICASETS, old, agent=MANAGER_AGENT)


def scheduled(make: Maker, at: float, namespace: str, name: str) -> Iterator[Event]:
    """The scheduler's part, and the kubelet's."""
    if make.random.random() < 0.05:  # noqa: PLR2004 - now and then no node fits at first
        message = "0/24 nodes are available: 24 Insufficient cpu."
        conditions = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]
        yield make.event(
            at + 0.05,
            "patch",
            SCHEDULER,
            f"pods/{namespace}/{name}/status",
            request={"status": {"conditions": conditions}},
            agent=SCHEDULER_AGENT,
        )
        at += 8
    node = make.random.choice(make.nodes)
    target = {"kind": "Binding", "metadata": {"name": name}, "target": {"kind": "Node", "name": node}}
    bound = f"pods/{namespace}/{name}/binding"
    yield make.event(
        at + make.random.uniform(0.01, 0.4), "create", SCHEDULER, bound, request=target, agent=SCHEDULER_AGENT
    )
    status = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    kubelet = f"system:node:{node}"
    yield make.event(at + 2, "patch", kubelet, f"pods/{namespace}/{name}/status", request=status, agent=KUBELET_AGENT)


def daemons(make: Maker, at: float) -> Iterator[Event]:
    """Pinned, tolerant of everything and on the host's network, as agents of a cluster are."""
    for node in make.nodes[:6]:
        terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        pod = make.pod(
            "net-agent",
            "kube-system",
            affinity={"nodeAffinity": required},
            tolerations=[{"operator": "Exists"}],
            hostNetwork=True,
            priorityClassName="system-node-critical",
        )
        name = make.name("net-agent")
        answer = make.answered(pod, name)
        yield make.event(
            at, "create", DAEMONSETS, "pods/kube-system/-", request=pod, response=answer, agent=MANAGER_AGENT
        )
        yield from scheduled(make, at, "kube-system", name)


def mirrors(make: Maker, at: float) -> Iterator[Event]:
    """Static pods of a kubelet: on their node from the beginning."""
    node = make.random.choice(make.nodes)
    pod = make.pod("etcd", "kube-system", nodeName=node, hostNetwork=True)
    kubelet = f"system:node:{node}"
    yield make.event(at, "create", kubelet, f"pods/kube-system/etcd-{node}", request=pod, agent=KUBELET_AGENT)


def people(make: Maker, at: float) -> Iterator[Event]:
    """They look, apply, and are refused now and then."""
    user, namespace = make.random.choice(PEOPLE), make.random.choice(make.tenants)
    for number in range(make.random.randrange(3, 20)):
        what = make.random.choice(("pods", "deployments", "services", "configmaps", "events", "nodes"))
        refused = FORBIDDEN if make.random.random() < 0.05 else 0  # noqa: PLR2004 - now and then
        yield make.event(
            at + number * 2, make.random.choice(("get", "list", "watch")), user, f"{what}/{namespace}", code=refused
        )
    template = {"spec": {"containers": [{"name": "main", "image": f"registry.example/web:{make.random.random()}"}]}}
    target = f"deployments/{namespace}/web"
    yield make.event(at + 30, "patch", user, target, request={"spec": {"template": template}})


def refused(make: Maker, at: float) -> Iterator[Event]:
    """What admission or a dry run stopped did no harm."""
    pod = make.pod("tool", "team-b", hostPID=True)
    user = make.random.choice(PEOPLE)
    yield make.event(at, "create", user, "pods/team-b/tool", request=pod, code=FORBIDDEN)
    uri = "/api/v1/namespaces/team-b/pods?dryRun=All"
    yield make.event(at + 5, "create", user, "pods/team-b/tool", request=pod, uri=uri)


def leases(make: Maker, at: float) -> Iterator[Event]:
    for number in range(20):
        then = at + number * 2
        lease = "leases/kube-system/kube-scheduler"
        yield make.event(then, "update", SCHEDULER, lease, request={"spec": {}}, agent=SCHEDULER_AGENT)
        yield make.event(then, "get", "system:anonymous", "-", uri="/readyz", agent="kube-probe/1.35")


def nodes(make: Maker, at: float) -> Iterator[Event]:
    """Kubelets report, the node controller taints, the autoscaler drains slowly."""
    for node in make.nodes:
        status = {"status": {"capacity": {"nvidia.com/gpu": "8"}, "conditions": [{"type": "Ready", "status": "True"}]}}
        kubelet = f"system:node:{node}"
        yield make.event(at, "patch", kubelet, f"nodes/-/{node}/status", request=status, agent=KUBELET_AGENT)
    node = make.random.choice(make.nodes)
    taints = {"spec": {"taints": [{"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}]}}
    yield make.event(at, "patch", CONTROLLER.format("node"), f"nodes/-/{node}", request=taints, agent=MANAGER_AGENT)
    for number in range(8):
        evicted = f"pods/shop/{make.name('cart')}/eviction"
        yield make.event(at + 20 * number, "create", AUTOSCALER, evicted, request={}, agent="cluster-autoscaler/v1.35")


def quotas(make: Maker, at: float) -> Iterator[Event]:
    for tenant in make.tenants:
        target = f"resourcequotas/{tenant}/compute/status"
        yield make.event(at, "update", QUOTAS, target, request={"status": {"used": {"cpu": "3"}}}, agent=MANAGER_AGENT)


def gitops(make: Maker, at: float) -> Iterator[Event]:
    """Applies roles, budgets and webhooks from a repository."""
    rules = [{"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list", "watch"]}]
    namespace, agent = make.random.choice(make.tenants), "kustomize-controller/1.5"
    yield make.event(at, "patch", GITOPS, f"roles/{namespace}/reader", request={"rules": rules}, agent=agent)
    reference = {"roleRef": {"kind": "Role", "name": "reader"}, "subjects": [{"kind": "User", "name": "alice"}]}
    yield make.event(at, "create", GITOPS, f"rolebindings/{namespace}/reader", request=reference, agent=agent)
    hook = {"webhooks": [{"rules": [{"operations": ["CREATE"], "resources": ["certificates"]}]}]}
    target = "mutatingwebhookconfigurations/-/certs"
    yield make.event(at + 1, "patch", GITOPS, target, request=hook, agent=agent)
    bundle = [{"op": "replace", "path": "/webhooks/0/clientConfig/caBundle", "value": "x" * 400}]
    injector = "system:serviceaccount:cert-manager:cainjector"
    yield make.event(at + 2, "patch", injector, target, request=bundle, agent="cainjector/v1.17")


def operator(make: Maker, at: float) -> Iterator[Event]:
    """GitOps installs an operator that really needs to patch nodes: right, and worth a look all the same."""
    rules = [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "patch"]}]
    yield make.event(at, "create", GITOPS, f"clusterroles/-/{make.name('operator')}", request={"rules": rules})


def preemption(make: Maker, at: float) -> Iterator[Event]:
    """A few, as priorities are made for."""
    for number in range(3):
        name = make.name("batch")
        node = make.random.choice(make.nodes)
        nominated = {"status": {"nominatedNodeName": node}}
        target = f"pods/team-c/{name}/status"
        yield make.event(at + number, "patch", SCHEDULER, target, request=nominated, agent=SCHEDULER_AGENT)
        victim = f"pods/team-d/{make.name('low')}"
        yield make.event(at + number + 0.1, "delete", SCHEDULER, victim, agent=SCHEDULER_AGENT)


def gates(make: Maker, at: float) -> Iterator[Event]:
    """A pod that waits for its queue, and is let go by who made it."""
    name, pod = make.name("job"), make.pod("job", "team-c", schedulingGates=[{"name": "example.com/queue"}])
    account = "system:serviceaccount:team-c:queue"
    answer = make.answered(pod, name)
    yield make.event(at, "create", account, "pods/team-c/-", request=pod, response=answer, agent="queue/1.0")
    opened = [{"op": "remove", "path": "/spec/schedulingGates/0"}]
    yield make.event(at + 40, "patch", account, f"pods/team-c/{name}", request=opened, agent="queue/1.0")
    yield from scheduled(make, at + 40, "team-c", name)


def administration(make: Maker, at: float) -> Iterator[Event]:
    """An administrator's own work in the system namespaces."""
    template = {"spec": {"containers": [{"name": "main", "image": "registry.example/proxy:1.35.1"}]}}
    body = {"spec": {"template": template}}
    yield make.event(at, "patch", "dana", "daemonsets/kube-system/net-agent", request=body, groups=ADMINISTRATORS)
    hard = {"spec": {"hard": {"requests.cpu": "64"}}}
    yield make.event(at + 9, "patch", "dana", "resourcequotas/team-a/compute", request=hard, groups=ADMINISTRATORS)
    claim = {"spec": {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}]}}}
    yield make.event(at + 20, "create", "erin", "resourceclaims/team-b/gpu", request=claim)


def garbage(make: Maker, at: float) -> Iterator[Event]:
    for number in range(make.random.randrange(5, 40)):
        target = f"pods/{make.random.choice(make.tenants)}/{make.name('job')}"
        yield make.event(at + number * 0.05, "delete", GARBAGE, target, agent=MANAGER_AGENT)


SCENES: tuple[tuple[Scene, int], ...] = (
    (rollout, 30),
    (people, 25),
    (leases, 10),
    (nodes, 8),
    (daemons, 3),
    (mirrors, 3),
    (refused, 3),
    (quotas, 5),
    (gitops, 4),
    (preemption, 3),
    (gates, 5),
    (administration, 3),
    (garbage, 4),
    (large_rollout, 1),
    (operator, 1),
)
"""With how often each comes up."""
