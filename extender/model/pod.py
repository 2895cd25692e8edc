"""What the extender knows about a pod: only the fields that decisions read.

`decode_pod` takes API JSON (a pod of a request, a watch or a list). Fields that are not named here are
skipped without being built, which is what makes decoding cheap and keeps secrets (environment values,
unread annotations) out of every record.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import Struct, field

from extender.model.kept import Kept
from extender.quantity import QuantityError, nano

Quantities = dict[str, str | int | float]
# Shared by every pod that has none, as all parts may be: nobody changes what a Pod holds.
NO_QUANTITIES: Quantities = {}
NO_TEXTS: dict[str, str] = {}

# Annotations that some plugin or loop reads; all others are dropped while decoding.
READ_ANNOTATIONS: frozenset[str] = frozenset(
    {
        "cluster-autoscaler.kubernetes.io/safe-to-evict",
        "kubernetes.io/config.mirror",
        "kubernetes.io/config.source",
    }
)
# SySched reads every annotation whose key contains this.
_SECCOMP = "seccomp.security.alpha.kubernetes.io"


class Container(Struct, frozen=True, gc=False, omit_defaults=True):
    """Resources of one container. Quantities stay as written: plugins round them in different ways."""

    requests: Quantities = {}
    limits: Quantities = {}
    sidecar: bool = False
    """An init container with restartPolicy Always."""
    name: str = ""
    resizing: Quantities = {}
    """While a resize is in flight: what the scheduler counts instead of `requests`; else empty."""


class Toleration(Struct, frozen=True, gc=False, omit_defaults=True):
    """As core/v1 has it; an empty key with operator Exists tolerates every taint."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class Requirement(Struct, frozen=True, gc=False, omit_defaults=True):
    """One expression of a node selector term."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class NodeTerm(Struct, frozen=True, gc=False, omit_defaults=True):
    """One term of required node affinity: all its expressions and fields must hold; a term without any never does."""

    labels: tuple[Requirement, ...] = ()
    fields: tuple[Requirement, ...] = ()


class Placement(Struct, frozen=True, gc=False, omit_defaults=True):
    """Where a pod may stand, as far as we can judge it ourselves; `unjudged` names the rest."""

    node_selector: dict[str, str] = {}
    node_terms: tuple[NodeTerm, ...] | None = None
    """Required node affinity: one of them must hold; None: anywhere."""
    tolerations: tuple[Toleration, ...] = ()
    host_ports: tuple[tuple[str, str, int], ...] = ()
    """(protocol, host IP or 0.0.0.0, port)"""
    unjudged: tuple[str, ...] = ()
    """Constraints that only the scheduler can judge: podAffinity, podAntiAffinity, topologySpread, volumes, claims."""


NOWHERE_SPECIAL = Placement()


class Pod(Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """One pod, flat. Times are unix seconds."""

    namespace: str
    name: str
    uid: str
    resource_version: str = ""
    scheduler_name: str = "default-scheduler"
    priority: int = 0
    preemption_policy: str = "PreemptLowerPriority"
    node_name: str = ""
    nominated_node_name: str = ""
    phase: str = "Pending"
    qos_class: str = ""
    terminating: bool = False
    created_at_s: int = 0
    started_at_s: int | None = None
    unschedulable_at_s: int | None = None
    """Last transition of the condition PodScheduled=False, if that is its status."""
    unscheduled_reason: str = ""
    """Reason of the condition PodScheduled=False: Unschedulable, SchedulingGated, SchedulerError."""
    scheduled_at_s: float | None = None
    """Last transition of the condition PodScheduled=True, if that is its status."""
    owner: str = ""
    """Kind/name of the controlling owner."""
    owner_uid: str = ""
    owners: tuple[str, ...] = ()
    """Names of all owners, in order."""
    priority_class: str = ""
    gates: tuple[str, ...] = ()
    """Names of its scheduling gates."""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    overhead: Quantities = {}
    requests: Quantities = {}
    """Pod-level spec.resources.requests."""
    limits: Quantities = {}
    placement: Placement = NOWHERE_SPECIAL
    local_storage: bool = False
    """It has an emptyDir or hostPath volume: what it wrote there is lost when it moves."""
    host_ip: str = ""
    seccomp_paths: tuple[str, ...] = ()
    """localhostProfile of the pod, then of each app container, where the type is Localhost."""
    init_seccomp_paths: tuple[str, ...] = ()
    """The same of the init containers."""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def is_terminal(self) -> bool:
        """Succeeded and Failed pods are invisible to the scheduler, and so to every plugin."""
        return self.phase in ("Succeeded", "Failed")


class _Present(Struct, gc=False, omit_defaults=True):
    """An object of which only its presence counts."""


class _Resources(Struct, gc=False, omit_defaults=True):
    requests: Quantities | None = None
    limits: Quantities | None = None


class _Port(Struct, gc=False, omit_defaults=True, rename={"host_port": "hostPort", "host_ip": "hostIP"}):
    host_port: int | None = None
    host_ip: str | None = None
    protocol: str | None = None


class _SeccompProfile(Struct, gc=False, omit_defaults=True, rename="camel"):
    type: str | None = None
    localhost_profile: str | None = None


class _SecurityContext(Struct, gc=False, omit_defaults=True, rename="camel"):
    seccomp_profile: _SeccompProfile | None = None


class _Container(Struct, gc=False, omit_defaults=True, rename="camel"):
    name: str | None = None
    resources: _Resources | None = None
    restart_policy: str | None = None
    ports: list[_Port] | None = None
    security_context: _SecurityContext | None = None


class _Named(Struct, gc=False, omit_defaults=True):
    name: str = ""


class _Expression(Struct, gc=False, omit_defaults=True):
    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class _NodeTerm(Struct, gc=False, omit_defaults=True, rename="camel"):
    match_expressions: list[_Expression] | None = None
    match_fields: list[_Expression] | None = None


class _NodeSelector(Struct, gc=False, omit_defaults=True, rename="camel"):
    node_selector_terms: list[_NodeTerm] | None = None


class _RequiredOfNodes(
    Struct, gc=False, omit_defaults=True, rename={"required": "requiredDuringSchedulingIgnoredDuringExecution"}
):
    required: _NodeSelector | None = None


class _RequiredOfPods(
    Struct, gc=False, omit_defaults=True, rename={"required": "requiredDuringSchedulingIgnoredDuringExecution"}
):
    required: list[_Present] | None = None


class _Affinity(Struct, gc=False, omit_defaults=True, rename="camel"):
    node_affinity: _RequiredOfNodes | None = None
    pod_affinity: _RequiredOfPods | None = None
    pod_anti_affinity: _RequiredOfPods | None = None


class _Spread(Struct, gc=False, omit_defaults=True, rename="camel"):
    when_unsatisfiable: str = ""


class _Volume(Struct, gc=False, omit_defaults=True, rename="camel"):
    empty_dir: _Present | None = None
    host_path: _Present | None = None
    persistent_volume_claim: _Present | None = None
    ephemeral: _Present | None = None


class _Owner(Struct, gc=False, omit_defaults=True):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class _Metadata(Struct, gc=False, omit_defaults=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: datetime | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[_Owner] | None = None


class _Spec(Struct, gc=False, omit_defaults=True, rename="camel"):
    scheduler_name: str | None = None
    priority: int | None = None
    preemption_policy: str | None = None
    node_name: str | None = None
    containers: list[_Container] | None = None
    init_containers: list[_Container] | None = None
    overhead: Quantities | None = None
    resources: _Resources | None = None
    priority_class_name: str | None = None
    scheduling_gates: list[_Named] | None = None
    node_selector: dict[str, str] | None = None
    affinity: _Affinity | None = None
    tolerations: tuple[Toleration, ...] | None = None
    topology_spread_constraints: list[_Spread] | None = None
    volumes: list[_Volume] | None = None
    resource_claims: list[_Named] | None = None
    security_context: _SecurityContext | None = None


class _Condition(Struct, gc=False, omit_defaults=True, rename="camel"):
    type: str = ""
    status: str = ""
    reason: str | None = None
    last_transition_time: datetime | None = None


class _ContainerStatus(Struct, gc=False, omit_defaults=True, rename="camel"):
    name: str = ""
    allocated_resources: Quantities | None = None
    resources: _Resources | None = None


class _Status(
    Struct,
    gc=False,
    rename={
        "container_statuses": "containerStatuses",
        "init_container_statuses": "initContainerStatuses",
        "qos_class": "qosClass",
        "nominated_node_name": "nominatedNodeName",
        "start_time": "startTime",
        "host_ip": "hostIP",
    },
):
    phase: str | None = None
    host_ip: str | None = None
    container_statuses: list[_ContainerStatus] | None = None
    init_container_statuses: list[_ContainerStatus] | None = None
    qos_class: str | None = None
    nominated_node_name: str | None = None
    start_time: datetime | None = None
    conditions: list[_Condition] | None = None


class KubePod(Struct, gc=False):
    """A core/v1 Pod as it stands in JSON, reduced to what we read."""

    metadata: _Metadata = field(default_factory=_Metadata)
    spec: _Spec | None = None
    status: _Status | None = None

    def flatten(self, parts: Parts | None = None, before: Pod | None = None) -> Pod:
        """As decisions read it. `parts` makes its parts; it shares its names with `before`, an earlier version."""
        parts = parts or PLAIN
        meta, spec, status = self.metadata, self.spec or _NO_SPEC, self.status or _NO_STATUS
        made = parts.template(spec)
        containers, init_containers = made.containers, made.init_containers
        if status.container_statuses:
            containers = _resized(containers, status.container_statuses, status)
        if status.init_container_statuses:
            init_containers = _resized(init_containers, status.init_container_statuses, status)
        unschedulable_at_s, unscheduled_reason, scheduled_at_s = _scheduled(status.conditions)
        namespace, phase, qos_class, unscheduled_reason = parts.words(
            (meta.namespace or "default", status.phase or "Pending", status.qos_class or "", unscheduled_reason)
        )
        node_name, host_ip, nominated_node_name = parts.words(
            (spec.node_name or "", status.host_ip or "", status.nominated_node_name or "")
        )
        owner, owner_uid, owners = parts.owners(meta.owner_references) if meta.owner_references else ("", "", ())
        name, uid = meta.name, meta.uid
        if before is not None:
            # The tables of the state have these as keys: a second text would be a tenth of a pod.
            name, uid = before.name if before.name == name else name, before.uid if before.uid == uid else uid
        return Pod(
            namespace=namespace,
            name=name,
            uid=uid,
            resource_version=meta.resource_version,
            scheduler_name=made.scheduler_name,
            priority=made.priority,
            preemption_policy=made.preemption_policy,
            node_name=node_name,
            nominated_node_name=nominated_node_name,
            phase=phase,
            qos_class=qos_class,
            terminating=meta.deletion_timestamp is not None,
            created_at_s=_seconds(meta.creation_timestamp) or 0,
            started_at_s=_seconds(status.start_time),
            unschedulable_at_s=unschedulable_at_s,
            unscheduled_reason=unscheduled_reason,
            scheduled_at_s=scheduled_at_s,
            owner=owner,
            owner_uid=owner_uid,
            owners=owners,
            priority_class=made.priority_class,
            gates=made.gates,
            labels=parts.texts(meta.labels) if meta.labels else NO_TEXTS,
            annotations=parts.texts(_read(meta.annotations)) if meta.annotations else NO_TEXTS,
            containers=containers,
            init_containers=init_containers,
            overhead=made.overhead,
            requests=made.requests,
            limits=made.limits,
            placement=made.placement,
            local_storage=made.local_storage,
            host_ip=host_ip,
            seccomp_paths=made.seccomp_paths,
            init_seccomp_paths=made.init_seccomp_paths,
        )


_NO_SPEC, _NO_STATUS = _Spec(), _Status()


class _Template(Struct, gc=False):
    """What a spec says apart from the node: the same for all pods of one template."""

    scheduler_name: str
    priority: int
    preemption_policy: str
    priority_class: str
    gates: tuple[str, ...]
    containers: tuple[Container, ...]
    init_containers: tuple[Container, ...]
    overhead: Quantities
    requests: Quantities
    limits: Quantities
    placement: Placement
    local_storage: bool
    seccomp_paths: tuple[str, ...]
    init_seccomp_paths: tuple[str, ...]


_Owned = tuple[str, str, tuple[str, ...]]
"""Kind/name of the controlling owner, its UID, names of all owners."""


class Parts:
    """Makes the parts that pods of one template have in common, for each pod anew."""

    def template(self, spec: _Spec) -> _Template:
        level = spec.resources
        return _Template(
            spec.scheduler_name or "default-scheduler",
            spec.priority or 0,
            spec.preemption_policy or "PreemptLowerPriority",
            spec.priority_class_name or "",
            tuple([gate.name for gate in spec.scheduling_gates]) if spec.scheduling_gates else (),
            _containers(spec.containers),
            _containers(spec.init_containers),
            spec.overhead or NO_QUANTITIES,
            (level.requests if level else None) or NO_QUANTITIES,
            (level.limits if level else None) or NO_QUANTITIES,
            _placement(spec),
            _is_local(spec.volumes) if spec.volumes else False,
            _seccomp_paths(spec.security_context, spec.containers),
            _seccomp_paths(None, spec.init_containers) if spec.init_containers else (),
        )

    def words(self, found: tuple[str, ...]) -> tuple[str, ...]:
        """Texts that few pods have to themselves."""
        return found

    def texts(self, found: dict[str, str]) -> dict[str, str]:
        """Labels or annotations, as read."""
        return found or NO_TEXTS

    def owners(self, found: list[_Owner]) -> _Owned:
        controller = next((owner for owner in found if owner.controller), None)
        names = tuple([owner.name for owner in found])
        return (f"{controller.kind}/{controller.name}", controller.uid, names) if controller else ("", "", names)


PLAIN = Parts()


class SharedParts(Parts):
    """One object for equal parts of many pods: most pods are copies of few templates.

    Parts are told apart by their encoding, in which 1, 1.0 and "1" differ, and so does another order.
    """

    # So many templates may come by before one of them is made anew; a part that a pod has to itself counts as one.
    TEMPLATES_MOST, WORDS_MOST = 4096, 16384

    def __init__(self) -> None:
        self._templates: Kept[_Template] = Kept(self.TEMPLATES_MOST)
        self._texts: Kept[dict[str, str]] = Kept(self.TEMPLATES_MOST)
        self._owners: Kept[_Owned] = Kept(self.TEMPLATES_MOST)
        self._words: Kept[tuple[str, ...]] = Kept(self.WORDS_MOST)

    def template(self, spec: _Spec) -> _Template:
        node_name, spec.node_name = spec.node_name, None
        try:
            key = _KEY.encode(spec)
        except OverflowError:
            # A number that no field of Kubernetes holds: whoever judges the pod says so.
            return super().template(spec)
        finally:
            spec.node_name = node_name
        return self._templates.get(key) or self._templates.put(key, super().template(spec))

    def words(self, found: tuple[str, ...]) -> tuple[str, ...]:
        return self._words.get(found) or self._words.put(found, found)

    def texts(self, found: dict[str, str]) -> dict[str, str]:
        if not found:
            return NO_TEXTS
        key = _KEY.encode(found)
        return self._texts.get(key) or self._texts.put(key, found)

    def owners(self, found: list[_Owner]) -> _Owned:
        key = _KEY.encode(found)
        return self._owners.get(key) or self._owners.put(key, super().owners(found))


_KEY = msgspec.msgpack.Encoder()


_DECODER = msgspec.json.Decoder(KubePod)


def decode_pod(raw: bytes | memoryview, parts: Parts | None = None) -> Pod:
    """JSON bytes -> Pod. Raises msgspec.DecodeError, or its subclass ValidationError with the path of the field."""
    return _DECODER.decode(raw).flatten(parts)


def pod_of(tree: object) -> Pod:
    """A pod already parsed (from YAML or a batch line) -> Pod. Raises msgspec.ValidationError."""
    return msgspec.convert(tree, KubePod, strict=True).flatten()


def _containers(found: list[_Container] | None) -> tuple[Container, ...]:
    return tuple([_container(each) for each in found]) if found else ()


def _container(found: _Container) -> Container:
    level = found.resources
    return Container(
        (level.requests if level else None) or NO_QUANTITIES,
        (level.limits if level else None) or NO_QUANTITIES,
        found.restart_policy == "Always",
        found.name or "",
        NO_QUANTITIES,
    )


def _resized(
    containers: tuple[Container, ...], statuses: list[_ContainerStatus], status: _Status
) -> tuple[Container, ...]:
    """The containers, with what counts while a resize is in flight; themselves when none is."""
    running = {told.name: told for told in statuses if told.resources is not None}
    changed = None
    for index, each in enumerate(containers if running else ()):
        told = running.get(each.name)
        counted = None if told is None else _counted_while_resizing(each.requests, told, status)
        if counted:
            changed = changed or list(containers)
            changed[index] = msgspec.structs.replace(each, resizing=counted)
    return tuple(changed) if changed else containers


def _counted_while_resizing(asked: Quantities, told: _ContainerStatus, status: _Status) -> Quantities:
    """Per resource the largest of asked, allocated and actual; a resize that cannot be had asks for nothing.

    Empty if that is what the spec says anyway. Quantities that cannot be read are left to whoever adds them up.
    """
    actual = (told.resources.requests if told.resources else None) or {}
    if actual == asked and (told.allocated_resources is None or told.allocated_resources == asked):
        return NO_QUANTITIES
    infeasible = any(c.type == "PodResizePending" and c.reason == "Infeasible" for c in status.conditions or ())
    largest: Quantities = {} if infeasible else dict(asked)
    for held in (actual, told.allocated_resources or {}):
        for name, amount in held.items():
            try:
                if name not in largest or nano(amount) > nano(largest[name]):
                    largest[name] = amount
            except QuantityError:
                continue
    return NO_QUANTITIES if largest == asked else largest


def _read(annotations: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in annotations.items() if k in READ_ANNOTATIONS or _SECCOMP in k}


def _is_local(volumes: list[_Volume]) -> bool:
    return any(v.empty_dir is not None or v.host_path is not None for v in volumes)


def _scheduled(conditions: list[_Condition] | None) -> tuple[int | None, str, float | None]:
    """(since when PodScheduled is False, why, since when it is True)."""
    for condition in conditions or ():
        if condition.type == "PodScheduled":
            at = condition.last_transition_time
            if condition.status == "False":
                return _seconds(at) or 0, condition.reason or "", None
            if condition.status == "True":
                return None, "", at.timestamp() if at else 0.0
    return None, "", None


def _placement(spec: _Spec) -> Placement:
    """Most pods have nothing but tolerations: what is absent costs one comparison here, on the way of every request."""
    affinity = spec.affinity
    unjudged: tuple[str, ...] = ()
    if affinity or spec.topology_spread_constraints or spec.volumes or spec.resource_claims:
        unjudged = _unjudged(spec)
    nodes = affinity.node_affinity.required if affinity and affinity.node_affinity else None
    ports = _host_ports(spec)
    if not (unjudged or nodes or ports or spec.node_selector or spec.tolerations):
        return NOWHERE_SPECIAL
    return Placement(
        spec.node_selector or NO_TEXTS,
        None if nodes is None else tuple(map(_node_term, nodes.node_selector_terms or ())),
        spec.tolerations or (),
        ports,
        unjudged,
    )


def _unjudged(spec: _Spec) -> tuple[str, ...]:
    found = []
    if spec.affinity is not None:
        near, apart = spec.affinity.pod_affinity, spec.affinity.pod_anti_affinity
        if near is not None and near.required:
            found.append("podAffinity")
        if apart is not None and apart.required:
            found.append("podAntiAffinity")
    for spread in spec.topology_spread_constraints or ():
        if spread.when_unsatisfiable == "DoNotSchedule":
            found.append("topologySpread")
            break
    for volume in spec.volumes or ():
        if volume.persistent_volume_claim is not None or volume.ephemeral is not None:
            found.append("volumes")
            break
    if spec.resource_claims:
        found.append("claims")
    return tuple(found)


def _node_term(term: _NodeTerm) -> NodeTerm:
    return NodeTerm(_requirements(term.match_expressions), _requirements(term.match_fields))


def _requirements(found: list[_Expression] | None) -> tuple[Requirement, ...]:
    return tuple([Requirement(e.key, e.operator, tuple(e.values or ())) for e in found]) if found else ()


def _host_ports(spec: _Spec) -> tuple[tuple[str, str, int], ...]:
    found: list[tuple[str, str, int]] = []
    for container in spec.containers or ():
        if container.ports:
            found += [_host_port(port) for port in container.ports if port.host_port]
    for container in spec.init_containers or ():
        if container.ports and container.restart_policy == "Always":
            found += [_host_port(port) for port in container.ports if port.host_port]
    return tuple(found)


def _host_port(port: _Port) -> tuple[str, str, int]:
    return port.protocol or "TCP", port.host_ip or "0.0.0.0", port.host_port or 0


def _seccomp_paths(of_pod: _SecurityContext | None, containers: list[_Container] | None) -> tuple[str, ...]:
    profiles = [of_pod.seccomp_profile] if of_pod is not None else []
    contexts = [container.security_context for container in containers] if containers else ()
    profiles += [context.seccomp_profile for context in contexts if context is not None]
    paths = [p.localhost_profile for p in profiles if p is not None and p.type == "Localhost" and p.localhost_profile]
    return tuple(paths)


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
