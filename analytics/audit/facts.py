"""What rules ask of one event, worked out when it is asked for and then kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from analytics.audit import patch, podspec, powers
from analytics.audit.context import SERVICE_ACCOUNT, Context
from analytics.audit.record import AuditEvent

_ANONYMOUS = ("system:anonymous", "system:unauthenticated")
_ACCOUNT_PARTS = 4


T = TypeVar("T")


class _Kept(Generic[T]):
    """functools.cached_property without the lock that Python 3.11 takes at a first read: facts have one thread."""

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, facts: Any, owner: type) -> T:
        value = self._read(facts)
        # Found there from now on, before this.
        facts.__dict__[self._name] = value
        return value


class Facts:
    """`creator`: who created the pod that the event is about; "" where that is not known."""

    def __init__(self, event: AuditEvent, context: Context, creator: str = "") -> None:
        self.event = event
        self.context = context
        self.creator = creator

    @_Kept
    def body(self) -> podspec.Tree:
        return patch.body(self.event.request)

    @_Kept
    def changed(self) -> tuple[str, ...]:
        return patch.changed(self.event.request)

    # ---- who

    @property
    def account_namespace(self) -> str:
        parts = self.event.user.split(":")
        return parts[2] if self.event.user.startswith(SERVICE_ACCOUNT) and len(parts) == _ACCOUNT_PARTS else ""

    @_Kept
    def is_system(self) -> bool:
        """A part of the control plane, a kubelet, a scheduler."""
        user, context = self.event.user, self.context
        if context.is_controller(user) or context.is_scheduler(user) or context.is_kubelet(user):
            return True
        return self.account_namespace in context.system_namespaces

    @property
    def is_administrator(self) -> bool:
        return self.context.is_administrator(self.event.user, self.event.groups)

    @property
    def is_tenant(self) -> bool:
        """Neither the control plane nor an administrator: whoever uses the cluster."""
        return not self.is_system and not self.is_administrator

    @property
    def is_anonymous(self) -> bool:
        return self.event.user in ("", _ANONYMOUS[0]) or _ANONYMOUS[1] in self.event.groups

    @property
    def is_owner(self) -> bool:
        """Who created the pod, or a service account of the pod's own namespace."""
        namespace = self.event.namespace
        return self.event.user == self.creator != "" or (namespace != "" and self.account_namespace == namespace)

    @property
    def tenant(self) -> str:
        """The namespace's tenant; where none is declared, the namespace itself."""
        return self.context.tenant_of(self.event.namespace) or self.event.namespace

    # ---- the pod

    @_Kept
    def pod(self) -> podspec.Tree:
        sent = podspec.pod_in(self.event.resource, self.body)
        return sent or podspec.pod_in(self.event.resource, self.event.response or {})

    @_Kept
    def spec(self) -> podspec.Tree:
        return podspec.tree(self.pod.get("spec"))

    @_Kept
    def securities(self) -> tuple[podspec.Tree, ...]:
        return podspec.securities(self.spec)

    @_Kept
    def pins(self) -> tuple[str, ...]:
        return podspec.pins(self.spec)

    @_Kept
    def tolerates(self) -> tuple[str, ...]:
        return podspec.tolerations(self.spec)

    @_Kept
    def cpu_milli(self) -> int:
        return podspec.cpu_milli(self.spec)

    @_Kept
    def devices(self) -> int:
        return podspec.devices(self.spec)

    @property
    def owner(self) -> str:
        """`ReplicaSet/web-5d9`: what the pod belongs to, or itself."""
        references = podspec.trees(podspec.tree(self.pod.get("metadata")).get("ownerReferences"))
        owned = next((f"{podspec.text(one.get('kind'))}/{podspec.text(one.get('name'))}" for one in references), "")
        return owned or self.event.object

    @property
    def priority(self) -> int | None:
        """As the server resolved it, else as sent, else of the class."""
        answered = podspec.tree((self.event.response or {}).get("spec")).get("priority")
        for found in (answered, self.spec.get("priority")):
            if isinstance(found, int):
                return found
        return self.context.priorities.get(podspec.text(self.spec.get("priorityClassName")))

    @property
    def above_tenant(self) -> bool:
        limit = self.context.max_priority(self.tenant)
        return limit is not None and (self.priority or 0) > limit

    @_Kept
    def powers(self) -> tuple[str, ...]:
        return powers.granted(self.body)

    @property
    def actors(self) -> tuple[str, ...]:
        """Who has more power after this event: who did it, and to whom it grants."""
        return (self.event.user, *powers.subjects(self.body))
