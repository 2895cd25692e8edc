"""Everything that is known about one pod at one moment. Judges read it, and nothing else."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from analytics.cluster import ClusterView, Happening, PodDetail, detail_of
from analytics.why.fit import Place, judged
from analytics.why.message import Message, parsed
from analytics.why.survey import Shared, Survey
from extender.model.node import Node
from extender.model.pod import Pod
from extender.model.resources import QuantityError, Resources, request_k8s

SAMPLE_NODES_MAX: Final = 10
_TOLD_BY: Final = 12
"""Characters by which a sentence about one pod is known again."""
CLAIMS: Final = "persistentvolumeclaims"


@dataclass(frozen=True, slots=True)
class Rejected:
    """What one plugin of ours rejected in the newest filter call, for one reason."""

    plugin: str
    reason: str
    """The label, as it is counted."""
    message: str = ""
    """About this very pod, where the plugin says so."""
    nodes: int = 0
    sample: tuple[str, ...] = ()
    phase: str = "filter"
    code: str = "Unschedulable"

    @property
    def said(self) -> str:
        return self.message or self.reason


@dataclass(frozen=True, slots=True)
class Record:
    """The newest decision about the pod, reduced."""

    id: str
    at: str
    """RFC 3339."""
    outcome: str
    """scheduled, unschedulable, error or unknown."""
    uid: str = ""
    node: str = ""
    message: str = ""
    nodes_in: int = 0
    """Nodes that came into the last filter call: those that kube-scheduler's own filters had passed."""
    nodes_out: int = 0
    filtered: bool = False
    """There was a filter call."""
    rejected: tuple[Rejected, ...] = ()
    held_on: str = ""
    """The node on which permit holds the pod back now."""
    held_by: str = ""
    held_for: str = ""
    bind_code: str = ""
    """Code of the bind call, if there was one."""
    bind_message: str = ""
    proposed: tuple[str, ...] = ()
    """Nodes that preemption may clear."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The newest thing that was done to the pod itself."""

    node: str
    plugin: str
    reason: str


@dataclass(frozen=True, slots=True)
class TenantRoom:
    """Where the pod's tenant would be over its limit with it."""

    tenant: str
    resource: str
    used: str
    asked: str
    limit: str
    ever: bool
    """False: the pod alone asks for more than the limit."""


@dataclass(frozen=True, slots=True)
class QuotaRoom:
    """Where the pod asks for more than its ElasticQuota's max could ever give."""

    quota: str
    resource: str
    asked: str
    max: str


@dataclass(frozen=True)
class Facts:
    namespace: str
    name: str
    now_s: float
    view: ClusterView
    record: Record | None = None
    gone: Gone | None = None
    victims: int = 0
    """Pods that were evicted for it."""
    tenant: TenantRoom | None = None
    quota: QuotaRoom | None = None
    schedulers: frozenset[str] = frozenset()
    """Names under which pods have been tried or placed, as far as anybody has seen."""
    shared: Shared = field(default_factory=Shared)
    """For many pods of one view, the same one."""

    @property
    def key(self) -> str:
        return f"{self.namespace}/{self.name}"

    @cached_property
    def pod(self) -> Pod | None:
        return self.view.by_name.get(self.key)

    @property
    def known(self) -> bool:
        """The cluster is known, and the pod is in it."""
        return self.pod is not None

    @property
    def waits(self) -> bool:
        """The pod is there, without a node, and is not being deleted."""
        return self.pod is not None and not self.pod.node_name and not self.pod.terminating

    @cached_property
    def detail(self) -> PodDetail:
        return detail_of(self.pod)

    @cached_property
    def message(self) -> Message:
        """What kube-scheduler said last."""
        return parsed(self.detail.message)

    def happened(self, *reasons: str, within_s: float = float("inf")) -> Happening | None:
        """The newest event of one of these reasons about the pod."""
        found = self.view.events_of.get(self.pod.uid, ()) if self.pod is not None else ()
        return next((one for one in found if one.reason in reasons and self.now_s - one.at_s <= within_s), None)

    @property
    def age_s(self) -> float:
        return max(0.0, self.now_s - self.pod.created_at_s) if self.pod and self.pod.created_at_s else float("inf")

    @property
    def tried(self) -> bool:
        """A scheduler has tried it."""
        return self.newest is not None or (self.pod is not None and self.pod.unschedulable_at_s is not None)

    @cached_property
    def newest(self) -> Record | None:
        """The newest decision, if it is about this pod and not about another of its name."""
        if self.record is None or (self.pod is not None and self.record.uid not in ("", self.pod.uid)):
            return None
        return self.record

    @cached_property
    def refusing(self) -> tuple[Rejected, ...]:
        """Who of our plugins keeps the pod waiting, the most nodes first.

        Nobody where kube-scheduler's newest words name none of their reasons: then it did not get as far as the
        extender, and the newest decision is from an earlier attempt.
        """
        record = self.newest
        if record is None or record.outcome not in ("unschedulable", "unknown") or record.nodes_out:
            return ()
        if self.message.reasons and not any(self._is_said(one) for one in record.rejected):
            return ()
        return tuple(sorted(record.rejected, key=lambda one: -one.nodes))

    def _is_said(self, one: Rejected) -> bool:
        """kube-scheduler repeats it; numbers at its end may have changed since."""
        said = self.detail.message.lower()
        begin = one.message.lower()[:_TOLD_BY]
        return one.reason.lower() in said or (bool(begin) and begin in said)

    def refused_by(self, plugin: str, *parts: str) -> Rejected | None:
        """The weightiest rejection, where it is this plugin's, for a reason that holds one of the texts."""
        main = next(iter(self.refusing), None)
        if main is None or main.plugin != plugin:
            return None
        said = f"{main.reason} {main.message}".lower()
        return main if not parts or any(part.lower() in said for part in parts) else None

    @cached_property
    def asked(self) -> Resources:
        """REQ-K8S; nothing for a pod whose quantities cannot be read."""
        with suppress(QuantityError):
            return request_k8s(self.pod) if self.pod else Resources()
        return Resources()

    @cached_property
    def kind(self) -> Hashable:
        """The same for pods that all nodes treat alike."""
        asked = self.asked
        sums = (asked.cpu_milli, asked.memory_bytes, asked.ephemeral_bytes, tuple(sorted(asked.scalars.items())))
        return repr(self.pod.placement) if self.pod else "", sums

    @cached_property
    def survey(self) -> Survey:
        return self.shared.survey(self.kind, self._surveyed)

    def _surveyed(self) -> Survey:
        pod, view = self.pod, self.view
        if pod is None:
            return Survey((), self.asked)
        ports = bool(pod.placement.host_ports)
        return Survey(
            [
                judged(pod, self.asked, node, view.requested_on(name), view.on(name) if ports else ())
                for name, node in sorted(view.nodes.items())
            ],
            self.asked,
        )

    @property
    def places(self) -> Sequence[Place]:
        """Every node, as the pod sees it, in the order of their names."""
        return self.survey.places

    @property
    def reachable(self) -> Sequence[Place]:
        return self.survey.reachable

    @property
    def open(self) -> Sequence[Place]:
        return self.survey.open

    @property
    def fitting(self) -> Sequence[Place]:
        return self.survey.fitting

    @property
    def nearest(self) -> Place | None:
        return self.survey.nearest

    def of(self, resource: str) -> int:
        """What the pod asks for: millicores, bytes or units."""
        return self.survey.of(resource)

    @property
    def claims(self) -> Mapping[str, Mapping[str, Any]] | None:
        """PersistentVolumeClaims by namespace/name; None where they are not followed."""
        return self.view.objects.get(CLAIMS)


def names(places: Sequence[Place]) -> tuple[str, ...]:
    """Some names, for a table."""
    return tuple(place.node.name for place in places[:SAMPLE_NODES_MAX])


def node_of(facts: Facts, name: str) -> Node | None:
    return facts.view.nodes.get(name)
