"""Every controller, listed by hand."""

from __future__ import annotations

from collections.abc import Callable

from extender.controllers.controller import Controller, Surroundings
from extender.controllers.rescheduling import Rescheduling


def controllers(around: Surroundings) -> list[Controller]:
    """Those that a cluster with an API server gets."""
    kinds: tuple[Callable[[Surroundings], Controller], ...] = (Rescheduling,)
    return [kind(around) for kind in kinds]
