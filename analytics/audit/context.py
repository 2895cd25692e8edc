"""What rules must know about a cluster that its events do not say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import msgspec

SERVICE_ACCOUNT = "system:serviceaccount:"
_CONTROLLERS = re.compile(
    r"system:(kube-controller-manager|cloud-controller-manager|apiserver|aggregator|addon-manager)$"
    r"|system:serviceaccount:kube-system:(?!default$)[a-z0-9.-]+$"
)


def _nobody(_: str) -> str | None:
    return None


def _no_limit(_: str) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """Rules name the sets by `@` and the field's name. The functions are asked for every event that a rule needs them
    for: answer from memory."""

    scheduler_identities: frozenset[str] = frozenset({"system:kube-scheduler"})
    """Who may bind pods."""
    scheduler_names: frozenset[str] = frozenset({"", "default-scheduler"})
    """What a pod may say in schedulerName; "" for pods that say nothing."""
    scheduler_agents: frozenset[str] = frozenset({"kube-scheduler", "trimtab"})
    """First words of a scheduler's user agent, before the slash."""
    scheduler_networks: frozenset[str] = frozenset({"0.0.0.0/0", "::/0"})
    """Where schedulers call from."""
    scheduler_objects: frozenset[str] = frozenset(
        {
            "configmaps/kube-system/kube-scheduler",
            "configmaps/kube-system/kube-scheduler-config",
            "configmaps/kube-system/scheduler-config",
            "configmaps/kube-system/trimtab-policy",
            "configmaps/kube-system/trimtab-tenants",
            "leases/kube-system/kube-scheduler",
            "configmaps/trimtab-system/trimtab-policy",
            "leases/trimtab-system/trimtab",
        }
    )
    """Configuration and leases of the scheduler and its extender."""
    control_identities: frozenset[str] = frozenset({"system:serviceaccount:trimtab-system:trimtab"})
    """Beside the schedulers: who may change their configuration, and remove scheduling gates."""
    deployers: frozenset[str] = frozenset()
    """Who applies what others have reviewed: GitOps controllers, pipelines."""
    device_identities: frozenset[str] = frozenset()
    """Device plugins and operators that may add extended resources to nodes."""
    administrators: frozenset[str] = frozenset({"system:masters", "kubeadm:cluster-admins"})
    """Users and groups."""
    system_namespaces: frozenset[str] = frozenset({"kube-system", "kube-public", "kube-node-lease", "trimtab-system"})
    spread_labels: frozenset[str] = frozenset({"app", "app.kubernetes.io/name", "app.kubernetes.io/instance", "tenant"})
    """Labels of pods that spreading, affinity and tenancy select by."""
    priorities: Mapping[str, int] = field(
        default_factory=lambda: {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}
    )
    """Values of priority classes: a pod as sent names only its class."""
    tenant_of: Callable[[str], str | None] = _nobody
    """The tenant that owns a namespace."""
    max_priority: Callable[[str], int | None] = _no_limit
    """The highest priority that a tenant's pods may have."""

    def is_controller(self, user: str) -> bool:
        """The control plane itself: its managers, and the service accounts that it has for its controllers."""
        return _CONTROLLERS.match(user) is not None or user in self.control_identities

    def is_kubelet(self, user: str) -> bool:
        return user.startswith("system:node:")

    def is_scheduler(self, user: str) -> bool:
        return user in self.scheduler_identities

    def is_administrator(self, user: str, groups: tuple[str, ...]) -> bool:
        return user in self.administrators or not self.administrators.isdisjoint(groups)


SETS = tuple(one.name for one in fields(Context) if one.type == "frozenset[str]")
"""What a rule may name by `@`."""


class BadContext(Exception):
    """The text says what is wrong with it."""


def context_from(given: Mapping[str, Any]) -> Context:
    """From plain data: the sets by name, `tenants` (namespace to tenant), `max_priority` (tenant to number).
    Raises BadContext."""
    if unknown := sorted(given.keys() - {*SETS, "tenants", "max_priority"}):
        raise BadContext(f"no setting {unknown[0]!r}; there are {', '.join((*SETS, 'tenants', 'max_priority'))}")
    try:
        said = {name: frozenset(msgspec.convert(given[name], list[str])) for name in SETS if name in given}
        tenants = msgspec.convert(given.get("tenants", {}), dict[str, str])
        limits = msgspec.convert(given.get("max_priority", {}), dict[str, int])
    except msgspec.ValidationError as wrong:
        raise BadContext(str(wrong)) from None
    return replace(Context(tenant_of=tenants.get, max_priority=limits.get), **said)  # type: ignore[arg-type]
