"""A value that a test knows to be there."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def known(value: T | None) -> T:
    """The value itself. None fails the test here, where it appeared, and not at its first use."""
    assert value is not None
    return value
