"""One constructed situation for every cause, and what must be said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from analytics.cluster import ClusterView, Happening
from analytics.why.facts import Facts, Gone, QuotaRoom, Record, TenantRoom
from tests.analytics.cluster.clusters import AT_US, a_node
from tests.analytics.why.scenes import NOW_S, TRIED, by, cluster, facts, filled, nodes, pod, refused


@dataclass(frozen=True)
class Case:
    cause: str
    lasting: str
    says: tuple[str, ...]
    """Facts that the sentence must tell."""
    made: Callable[[], Facts]


CASES: list[Case] = []


def case(cause: str, lasting: str, *says: str) -> Callable[[Callable[[], Facts]], Callable[[], Facts]]:
    def kept(made: Callable[[], Facts]) -> Callable[[], Facts]:
        CASES.append(Case(cause, lasting, says, made))
        return made

    return kept


def with_record(record: Record | None, message: str = "", count: int = 3, **more: Any) -> Facts:
    """The pod on `count` roomy nodes, and what was decided about it."""
    kept = {name: more.pop(name) for name in ("tenant", "quota") if name in more}
    return facts(cluster(pod(message=message, tried=True, **more), nodes(count)), record=record, **kept)


def tainted(key: str, value: str = "", effect: str = "NoSchedule") -> list[dict[str, str]]:
    return [{"key": key, "value": value, "effect": effect}]


# Over


@case("pod.gone", "done", "team-a/web-0", "not in the cluster")
def _() -> Facts:
    return facts(cluster(None, nodes()))


@case("pod.evicted", "done", "from n2 by Rescheduler", "node n2 is overloaded")
def _() -> Facts:
    return facts(cluster(None, nodes()), gone=Gone("n2", "Rescheduler", "node n2 is overloaded"))


@case("pod.deleting", "done", "being deleted")
def _() -> Facts:
    leaving = pod(metadata={"deletionTimestamp": "2026-01-02T03:04:00Z"}, tried=True)
    return facts(cluster(leaving, nodes()))


@case("pod.running", "done", "runs on n1")
def _() -> Facts:
    return facts(cluster(pod(node="n1"), nodes()))


@case("pod.placed", "done", "placed on n3")
def _() -> Facts:
    view = ClusterView(at_us=AT_US, known=False, why_not="no cluster")
    return facts(view, record=refused(outcome="scheduled", node="n3", nodes_out=2))


def starting(**state: Any) -> Facts:
    told = [{"name": "app", "state": {"waiting": state}}] if state else []
    return facts(cluster(pod(node="n1", status={"phase": "Pending", "containerStatuses": told}), nodes()))


@case("start.image", "done", "n1", "container app", "ImagePullBackOff")
def _() -> Facts:
    return starting(reason="ImagePullBackOff", message='Back-off pulling image "nginx:nope"')


@case("start.config", "done", "n1", "container app", "CreateContainerConfigError")
def _() -> Facts:
    return starting(reason="CreateContainerConfigError", message='secret "db" not found')


@case("start.crash", "done", "n1", "container app", "CrashLoopBackOff")
def _() -> Facts:
    return starting(reason="CrashLoopBackOff")


@case("start.creating", "moving", "n1", "being created")
def _() -> Facts:
    return starting(reason="ContainerCreating")


@case("start.kubelet", "moving", "n1", "kubelet")
def _() -> Facts:
    return starting()


@case("start.volume", "done", "n1", "Multi-Attach error")
def _() -> Facts:
    waits = [{"name": "app", "state": {"waiting": {"reason": "ContainerCreating"}}}]
    one = pod(node="n1", status={"phase": "Pending", "containerStatuses": waits})
    event = Happening(one.uid, "FailedAttachVolume", 'Multi-Attach error for volume "pv-7"', int(NOW_S) - 60)
    return facts(replace(cluster(one, nodes()), events=[event]))


@case("start.node_down", "done", "n1", "not ready")
def _() -> Facts:
    return facts(cluster(pod(node="n1", status={"phase": "Pending"}), nodes(1, ready=False)))


@case("start.node_gone", "done", "n9", "not in the cluster")
def _() -> Facts:
    return facts(cluster(pod(node="n9", status={"phase": "Pending"}), nodes()))


# Gates and schedulers


def gated(*gates: str) -> Facts:
    spec = {"schedulingGates": [{"name": name} for name in gates]}
    older = pod("web-9", spec=spec, metadata={"creationTimestamp": "2026-01-02T03:00:00Z"})
    return facts(cluster(pod(spec=spec, message="gated", reason="SchedulingGated"), nodes(), [older]))


@case("gate.qos", "waits", "trimtab.dev/qos-order", "1 older pods")
def _() -> Facts:
    return gated("trimtab.dev/qos-order")


@case("gate.app", "waits", "trimtab.dev/app-order", "1 older pods")
def _() -> Facts:
    return gated("trimtab.dev/app-order")


@case("gate.kueue", "waits", "kueue.x-k8s.io/admission", "Kueue")
def _() -> Facts:
    return gated("kueue.x-k8s.io/admission")


@case("gate.other", "waits", "example.com/approved")
def _() -> Facts:
    return gated("trimtab.dev/qos-order", "example.com/approved")


@case("scheduler.new", "moving", "5 s ago", "default-scheduler")
def _() -> Facts:
    return facts(cluster(pod(metadata={"creationTimestamp": "2026-01-02T03:04:00Z"}), nodes()))


@case("scheduler.nobody", "never", "scheduler batch", "known: default-scheduler")
def _() -> Facts:
    return facts(cluster(pod(spec={"schedulerName": "batch"}), nodes()))


@case("scheduler.silent", "waits", "100 s ago", "default-scheduler has not tried it")
def _() -> Facts:
    return facts(cluster(pod(), nodes()))


def erring(text: str) -> Facts:
    return facts(cluster(pod(message=text, reason="SchedulerError"), nodes()))


@case("scheduler.extender_down", "waits", "does not reach an extender", "connection refused")
def _() -> Facts:
    return erring(
        'running extender: Post "http://trimtab:8888/filter": dial tcp 10.0.0.9:8888: connect: connection refused'
    )


@case("scheduler.extender_slow", "waits", "in time", "context deadline exceeded")
def _() -> Facts:
    return erring('Post "http://trimtab:8888/filter": context deadline exceeded')


@case("scheduler.error", "waits", "default-scheduler", "nodeinfo not found for node n7")
def _() -> Facts:
    return erring("nodeinfo not found for node n7")


# Volumes


def claiming(claims: list[dict[str, Any]] | None = None, message: str = "", some: Any = None) -> Facts:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data-0"}}]
    view = cluster(
        pod(message=message, tried=True, spec={"volumes": volumes}),
        some or nodes(),
        persistentvolumeclaims=claims or [],
    )
    return facts(view)


def claim(phase: str = "Bound", **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "data-0", "namespace": "team-a", **metadata},
        "spec": {"storageClassName": "fast", "volumeName": "pv-7"},
        "status": {"phase": phase},
    }


@case("claim.missing", "waits", "data-0", "does not exist")
def _() -> Facts:
    return claiming([], '0/3 nodes are available: persistentvolumeclaim "data-0" not found.')


@case("claim.deleting", "never", "data-0", "being deleted")
def _() -> Facts:
    return claiming([claim(deletionTimestamp="2026-01-02T03:04:00Z")])


@case("claim.lost", "never", "data-0", "pv-7")
def _() -> Facts:
    return claiming([claim("Lost")])


@case("claim.unbound", "waits", "data-0", "storage class fast")
def _() -> Facts:
    text = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    return claiming([claim("Pending")], text)


@case("claim.provisioning", "moving", "data-0", "node n2")
def _() -> Facts:
    return claiming([claim("Pending", annotations={"volume.kubernetes.io/selected-node": "n2"})])


def volumes_told(reason: str) -> Facts:
    return claiming([claim()], TRIED.format(3, f"3 {reason}", 3))


@case("volume.zone", "never", "3 nodes", "volume node affinity conflict")
def _() -> Facts:
    return volumes_told("node(s) had volume node affinity conflict")


@case("volume.limit", "waits", "3 nodes")
def _() -> Facts:
    return volumes_told("node(s) exceed max volume count")


@case("volume.in_use", "waits", "ReadWriteOncePod")
def _() -> Facts:
    return volumes_told("node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode")


@case("volume.none", "waits", "3 nodes", "PersistentVolume")
def _() -> Facts:
    return volumes_told("node(s) didn't find available persistent volumes to bind")


@case("volume.class", "never", "storage class", '"fast" not found')
def _() -> Facts:
    return claiming([claim("Pending")], '0/3 nodes are available: storageclass.storage.k8s.io "fast" not found.')


@case("volume.full", "waits", "storage", "3 nodes")
def _() -> Facts:
    return volumes_told("node(s) did not have enough free storage")


@case("device.claim", "waits", "ResourceClaim", "gpu-0")
def _() -> Facts:
    return with_record(None, '0/3 nodes are available: waiting for resourceclaim "gpu-0" to be created.')


@case("device.none", "waits", "devices", "3 nodes")
def _() -> Facts:
    return with_record(None, TRIED.format(3, "3 cannot allocate all claims", 3))


# Can never fit


@case("nodes.none", "never", "no node")
def _() -> Facts:
    return facts(cluster(pod(message="no nodes available to schedule pods"), []))


@case("label.selector", "never", "none of 3 nodes", "disk=ssd")
def _() -> Facts:
    wanted = pod(spec={"nodeSelector": {"disk": "ssd", "zone": "a"}}, tried=True)
    return facts(cluster(wanted, nodes(labels={"disk": "hdd", "zone": "a"})))


def bound_to(*expressions: dict[str, Any], fields: bool = False, **spec: Any) -> dict[str, Any]:
    term = {"matchFields" if fields else "matchExpressions": list(expressions)}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    return {"affinity": {"nodeAffinity": required}, **spec}


@case("label.affinity", "never", "none of 3 nodes", "arch in (arm64,riscv64)")
def _() -> Facts:
    spec = bound_to({"key": "arch", "operator": "In", "values": ["arm64", "riscv64"]})
    return facts(cluster(pod(spec=spec, tried=True), nodes(labels={"arch": "amd64"})))


@case("label.together", "never", "disk=ssd", "arch=arm64", "none of 2")
def _() -> Facts:
    spec = bound_to({"key": "arch", "operator": "In", "values": ["arm64"]}, nodeSelector={"disk": "ssd"})
    some = [a_node("n1", labels={"disk": "ssd"}), a_node("n2", labels={"arch": "arm64"})]
    return facts(cluster(pod(spec=spec, tried=True), some))


@case("label.node_gone", "never", "n7 alone")
def _() -> Facts:
    spec = bound_to({"key": "metadata.name", "operator": "In", "values": ["n7"]}, fields=True)
    return facts(cluster(pod(spec=spec, tried=True), nodes()))


@case("taint.all", "never", "each of 3 nodes", "dedicated=gpu:NoSchedule")
def _() -> Facts:
    return facts(cluster(pod(tried=True), nodes(taints=tainted("dedicated", "gpu"))))


@case("taint.right", "never", "1 of 2 nodes", "dedicated=gpu:NoExecute")
def _() -> Facts:
    gpu = a_node("n1", labels={"pool": "gpu"}, taints=tainted("dedicated", "gpu", "NoExecute"))
    return facts(cluster(pod(spec={"nodeSelector": {"pool": "gpu"}}, tried=True), [gpu, a_node("n2")]))


def asking(some: Any = None, others: Any = (), spec: Any = None, **requests: str) -> Facts:
    asked = {name.replace("_", "-"): amount for name, amount in requests.items()}
    return facts(cluster(pod(requests=asked, tried=True, spec=spec or {}), some or nodes(), others))


@case("size.cpu", "never", "asks for 64 CPU", "largest of 3 nodes", "has 4")
def _() -> Facts:
    return asking(cpu="64")


@case("size.memory", "never", "asks for 64Gi of memory", "has 16Gi")
def _() -> Facts:
    return asking(memory="64Gi")


@case("size.ephemeral", "never", "asks for 500Gi of ephemeral storage", "has 100Gi")
def _() -> Facts:
    return asking(nodes(resources={"ephemeral-storage": "100Gi"}), ephemeral_storage="500Gi")


GPU = "nvidia.com/gpu"


@case("size.other", "never", "asks for 8 of nvidia.com/gpu", "more than 4")
def _() -> Facts:
    return asking(nodes(resources={GPU: "4"}), **{GPU: "8"})


@case("size.absent", "never", "asks for 1 of nvidia.com/gpu", "none of 3 nodes")
def _() -> Facts:
    return asking(**{GPU: "1"})


@case("size.elsewhere", "never", "nvidia.com/gpu", "only 1 node")
def _() -> Facts:
    gpu = a_node("g1", taints=tainted("dedicated", "gpu"), resources={GPU: "4"})
    return asking([*nodes(), gpu], **{GPU: "1"})


@case("size.allowed", "never", "8 of cpu", "3 nodes that it may use have at most 4", "big")
def _() -> Facts:
    return asking([*nodes(), a_node("big", "32", taints=tainted("dedicated", "db"))], cpu="8")


@case("size.together", "never", "none in all of them", "cpu 8", "memory 64Gi")
def _() -> Facts:
    return asking([a_node("n1", "16", "32Gi"), a_node("n2", "4", "128Gi")], cpu="8", memory="64Gi")


@case("size.pods", "never", "none of 3 nodes takes any pod")
def _() -> Facts:
    return asking(nodes(pods="0"), cpu="1")


# Under way


def nominated(*leaving: Any) -> Facts:
    waiting = pod(message=TRIED.format(3, "3 Insufficient cpu", 3), status={"nominatedNodeName": "n2"})
    return facts(cluster(waiting, nodes(), [*filled(3), *leaving]), victims=len(leaving))


@case("scale.adding", "moving", "autoscaler", "pool-a 3->4")
def _() -> Facts:
    one = pod(message=TRIED.format(3, "3 Insufficient cpu", 3))
    event = Happening(one.uid, "TriggeredScaleUp", "pod triggered scale-up: [{pool-a 3->4 (max: 10)}]", int(NOW_S) - 60)
    return facts(replace(cluster(one, nodes(), filled(3)), events=[event]))


@case("preempt.victims", "moving", "1 pod to leave n2")
def _() -> Facts:
    return nominated(pod("old", "n2", metadata={"deletionTimestamp": "2026-01-02T03:04:30Z"}))


@case("preempt.nominated", "moving", "nominated for n2")
def _() -> Facts:
    return nominated()


def held(plugin: str, reason: str) -> Facts:
    record = refused(outcome="unknown", nodes_out=3, held_on="n2", held_by=plugin, held_for=reason)
    return facts(cluster(pod(), nodes()), record=record)


@case("gang.waits", "waits", "place on n2", "waiting for 2 of 4 members of gang team-a/train")
def _() -> Facts:
    return held("Coscheduling", "waiting for 2 of 4 members of gang team-a/train")


@case("bind.held", "waits", "place on n2", "MyGate: not yet approved")
def _() -> Facts:
    return held("MyGate", "not yet approved")


def unbound(text: str) -> Facts:
    record = refused(outcome="error", nodes_out=2, node="n2", bind_code="Error", bind_message=text)
    return facts(cluster(pod(message=text, reason="SchedulerError"), nodes()), record=record)


@case("bind.failed", "waits", "node n2", "403 Forbidden")
def _() -> Facts:
    return unbound("binding rejected: 403 Forbidden")


@case("gang.timeout", "waits", "place on n2", "timeout after waiting 30s")
def _() -> Facts:
    return unbound("rejected due to timeout after waiting 30s at plugin Coscheduling")


@case("gang.ended", "waits", "place on n2", "has no place any more")
def _() -> Facts:
    return unbound("rejected by Coscheduling: the pod group has no place any more")


@case("bind.moving", "moving", "2 of 3 nodes passed")
def _() -> Facts:
    return facts(cluster(pod(), nodes()), record=refused(outcome="unknown", nodes_out=2))


# Quotas, tenants, gangs


def quota(message: str, label: str, **more: Any) -> Facts:
    record = refused(by("CapacityScheduling", label, message, phase="preFilter"))
    return with_record(record, TRIED.format(3, f"3 {message}", 3), **more)


_OVER_MAX = "Pod team-a/web-0 is rejected in PreFilter because ElasticQuota team-a is more than Max"


@case("quota.max", "waits", "namespace team-a", "up to the maximum")
def _() -> Facts:
    return quota(_OVER_MAX, "ElasticQuota used is more than max")


@case("quota.lent", "waits", "namespace team-a", "borrow nothing")
def _() -> Facts:
    text = "Pod team-a/web-0 is rejected in PreFilter because total ElasticQuota used is more than min"
    return quota(text, "total ElasticQuota used is more than min")


@case("quota.never", "never", "asks for 8 of cpu", "ElasticQuota team-a/quota allows 4")
def _() -> Facts:
    room = QuotaRoom("team-a/quota", "cpu", "8", "4")
    return quota(_OVER_MAX, "ElasticQuota used is more than max", quota=room)


_TENANT = "tenant a: cpu: 9 used + 2 requested is over the limit of 10"


def tenant(room: TenantRoom | None) -> Facts:
    record = refused(by("TenantQuota", "tenant over its limit of cpu", _TENANT, phase="preFilter"))
    return with_record(record, TRIED.format(3, f"3 {_TENANT}", 3), tenant=room)


@case("tenant.limit", "waits", "tenant a", "9 used and 2 asked for", "limit of 10")
def _() -> Facts:
    return tenant(TenantRoom("a", "cpu", "9", "2", "10", ever=True))


@case("tenant.never", "never", "asks for 12 of cpu", "tenant a may use 10")
def _() -> Facts:
    return tenant(TenantRoom("a", "cpu", "0", "12", "10", ever=False))


@case("tenant.told", "waits", _TENANT)
def _() -> Facts:
    return tenant(None)


def gang(label: str, message: str = "", count: int = 3) -> Facts:
    told = message or label
    record = refused(by("Coscheduling", label, message, count, phase="preFilter"))
    text = TRIED.format(3, f"3 {told}", 3)
    return with_record(record, text, labels={"scheduling.x-k8s.io/pod-group": "train"})


@case("gang.few", "waits", "gang train", "minMember of group: 4")
def _() -> Facts:
    text = "pre-filter pod web-0 cannot find enough sibling pods, current pods number: 2, minMember of group: 4"
    return gang("cannot find enough sibling pods", text)


@case("gang.gated", "waits", "gang train", "scheduling gate")
def _() -> Facts:
    return gang("cannot proceed due to gated pods in the same PodGroup")


@case("gang.room", "waits", "gang train", "resource gap: map[cpu:2]")
def _() -> Facts:
    return gang("resource gap", "resource gap: map[cpu:2]")


@case("gang.hopeless", "waits", "gang train", "unschedulable even after PostFilter")
def _() -> Facts:
    text = "PodGroup team-a/train gets rejected due to Pod web-1 is unschedulable even after PostFilter"
    return gang("optimistic rejection in PostFilter", text)


@case("gang.backoff", "waits", "gang train", "failed recently")
def _() -> Facts:
    return gang("podGroup failed recently", "podGroup team-a/train failed recently")


@case("gang.missing", "waits", "PodGroup train", "does not exist")
def _() -> Facts:
    return gang("PodGroup not found")


@case("gang.unusable", "waits", "PodGroup train", "minMember: -1")
def _() -> Facts:
    return gang("PodGroup unusable", "PodGroup team-a/train cannot be used: minMember: -1")


@case("gang.planned", "moving", "gang train", "another node")
def _() -> Facts:
    return gang("another node is planned for this member of its pod group")


@case("gang.reserved", "waits", "on 3 nodes")
def _() -> Facts:
    return gang("node capacity is reserved for a pod group")


# Plugins


def plugin(name: str, reason: str, count: int = 2, **more: Any) -> Facts:
    """Rejected on two of three nodes; the third lacks room."""
    record = refused(by(name, reason, "", count, **more), nodes_in=2)
    text = TRIED.format(3, f"1 Insufficient cpu, 2 {reason}", 3)
    return facts(cluster(pod(message=text), nodes(), [pod("busy", "n3", requests={"cpu": "4"})]), record=record)


@case("turn.qos", "waits", "higher priority or QoS class")
def _() -> Facts:
    return plugin("QoS", "a pod of a higher QoS class is waiting", phase="preFilter")


@case("load.overloaded", "waits", "2 of 2 nodes", "cpu usage over threshold")
def _() -> Facts:
    return plugin("Rescheduler", "node overloaded: cpu usage over threshold")


@case("load.reserve", "waits", "reserveThreshold")
def _() -> Facts:
    return plugin("Rescheduler", "the node would be used over reserveThreshold")


@case("load.maintenance", "waits", "2 of 2 nodes", "maintenance")
def _() -> Facts:
    return plugin("Rescheduler", "node is in maintenance mode")


@case("load.moved", "waits", "moved off 2 nodes")
def _() -> Facts:
    return plugin("Rescheduler", "a pod of the same owner was moved off this node a short while ago")


@case("numa.align", "waits", "2 of 2 nodes", "cannot align container")
def _() -> Facts:
    return plugin("NodeResourceTopologyMatch", "cannot align container")


@case("numa.data", "waits", "2 of 2 nodes", "invalid node topology data")
def _() -> Facts:
    return plugin("NodeResourceTopologyMatch", "invalid node topology data")


@case("network.dependencies", "waits", "2 of 2 nodes", "network requirements")
def _() -> Facts:
    return plugin("NetworkOverhead", "node(s) did not meet several network requirements from Workload dependencies")


@case("plugin.error", "waits", "plugin TenantQuota fails", "onFailure: closed")
def _() -> Facts:
    return plugin("TenantQuota", "TenantQuota failed or took too long, and its policy says onFailure: closed")


@case("plugin.other", "waits", "MyFilter rejects 2 of 2 nodes", "no licence")
def _() -> Facts:
    return plugin("MyFilter", "no licence here")


# Room


@case("nodes.cordoned", "waits", "3 of 3 nodes", "cordoned")
def _() -> Facts:
    return asking(nodes(unschedulable=True, taints=tainted("node.kubernetes.io/unschedulable")), cpu="1")


@case("nodes.down", "waits", "all 3 nodes", "unreachable")
def _() -> Facts:
    return asking(nodes(taints=tainted("node.kubernetes.io/unreachable")), cpu="1")


@case("nodes.pressure", "waits", "all 3 nodes", "disk-pressure")
def _() -> Facts:
    return asking(nodes(taints=tainted("node.kubernetes.io/disk-pressure")), cpu="1")


@case("room.cpu", "waits", "asks for 1 CPU", "none of 3 nodes", "n2", "200m is missing")
def _() -> Facts:
    some = [pod("b1", "n1", requests={"cpu": "4"}), pod("b2", "n2", requests={"cpu": "3200m"})]
    return asking(nodes(), [*some, pod("b3", "n3", requests={"cpu": "3500m"})], cpu="1")


@case("room.memory", "waits", "asks for 8Gi of memory", "n1", "2Gi is missing")
def _() -> Facts:
    return asking(nodes(), filled(3, cpu="1", memory="10Gi"), memory="8Gi")


@case("room.ephemeral", "waits", "asks for 60Gi of ephemeral storage", "10Gi is missing")
def _() -> Facts:
    used = [pod(f"b{at}", f"n{at}", requests={"ephemeral-storage": "50Gi"}) for at in (1, 2, 3)]
    return asking(nodes(resources={"ephemeral-storage": "100Gi"}), used, ephemeral_storage="60Gi")


@case("room.other", "waits", "asks for 2 of nvidia.com/gpu", "1 is missing")
def _() -> Facts:
    used = [pod(f"b{at}", f"n{at}", requests={GPU: "3"}) for at in (1, 2, 3)]
    return asking(nodes(resources={GPU: "4"}), used, **{GPU: "2"})


@case("room.several", "waits", "cpu 500m", "memory 2Gi", "n1")
def _() -> Facts:
    return asking(nodes(), filled(3, memory="10Gi"), cpu="1", memory="8Gi")


@case("room.pods", "waits", "each of 3 nodes", "as many pods as it may")
def _() -> Facts:
    return asking(nodes(pods="2"), filled(3, cpu="100m", each=2), cpu="100m")


@case("port.taken", "waits", "8443/TCP", "each of 2 nodes")
def _() -> Facts:
    ports = {"containers": [{"name": "app", "ports": [{"hostPort": 8443, "protocol": "TCP"}]}]}
    used = [pod(f"b{at}", f"n{at}", spec=ports) for at in (1, 2)]
    return facts(cluster(pod(spec=ports, tried=True), nodes(2), used))


def rule(kind: str, labels: dict[str, str], key: str = "kubernetes.io/hostname") -> dict[str, Any]:
    term = {"labelSelector": {"matchLabels": labels}, "topologyKey": key}
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def named(count: int = 3) -> list[Any]:
    """Nodes that know their names as labels; the last one is in zone b."""
    return [
        a_node(
            f"n{at}", "4", "16Gi",
            labels={"kubernetes.io/hostname": f"n{at}", "zone": "b" if at == count else "a"},
        )
        for at in range(1, count + 1)
    ]  # fmt: skip


@case("near.none", "waits", "app=cache", "none has a node")
def _() -> Facts:
    return facts(cluster(pod(spec=rule("podAffinity", {"app": "cache"}), tried=True), named()))


@case("near.full", "waits", "app=cache", "none of the 2 nodes with room")
def _() -> Facts:
    cache = pod("cache", "n1", labels={"app": "cache"}, requests={"cpu": "4"})
    return facts(cluster(pod(spec=rule("podAffinity", {"app": "cache"}), tried=True), named(), [cache]))


@case("near.told", "waits", "3 of 3 nodes", "pod affinity")
def _() -> Facts:
    return with_record(None, TRIED.format(3, "3 node(s) didn't match pod affinity rules", 3))


@case("apart.all", "waits", "app=web", "kubernetes.io/hostname", "each of 3 nodes")
def _() -> Facts:
    others = [pod(f"web-{at}", f"n{at}", labels={"app": "web"}) for at in (1, 2, 3)]
    mine = pod(spec=rule("podAntiAffinity", {"app": "web"}), labels={"app": "web"}, tried=True)
    return facts(cluster(mine, named(), others))


@case("apart.existing", "waits", "on 3 of 3 nodes")
def _() -> Facts:
    return with_record(None, TRIED.format(3, "3 node(s) didn't satisfy existing pods anti-affinity rules", 3))


@case("apart.told", "waits", "3 of 3 nodes", "anti-affinity")
def _() -> Facts:
    return with_record(None, TRIED.format(3, "3 node(s) didn't match pod anti-affinity rules", 3))


@case("spread.skew", "waits", "app=web", "zone", "maxSkew 1")
def _() -> Facts:
    others = [pod("web-1", "n1", labels={"app": "web"}), pod("busy", "n3", requests={"cpu": "4"})]
    one = {
        "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
        "labelSelector": {"matchLabels": {"app": "web"}},
    }  # fmt: skip
    mine = pod(spec={"topologySpreadConstraints": [one]}, labels={"app": "web"}, tried=True)
    return facts(cluster(mine, named(), others))


@case("spread.told", "waits", "3 of 3 nodes", "topology spread")
def _() -> Facts:
    return with_record(None, TRIED.format(3, "3 node(s) didn't match pod topology spread constraints", 3))


@case("told.other", "waits", "2 of 3 nodes", "node(s) are on a rack that is full")
def _() -> Facts:
    text = TRIED.format(3, "1 Insufficient cpu, 2 node(s) are on a rack that is full", 3)
    return with_record(None, text)


@case("fits.now", "moving", "3 nodes have room", "n1")
def _() -> Facts:
    return with_record(None, TRIED.format(3, "3 Insufficient cpu", 3))


@case("unknown", "unknown", "team-a/web-0")
def _() -> Facts:
    view = ClusterView(at_us=AT_US, known=False, why_not="no cluster")
    return facts(view, record=refused(outcome="unknown"))
