"""The requests of extender/v1, decoded, and the one thing that can be wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.model.pod import Pod


class BadRequest(Exception):
    """The caller must change the body. The text says what is wrong and where; it holds nothing of the body's values."""


@dataclass(frozen=True, slots=True)
class ObjectSpans:
    """Node objects as offsets in the body they came in: a comma stands between two of them, and nothing else."""

    body: memoryview
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, index: int) -> memoryview:
        return self.body[self.starts[index] : self.ends[index]]

    def __iter__(self) -> Iterator[memoryview]:
        return (self[index] for index in range(len(self)))

    def runs(self, chosen: Sequence[int]) -> list[memoryview]:
        """The chosen objects, in rising order, with the commas between them: neighbours together, as they stand. Each
        run but the first begins with the comma before it."""
        if not chosen:
            return []
        places = np.asarray(chosen)
        gaps = np.flatnonzero(np.diff(places) != 1)
        starts = self.starts[places[np.concatenate(([0], gaps + 1))]]
        starts[1:] -= 1
        ends = self.ends[places[np.concatenate((gaps, [len(places) - 1]))]]
        return [self.body[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


@dataclass(slots=True)
class CandidateRequest:
    """ExtenderArgs: what filter and prioritize receive. Every candidate node stands in it once."""

    pod: Pod
    names: Sequence[str]
    """In the order sent; a name sent twice is kept at its first place."""
    rows: NDArray[np.int32]
    """The node-table row of each name, -1 for a node that the table does not know."""
    items: Sequence[msgspec.Raw] | ObjectSpans | None = None
    """The Node objects as they came, one per name, when the caller sends objects and not names."""
    ticket: int = 0
    """Not 0: the compiled reader took it, so every name is known; the names stand in its buffer until it reads on."""
    pod_text: bytes = b""
    """With a ticket: the pod as it was written."""

    @property
    def unknown(self) -> int:
        """Names that the node table does not know."""
        return 0 if self.ticket else int(np.count_nonzero(self.rows < 0))


POD_HEAD = b'{"Pod":'
"""How every compact body begins."""


@dataclass(frozen=True, slots=True)
class Foretold:
    """A prioritize call that has not come yet."""

    request: CandidateRequest
    tail: bytes
    """Its body behind the pod."""

    def is_body(self, body: bytes | bytearray) -> bool:
        """Whether this is, byte for byte, the call that was expected."""
        pod = self.request.pod_text
        return (
            len(body) == len(POD_HEAD) + len(pod) + len(self.tail)
            and body.startswith(POD_HEAD)
            and body.startswith(pod, len(POD_HEAD))
            and body.endswith(self.tail)
        )


@dataclass(frozen=True, slots=True)
class MetaVictims:
    """Pods whose eviction the scheduler proposes on one node, most important first."""

    uids: tuple[str, ...]
    pdb_violations: int = 0


@dataclass(frozen=True, slots=True)
class PreemptRequest:
    """ExtenderPreemptionArgs, in either of its two forms."""

    pod: Pod
    nodes: Mapping[str, MetaVictims]


class BindRequest(msgspec.Struct, frozen=True, gc=False):
    """ExtenderBindingArgs. No field is empty."""

    name: str = msgspec.field(name="PodName")
    namespace: str = msgspec.field(name="PodNamespace")
    uid: str = msgspec.field(name="PodUID")
    node: str = msgspec.field(name="Node")
