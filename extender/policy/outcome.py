"""What became of the newest policy text."""

from __future__ import annotations

from dataclasses import dataclass

APPLIED = "Applied"
REFUSED = "Refused"
DELETED = "Deleted"
UNREADABLE = "Unreadable"
GUARDED = "Guarded"
"""It is in effect, without what its guards took out of it."""
ROLLED_BACK = "RolledBack"
"""Its guards took it back: the one before is in effect."""


@dataclass(frozen=True, slots=True)
class Outcome:
    reason: str
    """Applied, Guarded, Refused, Deleted, Unreadable or RolledBack."""
    message: str
    """For people: what happened, and which policy is in effect now."""
    desired_revision: str
    effective_revision: str
    """Empty: none, every plugin is off."""
    effective_hash: str

    @property
    def applied(self) -> bool:
        return self.reason in (APPLIED, GUARDED)
