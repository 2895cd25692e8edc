"""A pod on a node, and when that began."""

from __future__ import annotations

from dataclasses import dataclass

from extender.model.pod import Pod


@dataclass(frozen=True, slots=True)
class Assignment:
    """A pod seen to be assigned to a node."""

    sequence: int
    uid: str
    row: int
    at_s: int
    pod: Pod
    removed: bool = False
    """True: this entry takes an earlier one of the same uid back."""
