"""Who calls, and what they may."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from extender.control.actor import Actor


class Right(Enum):
    """What a call needs. The value is how roles are named to people."""

    NOTHING = "none"
    VIEW = "viewer"
    CHANGE = "operator"
    RESTART = "admin"
    RESTORE = "restore"
    """Both of the two before."""
    TENANTS = "tenant-admin"
    """Registering, changing and removing tenants (R-105)."""


Ask = Callable[[Right], Awaitable[str]]
"""Empty: allowed. Else the permission that is missing, in words."""


@dataclass(frozen=True, slots=True)
class Caller:
    actor: Actor
    known: bool
    """False: came without credentials where some are needed."""
    ask: Ask


class NotAccepted(Exception):
    """The credentials are no good. The text says what to do, and never holds them."""


class Access(Protocol):
    """One of the ways of `--auth`."""

    kind: str

    async def caller(self, token: str | None, came: Actor) -> Caller:
        """`token`: of the Authorization header, None without one. `came`: the way and place, still nameless.

        Raises NotAccepted, or Unreachable.
        """
        ...


async def role_of(caller: Caller) -> str:
    """The highest role whose right the caller has; `none` without any."""
    held = "none"
    for right in (Right.VIEW, Right.CHANGE, Right.RESTART):
        if await caller.ask(right):
            break
        held = right.value
    return held
