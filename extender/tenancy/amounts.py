"""How much of each resource: exact integers, and the words for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from msgspec import Struct

NAMES = ("cpu", "memory", "storage", "gpu", "pods")
EPHEMERAL_STORAGE = "ephemeral-storage"
STORAGE = (EPHEMERAL_STORAGE,)
GPUS = ("nvidia.com/gpu", "amd.com/gpu")
"""Resources of pods that a tenant's storage and GPUs are made of, unless the policy says others."""

_BINARY = (("Ei", 2**60), ("Pi", 2**50), ("Ti", 2**40), ("Gi", 2**30), ("Mi", 2**20), ("Ki", 2**10))
_MILLI = 1000


class Amounts(Struct, frozen=True, gc=False):
    """CPU in millicores, memory and storage in bytes, GPUs and pods in units."""

    cpu: int = 0
    memory: int = 0
    storage: int = 0
    gpu: int = 0
    pods: int = 0

    def plus(self, other: Amounts, sign: int = 1) -> Amounts:
        """self + sign x other."""
        return Amounts(*(mine + sign * theirs for mine, theirs in zip(self.values(), other.values(), strict=True)))

    def values(self) -> tuple[int, ...]:
        """In the order of NAMES."""
        return self.cpu, self.memory, self.storage, self.gpu, self.pods

    def items(self) -> Iterator[tuple[str, int]]:
        return zip(NAMES, self.values(), strict=True)


class Held(Protocol):
    """What pods ask for together, as the scheduler counts it."""

    cpu_milli: int
    memory_bytes: int
    ephemeral_bytes: int
    pods: int
    scalars: dict[str, int]


def counted(held: Held, storage: Iterable[str] = STORAGE, gpus: Iterable[str] = GPUS) -> Amounts:
    """As a tenant's quota counts it. `storage`, `gpus`: the resources that each is the sum of."""
    return Amounts(
        cpu=held.cpu_milli,
        memory=held.memory_bytes,
        storage=sum(
            held.ephemeral_bytes if name == EPHEMERAL_STORAGE else held.scalars.get(name, 0) for name in storage
        ),
        gpu=sum(held.scalars.get(name, 0) for name in gpus),
        pods=held.pods,
    )


def told(resource: str, amount: int) -> str:
    """As a Kubernetes quantity that people read: 9, 4500m, 20Gi."""
    if resource == "cpu":
        return str(amount // _MILLI) if amount % _MILLI == 0 else f"{amount}m"
    if resource in ("memory", "storage") and amount:
        unit, size = next(((unit, size) for unit, size in _BINARY if amount % size == 0), ("", 1))
        return f"{amount // size}{unit}"
    return str(amount)


def told_all(amounts: Iterable[tuple[str, int]]) -> dict[str, str | int]:
    """(name, amount) pairs as R-117 shows them: texts, and a number for pods."""
    return {name: amount if name == "pods" else told(name, amount) for name, amount in amounts}
