"""JSON as Go's encoder writes it: struct fields in declaration order, map keys sorted, `<`, `>` and `&` escaped.

kube-scheduler and kube-apiserver send such bytes; whatever reads them from the lab should meet the same.
"""

from __future__ import annotations

from typing import Any

import orjson

_ESCAPES = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)


class Fields:
    """The fields of a struct in the order of its Go type; a name that is not listed here is a map or a scalar."""

    def __init__(self, names: str, **inner: Fields) -> None:
        self.rank = {name: i for i, name in enumerate(names.split())}
        self.inner = inner


_MAP = Fields("")

_META = Fields(
    "name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp "
    "deletionGracePeriodSeconds labels annotations ownerReferences finalizers managedFields",
    ownerReferences=Fields("apiVersion kind name uid controller blockOwnerDeletion"),
    managedFields=Fields("manager operation apiVersion time fieldsType fieldsV1 subresource"),
)
_ITEMS = Fields("key path mode")
_FIELD = Fields("apiVersion fieldPath")
_DOWNWARD = Fields("path fieldRef resourceFieldRef mode", fieldRef=_FIELD)
_VOLUME = Fields(
    "name hostPath emptyDir secret persistentVolumeClaim configMap downwardAPI projected csi ephemeral",
    emptyDir=Fields("medium sizeLimit"),
    hostPath=Fields("path type"),
    secret=Fields("secretName items defaultMode optional", items=_ITEMS),
    configMap=Fields("name items defaultMode optional", items=_ITEMS),
    persistentVolumeClaim=Fields("claimName readOnly"),
    projected=Fields(
        "sources defaultMode",
        sources=Fields(
            "secret downwardAPI configMap serviceAccountToken",
            serviceAccountToken=Fields("audience expirationSeconds path"),
            configMap=Fields("name items optional", items=_ITEMS),
            secret=Fields("name items optional", items=_ITEMS),
            downwardAPI=Fields("items", items=_DOWNWARD),
        ),
    ),
)
_PROBE = Fields(
    "exec httpGet tcpSocket grpc initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold "
    "terminationGracePeriodSeconds",
    httpGet=Fields("path port host scheme httpHeaders", httpHeaders=Fields("name value")),
    tcpSocket=Fields("port host"),
    grpc=Fields("port service"),
)
_RESOURCES = Fields("limits requests claims", claims=Fields("name request"))
_SECCOMP = Fields("type localhostProfile")
_SELECTOR = Fields("matchLabels matchExpressions", matchExpressions=Fields("key operator values"))
_CONTAINER = Fields(
    "name image command args workingDir ports envFrom env resources resizePolicy restartPolicy restartPolicyRules "
    "volumeMounts volumeDevices livenessProbe readinessProbe startupProbe lifecycle terminationMessagePath "
    "terminationMessagePolicy imagePullPolicy securityContext stdin stdinOnce tty",
    ports=Fields("name hostPort containerPort protocol hostIP"),
    envFrom=Fields(
        "prefix configMapRef secretRef", configMapRef=Fields("name optional"), secretRef=Fields("name optional")
    ),
    env=Fields(
        "name value valueFrom",
        valueFrom=Fields(
            "fieldRef resourceFieldRef configMapKeyRef secretKeyRef",
            fieldRef=_FIELD,
            resourceFieldRef=Fields("containerName resource divisor"),
            configMapKeyRef=Fields("name key optional"),
            secretKeyRef=Fields("name key optional"),
        ),
    ),
    resources=_RESOURCES,
    volumeMounts=Fields("name readOnly recursiveReadOnly mountPath subPath mountPropagation subPathExpr"),
    livenessProbe=_PROBE,
    readinessProbe=_PROBE,
    startupProbe=_PROBE,
    securityContext=Fields(
        "capabilities privileged seLinuxOptions windowsOptions "
        "runAsUser runAsGroup runAsNonRoot readOnlyRootFilesystem "
        "allowPrivilegeEscalation procMount seccompProfile appArmorProfile",
        capabilities=Fields("add drop"),
        seccompProfile=_SECCOMP,
    ),
)
_NODE_TERM = Fields(
    "matchExpressions matchFields",
    matchExpressions=Fields("key operator values"),
    matchFields=Fields("key operator values"),
)
_POD_TERM = Fields(
    "labelSelector namespaces topologyKey namespaceSelector matchLabelKeys mismatchLabelKeys",
    labelSelector=_SELECTOR,
    namespaceSelector=_SELECTOR,
)
_REQUIRED, _PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)
_POD_AFFINITY = Fields(
    f"{_REQUIRED} {_PREFERRED}",
    **{_REQUIRED: _POD_TERM, _PREFERRED: Fields("weight podAffinityTerm", podAffinityTerm=_POD_TERM)},
)
_AFFINITY = Fields(
    "nodeAffinity podAffinity podAntiAffinity",
    nodeAffinity=Fields(
        f"{_REQUIRED} {_PREFERRED}",
        **{
            _REQUIRED: Fields("nodeSelectorTerms", nodeSelectorTerms=_NODE_TERM),
            _PREFERRED: Fields("weight preference", preference=_NODE_TERM),
        },
    ),
    podAffinity=_POD_AFFINITY,
    podAntiAffinity=_POD_AFFINITY,
)
_POD_SPEC = Fields(
    "volumes initContainers containers ephemeralContainers restartPolicy terminationGracePeriodSeconds "
    "activeDeadlineSeconds dnsPolicy nodeSelector "
    "serviceAccountName serviceAccount automountServiceAccountToken nodeName "
    "hostNetwork hostPID hostIPC shareProcessNamespace securityContext imagePullSecrets hostname subdomain affinity "
    "schedulerName tolerations hostAliases priorityClassName priority dnsConfig readinessGates runtimeClassName "
    "enableServiceLinks preemptionPolicy overhead topologySpreadConstraints "
    "setHostnameAsFQDN os hostUsers schedulingGates "
    "resourceClaims resources hostnameOverride",
    volumes=_VOLUME,
    initContainers=_CONTAINER,
    containers=_CONTAINER,
    securityContext=Fields(
        "seLinuxOptions windowsOptions runAsUser runAsGroup "
        "runAsNonRoot supplementalGroups supplementalGroupsPolicy fsGroup "
        "sysctls fsGroupChangePolicy seccompProfile appArmorProfile",
        seccompProfile=_SECCOMP,
    ),
    affinity=_AFFINITY,
    tolerations=Fields("key operator value effect tolerationSeconds"),
    schedulingGates=Fields("name"),
    topologySpreadConstraints=Fields(
        "maxSkew topologyKey whenUnsatisfiable labelSelector "
        "minDomains nodeAffinityPolicy nodeTaintsPolicy matchLabelKeys",
        labelSelector=_SELECTOR,
    ),
    resources=_RESOURCES,
)
_POD_STATUS = Fields(
    "observedGeneration phase conditions message reason nominatedNodeName hostIP hostIPs podIP podIPs startTime "
    "initContainerStatuses containerStatuses qosClass ephemeralContainerStatuses resize resourceClaimStatuses",
    conditions=Fields("type observedGeneration status lastProbeTime lastTransitionTime reason message"),
)
_NODE_STATUS = Fields(
    "capacity allocatable phase conditions addresses daemonEndpoints nodeInfo images volumesInUse volumesAttached",
    conditions=Fields("type status lastHeartbeatTime lastTransitionTime reason message"),
    addresses=Fields("type address"),
    nodeInfo=Fields(
        "machineID systemUUID bootID kernelVersion osImage containerRuntimeVersion kubeletVersion kubeProxyVersion "
        "operatingSystem architecture"
    ),
    images=Fields("names sizeBytes"),
)
_NODE_SPEC = Fields("podCIDR podCIDRs providerID unschedulable taints", taints=Fields("key value effect timeAdded"))
_OBJECT = "kind apiVersion metadata"

POD = Fields(f"{_OBJECT} spec status", metadata=_META, spec=_POD_SPEC, status=_POD_STATUS)
NODE = Fields(f"{_OBJECT} spec status", metadata=_META, spec=_NODE_SPEC, status=_NODE_STATUS)
_REFERENCE = Fields("kind namespace name uid apiVersion resourceVersion fieldPath")
EVENT = Fields(
    f"{_OBJECT} involvedObject reason message source firstTimestamp "
    "lastTimestamp count type eventTime series action related "
    "reportingComponent reportingInstance",
    metadata=_META,
    involvedObject=_REFERENCE,
    source=Fields("component host"),
)
NEW_EVENT = Fields(
    f"{_OBJECT} eventTime series reportingController reportingInstance action reason regarding related note type",
    metadata=_META,
    regarding=_REFERENCE,
    related=_REFERENCE,
)
BUDGET = Fields(
    f"{_OBJECT} spec status",
    metadata=_META,
    spec=Fields("minAvailable selector maxUnavailable unhealthyPodEvictionPolicy", selector=_SELECTOR),
    status=Fields(
        "observedGeneration disruptedPods disruptionsAllowed currentHealthy desiredHealthy expectedPods conditions"
    ),
)
REVISION = Fields(f"{_OBJECT} data revision", metadata=_META)
PLAIN = Fields(f"{_OBJECT} spec status immutable data binaryData", metadata=_META)
CUSTOM = Fields("")

_VICTIMS = Fields("Pods NumPDBViolations", Pods=POD)
ARGS = Fields("Pod Nodes NodeNames", Pod=POD, Nodes=Fields("metadata items", items=NODE))
BINDING_ARGS = Fields("PodName PodNamespace PodUID Node")


def dumps(tree: Any, fields: Fields = _MAP) -> bytes:
    """The bytes that Go's json.Marshal would write for this tree, read as the struct `fields`."""
    raw = orjson.dumps(ordered(tree, fields))
    for plain, escaped in _ESCAPES:
        if plain in raw:
            raw = raw.replace(plain, escaped)
    return raw


def preemption_args(pod: Any, victims: dict[str, dict[str, Any]]) -> bytes:
    """ExtenderPreemptionArgs of a cache-capable extender; victims by node as MetaVictims."""
    meta = {name: ordered(v, _VICTIMS) for name, v in sorted(victims.items())}
    head = b'{"Pod":' + dumps(pod, POD) + b',"NodeNameToVictims":null,"NodeNameToMetaVictims":'
    return head + dumps(meta, Fields("", **dict.fromkeys(meta, _VICTIMS))) + b"}"


def ordered(tree: Any, fields: Fields) -> Any:
    """The same tree with every object's keys in Go's order; lists keep theirs."""
    if isinstance(tree, list):
        return [ordered(item, fields) for item in tree] if tree and isinstance(tree[0], dict | list) else tree
    if not isinstance(tree, dict):
        return tree
    rank, inner, last = fields.rank, fields.inner, len(fields.rank)
    keys = sorted(tree, key=lambda k: (rank.get(k, last), k)) if len(tree) > 1 else tree
    return {k: ordered(v, inner.get(k, _MAP)) if isinstance(v := tree[k], dict | list) else v for k in keys}
