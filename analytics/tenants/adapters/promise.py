"""What a promise is, and reading the parts that all kinds have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from extender.quantity import milli, value

Amount = Mapping[str, int]
"""By the names of a tenant's resources (cpu in millicores, memory and storage in bytes, gpu and pods in units), only
those that are written down."""
TREE_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Promise:
    kind: str
    """ResourceQuota, ElasticQuota, ClusterQueue or Capsule."""
    name: str
    """namespace/name, or a name alone."""
    namespaces: tuple[str, ...]
    guaranteed: Amount = field(default_factory=dict)
    """What the system keeps for them."""
    limit: Amount = field(default_factory=dict)
    """The most that it lets them have together."""
    cohort: str = ""
    """Whom they borrow from and lend to."""
    lends: Amount = field(default_factory=dict)
    """At most so much of what is guaranteed to them may others use, while they do not; a resource that is absent: all
    of it."""
    only: str = ""
    """It counts some pods only, or another object stands for it: shown, and compared with nothing."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An object, or a part of one, that cannot be used."""

    kind: str
    name: str
    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: {self.path}: {self.message}"


class BadObject(ValueError):
    """The text says what is wrong, `path` where."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


Names = Mapping[str, Sequence[Sequence[str]]]
"""A tenant's resource -> what it is the sum of; of several names for one thing the smallest amount counts."""

PODS: Final[Names] = {
    "cpu": (("cpu",),),
    "memory": (("memory",),),
    "storage": (("ephemeral-storage",),),
    "gpu": (("nvidia.com/gpu",), ("amd.com/gpu",)),
    "pods": (("pods",),),
}
"""Resources as pods request them. A GPU of a make that is not written down is not counted."""
HARD: Final[Names] = {
    "cpu": (("cpu", "requests.cpu"),),
    "memory": (("memory", "requests.memory"),),
    "storage": (("ephemeral-storage", "requests.ephemeral-storage"),),
    "gpu": (("requests.nvidia.com/gpu",), ("requests.amd.com/gpu",)),
    "pods": (("pods", "count/pods"),),
}
"""Resources as a ResourceQuota names them. Its limits (limits.cpu) and claims are no requests."""


def mapping(tree: object, path: str) -> Mapping[str, Any]:
    """An absent one is empty. Raises BadObject."""
    if tree is None:
        return {}
    if not isinstance(tree, Mapping):
        raise BadObject(path, f"want an object, not {shown(tree)}")
    return tree


def sequence(tree: object, path: str) -> Sequence[Any]:
    """An absent one is empty. Raises BadObject."""
    if tree is None:
        return ()
    if not isinstance(tree, list | tuple):
        raise BadObject(path, f"want a list, not {shown(tree)}")
    return tree


def text(tree: object, path: str) -> str:
    """An absent one is empty. Raises BadObject."""
    if tree is None:
        return ""
    if not isinstance(tree, str):
        raise BadObject(path, f"want a text, not {shown(tree)}")
    return tree


def quantity(resource: str, tree: object, path: str) -> int:
    """In the unit of a tenant's resource; beyond int64 it is the largest int64. Raises BadObject."""
    if not isinstance(tree, str | int | float) or isinstance(tree, bool):
        raise BadObject(path, f"want a quantity, such as 2 or 4Gi, not {shown(tree)}")
    try:
        amount = milli(tree) if resource == "cpu" else value(tree)
    except ValueError as wrong:  # no quantity, or a number with more digits than Python writes
        raise BadObject(path, str(wrong)) from None
    if amount < 0:
        raise BadObject(path, f"{tree} is negative")
    return amount


def amounts(tree: object, path: str, names: Names) -> dict[str, int]:
    """A mapping of quantities -> a tenant's amounts; resources that no tenant has are left out. Raises BadObject."""
    listed = mapping(tree, path)
    found: dict[str, int] = {}
    for resource, parts in names.items():
        for aliases in parts:
            written = [quantity(resource, listed[name], f"{path}.{name}") for name in aliases if name in listed]
            if written:
                found[resource] = found.get(resource, 0) + min(written)
    return found


def smallest(limits: Sequence[Amount]) -> dict[str, int]:
    """What all of several limits leave."""
    found: dict[str, int] = {}
    for one in limits:
        for resource, amount in one.items():
            found[resource] = min(amount, found.get(resource, amount))
    return found


def shown(tree: object) -> str:
    """For a message: short, whatever it is."""
    return f"{type(tree).__name__} {str(tree)[:TREE_SHOWN]!r}"
