"""A small engine with fixed opinions, and the recorded calls that are put to it."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from extender.engine.verdicts import BindVerdict, FilterVerdict, PreemptVerdict, ScoreVerdict, Victims
from extender.framework.declaration import Rejection
from extender.model.columns import NodeTable
from extender.model.pod import Pod
from extender.model.verdict import Code
from extender.server.answer import Answer
from extender.server.verbs import Verbs

WIRE = Path(__file__).parent / "wire"

REJECTIONS = [
    Rejection("no free slot", Code.UNSCHEDULABLE, cured_in_tree=True),
    Rejection('driver "slot" <missing> & gone\n', Code.UNRESOLVABLE),
]


def checksum(name: str) -> int:
    return zlib.crc32(name.encode())


class StandInEngine:
    """Verdicts out of a checksum of each name: every sort of answer, the same each time."""

    def __init__(self) -> None:
        self.pods: list[Pod] = []
        self.bound: list[tuple[str, str, str, str]] = []

    def decide(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> FilterVerdict:
        assert len(rows) == len(names)
        self.pods.append(pod)
        return FilterVerdict(np.array([self.code(name) for name in names], np.int16), list(REJECTIONS))

    def prioritize(self, pod: Pod, names: Sequence[str], rows: NDArray[np.int32], now_s: float) -> ScoreVerdict:
        assert len(rows) == len(names)
        self.pods.append(pod)
        return ScoreVerdict(np.array([self.score(name) for name in names], np.int64))

    def preempt(self, pod: Pod, nodes: Mapping[str, Victims], now_s: float) -> PreemptVerdict:
        self.pods.append(pod)
        return PreemptVerdict({node: victims for node, victims in nodes.items() if self.code(node) == 0})

    def moment(self) -> tuple[object, ...]:
        return ()

    async def bind(
        self, namespace: str, name: str, uid: str, node: str, deadline_s: float, *_left: object
    ) -> BindVerdict:
        self.bound.append((namespace, name, uid, node))
        return BindVerdict()

    @staticmethod
    def code(name: str) -> int:
        return (0, 0, 0, 1, 2)[checksum(name) % 5]

    @staticmethod
    def score(name: str) -> int:
        return (checksum(name) - 2**31) * 2**32


def a_table(names: Sequence[str]) -> NodeTable:
    nodes = NodeTable()
    for name in names:
        nodes.add(name)
    return nodes


def a_call(verbs: Verbs, verb: str, body: bytes) -> Answer:
    """Any of the four, run to its end."""
    if verb != "bind":
        return verbs.call(verb, body)
    binding = verbs.bind(body)
    try:
        binding.send(None)
    except StopIteration as ended:
        answer: Answer = ended.value
        return answer
    raise AssertionError("the stand-in engine does not wait")


@dataclass(frozen=True)
class Recorded:
    version: str
    mode: str
    case: str
    verb: str
    path: Path

    @property
    def body(self) -> bytes:
        return _unpacked(self.path)

    @property
    def answer(self) -> bytes:
        """What the recording stub answered, and the scheduler accepted."""
        plain = self.path.with_name(self.path.name.removesuffix(".gz").replace(".request.", ".response."))
        return _unpacked(plain if plain.exists() else plain.with_name(plain.name + ".gz"))

    def __str__(self) -> str:
        return f"{self.version}-{self.mode}-{self.case}-{self.verb}"


def recorded(wanted: Callable[[Recorded], bool] = lambda _call: True) -> list[Recorded]:
    return [call for call in _all() if wanted(call)]


def _all() -> Iterator[Recorded]:
    for path in sorted(WIRE.glob("*/*/*.request.json*")):
        case, verb, _rest = path.name.split(".", 2)
        yield Recorded(path.parts[-3], path.parts[-2], case, verb, path)


def _unpacked(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
