"""A pod on a node, and when that began."""

from __future__ import annotations

from msgspec import Struct

from extender.model.pod import Pod


class Assignment(Struct, frozen=True, gc=False):
    """A pod seen to be assigned to a node."""

    sequence: int
    uid: str
    row: int
    at_s: int
    pod: Pod
    removed: bool = False
    """True: this entry takes an earlier one of the same uid back."""
