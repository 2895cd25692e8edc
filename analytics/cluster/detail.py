"""What is kept of a pod that does not run yet, beside what decisions read of it: why it may be held up.

Only pods whose phase is Pending have it, so that what a cluster of running pods costs stays as it is.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import Struct, field

from extender.model.pod import KubePod, Pod, Requirement, SharedParts

_MESSAGE_MAX: Final = 4096


class Selector(Struct, frozen=True, gc=False, omit_defaults=True):
    """A label selector; one without anything matches every pod."""

    labels: dict[str, str] = {}
    expressions: tuple[Requirement, ...] = ()


class Term(Struct, frozen=True, gc=False, omit_defaults=True):
    """One required term of pod affinity or anti-affinity."""

    topology_key: str
    selector: Selector | None = None
    """None matches no pod."""
    namespaces: tuple[str, ...] = ()
    """Empty: the pod's own."""
    elsewhere: bool = False
    """It selects namespaces by their labels, which the sidecar does not follow."""


class Spread(Struct, frozen=True, gc=False, omit_defaults=True):
    """One topology spread constraint that must hold."""

    topology_key: str
    max_skew: int = 1
    selector: Selector | None = None


class Waiting(Struct, frozen=True, gc=False, omit_defaults=True):
    """A container that does not run yet."""

    container: str
    reason: str = ""
    message: str = ""


class PodDetail(Struct, frozen=True, gc=False, omit_defaults=True):
    message: str = ""
    """Of the condition PodScheduled while it is False: what the scheduler said last."""
    claims: tuple[str, ...] = ()
    """Names of the PersistentVolumeClaims it mounts, those made for its ephemeral volumes included."""
    near: tuple[Term, ...] = ()
    apart: tuple[Term, ...] = ()
    spread: tuple[Spread, ...] = ()
    waiting: tuple[Waiting, ...] = ()


NO_DETAIL: Final = PodDetail()


class PendingPod(Pod, frozen=True, gc=False, omit_defaults=True, kw_only=True):
    """A pod that does not run yet, with why that may be."""

    detail: PodDetail = NO_DETAIL


def detail_of(pod: Pod | None) -> PodDetail:
    """Nothing for a pod that runs."""
    return pod.detail if isinstance(pod, PendingPod) else NO_DETAIL


class _Expression(Struct, gc=False):
    key: str = ""
    operator: str = ""
    values: list[str] | None = None


class _Selector(Struct, gc=False, rename="camel"):
    match_labels: dict[str, str] | None = None
    match_expressions: list[_Expression] | None = None


class _Term(Struct, gc=False, rename="camel"):
    topology_key: str = ""
    label_selector: _Selector | None = None
    namespaces: list[str] | None = None
    namespace_selector: dict[str, Any] | None = None


class _Terms(Struct, gc=False, rename={"required": "requiredDuringSchedulingIgnoredDuringExecution"}):
    required: list[_Term] | None = None


class _Affinity(Struct, gc=False, rename="camel"):
    pod_affinity: _Terms | None = None
    pod_anti_affinity: _Terms | None = None


class _Spread(Struct, gc=False, rename="camel"):
    topology_key: str = ""
    max_skew: int = 1
    when_unsatisfiable: str = ""
    label_selector: _Selector | None = None


class _Claim(Struct, gc=False, rename="camel"):
    claim_name: str = ""


class _Volume(Struct, gc=False, rename="camel"):
    name: str = ""
    persistent_volume_claim: _Claim | None = None
    ephemeral: dict[str, Any] | None = None


class _Spec(Struct, gc=False, rename="camel"):
    affinity: _Affinity | None = None
    topology_spread_constraints: list[_Spread] | None = None
    volumes: list[_Volume] | None = None


class _Condition(Struct, gc=False):
    type: str = ""
    status: str = ""
    message: str | None = None


class _WaitingState(Struct, gc=False):
    reason: str | None = None
    message: str | None = None


class _State(Struct, gc=False):
    waiting: _WaitingState | None = None


class _ContainerStatus(Struct, gc=False):
    name: str = ""
    state: _State | None = None


class _Status(Struct, gc=False, rename="camel"):
    conditions: list[_Condition] | None = None
    container_statuses: list[_ContainerStatus] | None = None
    init_container_statuses: list[_ContainerStatus] | None = None


class _Named(Struct, gc=False):
    name: str = ""


class _PodTree(Struct, gc=False):
    metadata: _Named = field(default_factory=_Named)
    spec: _Spec | None = None
    status: _Status | None = None


_POD: Final = msgspec.json.Decoder(KubePod)
_TREE: Final = msgspec.json.Decoder(_PodTree)


def read_pod(raw: bytes | msgspec.Raw, parts: SharedParts | None = None) -> Pod:
    """JSON -> the pod as decisions read it, with its detail while it is Pending. Raises msgspec.DecodeError and what
    KubePod.flatten raises."""
    pod = _POD.decode(raw).flatten(parts)
    if pod.phase != "Pending":
        return pod
    detail = _detail(_TREE.decode(raw))
    if detail == NO_DETAIL:
        return pod
    return PendingPod(**{name: getattr(pod, name) for name in Pod.__struct_fields__}, detail=detail)


def _detail(tree: _PodTree) -> PodDetail:
    spec, status = tree.spec or _Spec(), tree.status or _Status()
    affinity = spec.affinity or _Affinity()
    conditions = status.conditions or ()
    told = next((c.message or "" for c in conditions if c.type == "PodScheduled" and c.status == "False"), "")
    return PodDetail(
        message=told[:_MESSAGE_MAX],
        claims=tuple(_claims(tree.metadata.name, spec.volumes or ())),
        near=_terms(affinity.pod_affinity),
        apart=_terms(affinity.pod_anti_affinity),
        spread=tuple(
            Spread(one.topology_key, one.max_skew, _selector(one.label_selector))
            for one in spec.topology_spread_constraints or ()
            if one.when_unsatisfiable == "DoNotSchedule"
        ),
        waiting=tuple(
            Waiting(one.name, one.state.waiting.reason or "", (one.state.waiting.message or "")[:_MESSAGE_MAX])
            for one in (*(status.init_container_statuses or ()), *(status.container_statuses or ()))
            if one.state is not None and one.state.waiting is not None
        ),
    )


def _claims(pod: str, volumes: list[_Volume] | tuple[()]) -> list[str]:
    found = []
    for volume in volumes:
        if volume.persistent_volume_claim is not None:
            found.append(volume.persistent_volume_claim.claim_name)
        elif volume.ephemeral is not None:
            found.append(f"{pod}-{volume.name}")
    return found


def _terms(found: _Terms | None) -> tuple[Term, ...]:
    return tuple(
        Term(
            one.topology_key,
            _selector(one.label_selector),
            tuple(one.namespaces or ()),
            one.namespace_selector is not None,
        )
        for one in (found.required if found else None) or ()
    )


def _selector(found: _Selector | None) -> Selector | None:
    if found is None:
        return None
    expressions = tuple(
        Requirement(one.key, one.operator, tuple(one.values or ())) for one in found.match_expressions or ()
    )
    return Selector(found.match_labels or {}, expressions)
