"""How much of each resource: exact integers, and the words for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

NAMES = ("cpu", "memory", "storage", "gpu", "pods")

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
