"""What the policy knows about plugins: data handed in, never the plugins themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from extender.policy.problem import Problem

PHASES = (
    "filter",
    "score",
    "reserve",
    "preBind",
    "preFilter",
    "postFilter",
    "permit",
    "bind",
    "postBind",
    "queueSort",
    "preScore",
)
"""Every phase that can be switched: the nine of the flat API in its order, then ours."""

MULTI_POINT = "multiPoint"

ONE_CHECK = frozenset({"Coscheduling", "CapacityScheduling", "QoS", "TenantQuota"})
"""Plugins whose preFilter and filter switches act on one and the same check."""
CHECK_PHASES = frozenset({"preFilter", "filter"})
ORDERED_BY_CHECK = frozenset({"QoS"})
"""Plugins whose check, once on, turns their order of the queue on too: the nine phases have no switch for it."""
QUEUE_SORT = "queueSort"
SHADOW_EVALUATES = frozenset({"preFilter", "filter", "score"})
"""A shadowed plugin is asked in these; in all other phases it does nothing: it promises, holds and evicts nothing."""

ArgsCheck = Callable[[dict[str, Any]], list[Problem]]


@dataclass(frozen=True, slots=True)
class PluginInfo:
    name: str
    doc: str
    maturity: str
    phases: tuple[str, ...]
    """Phases in which the plugin does any work."""
    args_schema: dict[str, Any]
    """JSON Schema (2020-12) of its args; `$ref`s point into the schema itself."""
    defaults: dict[str, Any]
    aliases: tuple[str, ...] = ()
    check: ArgsCheck | None = None
    """What the schema cannot say: args -> problems, their paths relative to the args."""
    members: tuple[str, ...] = ()
    """A family: the plugins that its name brings (families.py)."""

    def effective_phases(self) -> frozenset[str]:
        """The phases whose switches have an effect."""
        phases = frozenset(self.phases)
        return phases | CHECK_PHASES if self.name in ONE_CHECK and phases & CHECK_PHASES else phases


Catalogue = Mapping[str, PluginInfo]


def names_of(catalogue: Catalogue) -> dict[str, str]:
    """Every accepted spelling -> the plugin's own name."""
    names = {alias: info.name for info in catalogue.values() for alias in info.aliases}
    return names | {info.name: info.name for info in catalogue.values()}


def portable(catalogue: Catalogue) -> dict[str, PluginInfo]:
    """The catalogue without what cannot be sent to another process."""
    return {name: replace(info, check=None, doc="", defaults={}) for name, info in catalogue.items()}


def in_order(phases: Iterable[str]) -> list[str]:
    chosen = set(phases)
    return [phase for phase in PHASES if phase in chosen]
