"""How long a claim holds, and how often it is renewed. Names and defaults are those of Kubernetes' own programs."""

from __future__ import annotations

from dataclasses import dataclass

LEASE_LEAST_S, LEASE_MOST_S = 2, 600
JITTER = 1.2
"""Retries come up to so many times later than told, so that replicas do not knock together."""


@dataclass(frozen=True, slots=True)
class Durations:
    """Seconds."""

    lease_s: int = 15
    """A claim that was not renewed for so long may be another's."""
    renew_s: float = 10.0
    """A leader that could not renew for so long has stood down."""
    retry_s: float = 2.0

    def problems(self) -> list[str]:
        """What makes no sense together, each with what to do."""
        wrong = []
        if self.lease_s <= self.renew_s:
            wrong.append(
                f"--leader-elect-lease-duration ({self.lease_s} s) must be longer than --leader-elect-renew-deadline "
                f"({self.renew_s:g} s): the old leader stands down before the new one begins"
            )
        if self.renew_s <= JITTER * self.retry_s:
            wrong.append(
                f"--leader-elect-renew-deadline ({self.renew_s:g} s) must be longer than {JITTER} times "
                f"--leader-elect-retry-period ({self.retry_s:g} s): else one lost answer ends a term"
            )
        return wrong
