"""Every cause that can be named: how long it lasts, and what may be done. Its words stand in locales/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from analytics.why.answer import Lasting


@dataclass(frozen=True, slots=True)
class Cause:
    key: str
    lasting: Lasting
    family: str
    commands: tuple[str, ...] = ()
    """One for each advice, in the order of the catalogue; empty where there is none."""


CAUSES: Final[tuple[Cause, ...]] = (
    Cause("pod.gone", "done", "over", ("",)),
    Cause("pod.evicted", "done", "over", ("/evictions",)),
    Cause(
        "pod.deleting",
        "done",
        "over",
        ("kubectl get pod -n {namespace} {name} -o jsonpath='{{.metadata.finalizers}}'",),
    ),
    Cause("pod.running", "done", "over", ()),
    Cause("pod.placed", "done", "over", ()),
    Cause("start.image", "done", "start", ("", "kubectl describe pod -n {namespace} {name}")),
    Cause("start.config", "done", "start", ("", "kubectl describe pod -n {namespace} {name}")),
    Cause("start.crash", "done", "start", ("kubectl logs -n {namespace} {name} -c {container} --previous",)),
    Cause("start.node_down", "done", "start", ("kubectl describe node {node}",)),
    Cause("start.node_gone", "done", "start", ("kubectl delete pod -n {namespace} {name}",)),
    Cause("start.volume", "done", "start", ("kubectl describe pod -n {namespace} {name}",)),
    Cause("start.creating", "moving", "start", ("kubectl describe pod -n {namespace} {name}",)),
    Cause("start.kubelet", "moving", "start", ("kubectl describe node {node}",)),
    Cause("gate.qos", "waits", "gates", ("", "trimtab plugin disable QoS queueSort")),
    Cause("gate.app", "waits", "gates", ("kubectl get appgroups -n {namespace} -o yaml",)),
    Cause("gate.kueue", "waits", "gates", ("kubectl get workloads -n {namespace}",)),
    Cause(
        "gate.other",
        "waits",
        "gates",
        ("kubectl get pod -n {namespace} {name} -o jsonpath='{{.spec.schedulingGates}}'",),
    ),
    Cause("scheduler.new", "moving", "schedulers", ("",)),
    Cause("scheduler.nobody", "never", "schedulers", ("profiles: [{{schedulerName: {scheduler}}}]",)),
    Cause(
        "scheduler.silent",
        "waits",
        "schedulers",
        ("trimtab doctor", "kubectl get pods -n kube-system -l component=kube-scheduler"),
    ),
    Cause("scheduler.extender_down", "waits", "schedulers", ("trimtab doctor --only extender",)),
    Cause("scheduler.extender_slow", "waits", "schedulers", ("trimtab doctor --only scheduler",)),
    Cause("scheduler.error", "waits", "schedulers", ("kubectl logs -n kube-system -l component=kube-scheduler",)),
    Cause("claim.missing", "waits", "volumes", ("kubectl get pvc -n {namespace}",)),
    Cause("claim.deleting", "never", "volumes", ("kubectl describe pvc -n {namespace} {claim}",)),
    Cause("claim.lost", "never", "volumes", ("kubectl describe pvc -n {namespace} {claim}",)),
    Cause("claim.unbound", "waits", "volumes", ("kubectl describe pvc -n {namespace} {claim}",)),
    Cause("claim.provisioning", "moving", "volumes", ("kubectl describe pvc -n {namespace} {claim}",)),
    Cause(
        "volume.zone",
        "never",
        "volumes",
        ("kubectl get pv -o custom-columns=NAME:.metadata.name,CLAIM:.spec.claimRef.name,WHERE:.spec.nodeAffinity",),
    ),
    Cause(
        "volume.limit",
        "waits",
        "volumes",
        ("kubectl get csinodes -o custom-columns=NODE:.metadata.name,LIMITS:.spec.drivers[*].allocatable.count",),
    ),
    Cause("volume.in_use", "waits", "volumes", ("kubectl describe pvc -n {namespace}",)),
    Cause("volume.none", "waits", "volumes", ("kubectl get pv",)),
    Cause("volume.class", "never", "volumes", ("kubectl get storageclass",)),
    Cause("volume.full", "waits", "volumes", ("kubectl get csistoragecapacities -A",)),
    Cause("device.claim", "waits", "volumes", ("kubectl get resourceclaims -n {namespace}",)),
    Cause("device.none", "waits", "volumes", ("kubectl get resourceslices,resourceclaims -A",)),
    Cause("nodes.none", "never", "nodes", ("kubectl get nodes",)),
    Cause("label.selector", "never", "labels", ("kubectl label node NODE {selector}",)),
    Cause("label.affinity", "never", "labels", ("kubectl get nodes --show-labels",)),
    Cause("label.together", "never", "labels", ("kubectl get nodes --show-labels",)),
    Cause("label.node_gone", "never", "labels", ("kubectl delete pod -n {namespace} {name}",)),
    Cause("taint.all", "never", "taints", ("kubectl taint node NODE {taint}-",)),
    Cause("taint.right", "never", "taints", ("kubectl taint node NODE {taint}-",)),
    Cause("size.cpu", "never", "size", ("kubectl set resources -n {namespace} OWNER --requests={resource}={most}",)),
    Cause("size.memory", "never", "size", ("kubectl set resources -n {namespace} OWNER --requests={resource}={most}",)),
    Cause(
        "size.ephemeral", "never", "size", ("kubectl set resources -n {namespace} OWNER --requests={resource}={most}",)
    ),
    Cause("size.other", "never", "size", ("kubectl describe node {node}",)),
    Cause(
        "size.absent",
        "never",
        "size",
        ("kubectl get nodes -o custom-columns=NODE:.metadata.name,OFFERS:.status.allocatable",),
    ),
    Cause(
        "size.elsewhere",
        "never",
        "size",
        ("kubectl get nodes -o custom-columns=NODE:.metadata.name,TAINTS:.spec.taints",),
    ),
    Cause("size.allowed", "never", "size", ("kubectl describe node {node}",)),
    Cause(
        "size.together",
        "never",
        "size",
        ("kubectl get nodes -o custom-columns=NODE:.metadata.name,HAS:.status.allocatable",),
    ),
    Cause(
        "size.pods",
        "never",
        "size",
        ("kubectl get nodes -o custom-columns=NODE:.metadata.name,PODS:.status.allocatable.pods",),
    ),
    Cause("scale.adding", "moving", "preemption", ("kubectl describe pod -n {namespace} {name}",)),
    Cause("preempt.victims", "moving", "preemption", ("kubectl get pods -A --field-selector spec.nodeName={node}",)),
    Cause("preempt.nominated", "moving", "preemption", ("kubectl describe pod -n {namespace} {name}",)),
    Cause("bind.held", "waits", "binding", ("trimtab plugin describe {plugin}",)),
    Cause("bind.failed", "waits", "binding", ("trimtab doctor --only rights",)),
    Cause("bind.moving", "moving", "binding", ("",)),
    Cause("quota.max", "waits", "quotas", ("kubectl get elasticquotas -n {namespace} -o yaml",)),
    Cause("quota.lent", "waits", "quotas", ("kubectl get elasticquotas -A",)),
    Cause("quota.never", "never", "quotas", ("kubectl edit elasticquota -n {namespace}",)),
    Cause("tenant.limit", "waits", "quotas", ("kubectl edit tenant {tenant}",)),
    Cause("tenant.never", "never", "quotas", ("kubectl edit tenant {tenant}",)),
    Cause("tenant.told", "waits", "quotas", ("/tenants",)),
    Cause("gang.waits", "waits", "gangs", ("trimtab why",)),
    Cause("gang.few", "waits", "gangs", ("kubectl get podgroup -n {namespace} {group} -o yaml",)),
    Cause("gang.gated", "waits", "gangs", ("kubectl get podgroup -n {namespace} {group} -o yaml",)),
    Cause("gang.room", "waits", "gangs", ("kubectl get podgroup -n {namespace} {group} -o yaml",)),
    Cause("gang.hopeless", "waits", "gangs", ("trimtab why",)),
    Cause("gang.backoff", "waits", "gangs", ("trimtab plugin config Coscheduling podGroupBackoffSeconds=5",)),
    Cause("gang.missing", "waits", "gangs", ("kubectl get podgroups -n {namespace}",)),
    Cause("gang.unusable", "waits", "gangs", ("kubectl get podgroup -n {namespace} {group} -o yaml",)),
    Cause("gang.planned", "moving", "gangs", ("percentageOfNodesToScore: 100",)),
    Cause("gang.reserved", "waits", "gangs", ("trimtab plugin describe Coscheduling",)),
    Cause("gang.timeout", "waits", "gangs", ("trimtab plugin config Coscheduling permitWaitingTimeSeconds=120",)),
    Cause("gang.ended", "waits", "gangs", ("trimtab why",)),
    Cause("turn.qos", "waits", "plugins", ("trimtab plugin disable QoS filter,preFilter",)),
    Cause("load.overloaded", "waits", "plugins", ("trimtab plugin config Rescheduler cpuThreshold=85",)),
    Cause("load.reserve", "waits", "plugins", ("trimtab plugin config Rescheduler reserveThreshold=90",)),
    Cause(
        "load.maintenance", "waits", "plugins", ("kubectl label node NODE scheduler.alpha.kubernetes.io/maintenance-",)
    ),
    Cause("load.moved", "waits", "plugins", ("trimtab plugin describe Rescheduler",)),
    Cause("numa.align", "waits", "plugins", ("kubectl get noderesourcetopologies -o yaml",)),
    Cause("numa.data", "waits", "plugins", ("trimtab doctor --only plugins",)),
    Cause("network.dependencies", "waits", "plugins", ("kubectl get appgroups -n {namespace} -o yaml",)),
    Cause("plugin.error", "waits", "plugins", ("trimtab plugin disable {plugin}",)),
    Cause("plugin.other", "waits", "plugins", ("trimtab plugin describe {plugin}",)),
    Cause("nodes.cordoned", "waits", "nodes", ("kubectl uncordon NODE",)),
    Cause("nodes.down", "waits", "nodes", ("kubectl get nodes",)),
    Cause("nodes.pressure", "waits", "nodes", ("kubectl describe nodes",)),
    Cause("room.cpu", "waits", "room", ("kubectl describe node {node}", "kubectl get priorityclasses")),
    Cause("room.memory", "waits", "room", ("kubectl describe node {node}", "kubectl get priorityclasses")),
    Cause("room.ephemeral", "waits", "room", ("kubectl describe node {node}", "kubectl get priorityclasses")),
    Cause("room.other", "waits", "room", ("kubectl describe node {node}",)),
    Cause("room.several", "waits", "room", ("kubectl describe node {node}",)),
    Cause(
        "room.pods",
        "waits",
        "room",
        ("kubectl get nodes -o custom-columns=NODE:.metadata.name,PODS:.status.allocatable.pods",),
    ),
    Cause("port.taken", "waits", "room", ("kubectl explain pod.spec.containers.ports.hostPort",)),
    Cause("near.none", "waits", "neighbours", ("kubectl get pods -n {namespace} -l '{selector}'",)),
    Cause("near.full", "waits", "neighbours", ("kubectl get pods -n {namespace} -l '{selector}' -o wide",)),
    Cause("near.told", "waits", "neighbours", ("kubectl get pods -n {namespace} -o wide",)),
    Cause("apart.all", "waits", "neighbours", ("kubectl get pods -n {namespace} -l '{selector}' -o wide",)),
    Cause("apart.existing", "waits", "neighbours", ("kubectl get pods -A -o wide",)),
    Cause("apart.told", "waits", "neighbours", ("kubectl get pods -n {namespace} -o wide",)),
    Cause("spread.skew", "waits", "neighbours", ("kubectl get pods -n {namespace} -l '{selector}' -o wide",)),
    Cause("spread.told", "waits", "neighbours", ("kubectl get pods -n {namespace} -o wide",)),
    Cause("told.other", "waits", "other", ("kubectl describe pod -n {namespace} {name}",)),
    Cause("fits.now", "moving", "other", ("",)),
    Cause("unknown", "unknown", "other", ("kubectl describe pod -n {namespace} {name}",)),
)
BY_KEY: Final = {cause.key: cause for cause in CAUSES}
