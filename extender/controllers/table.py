"""Every controller, listed by hand."""

from __future__ import annotations

from collections.abc import Callable

from extender.controllers.controller import Controller, Surroundings


def controllers(around: Surroundings) -> list[Controller]:
    """Those that a cluster with an API server gets."""
    kinds: tuple[Callable[[Surroundings], Controller], ...] = ()
    return [kind(around) for kind in kinds]
