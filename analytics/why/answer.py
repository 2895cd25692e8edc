"""What is answered about a pod: the cause as the judges find it, and the same in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

Lasting = Literal["waits", "never", "moving", "done", "unknown"]
"""waits: it ends by itself, or when room comes free. never: nothing ends it but a change of the pod or the cluster.
moving: it is on its way. done: scheduling is over. unknown: nobody can say."""
Basis = Literal["observed", "inferred"]
"""observed: somebody (API server, scheduler, extender) said so. inferred: the sidecar judged it itself."""
Values = Mapping[str, str | int]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One line, before it is put in words."""

    key: str
    values: Values = field(default_factory=dict)
    basis: Basis = "observed"
    source: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a judge found: the key of a cause and the values of its sentence."""

    cause: str
    values: Values = field(default_factory=dict)
    lines: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """Nodes that have the same trouble with the pod, before it is put in words."""

    key: str
    """Of its words; "told": `values["reason"]` is somebody's own text."""
    values: Values
    plugin: str
    nodes: tuple[str, ...]
    count: int
    basis: Basis
    fit: str = ""
    """Key of what would make them fit."""
    fit_values: Values = field(default_factory=dict)


class Line(Struct, frozen=True):
    text: str
    basis: Basis
    source: str


class NodeGroup(Struct, frozen=True):
    reason: str
    plugin: str
    """Who rejects these nodes: a plugin of ours, or of kube-scheduler."""
    nodes: tuple[str, ...]
    """Some of them; `count` is complete."""
    count: int
    would_fit_if: str
    basis: Basis


class Advice(Struct, frozen=True):
    text: str
    command: str = ""
    """A command line or a setting; empty where there is none."""


class Answer(Struct, frozen=True):
    """One root cause, and what it stands on."""

    cause: str
    """Stable key, see docs/tools/why.md."""
    title: str
    sentence: str
    lasting: Lasting
    label: str
    """`lasting` in words."""
    lines: tuple[Line, ...]
    groups: tuple[NodeGroup, ...]
    advice: tuple[Advice, ...]
