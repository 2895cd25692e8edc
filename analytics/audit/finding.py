"""What a rule found."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2s

SEVERITIES = ("critical", "high", "medium", "low")
"""The worst first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Says the same, key included, whenever the same events are read again."""

    rule: str
    title: str
    severity: str
    at_us: int
    user: str
    object: str
    """As AuditEvent.object."""
    description: str
    event_ids: tuple[str, ...]
    """auditIDs, the oldest first; of a burst the last ones."""
    attack: tuple[str, ...] = ()
    """Techniques of MITRE ATT&CK and of Microsoft's matrix."""
    fix: str = ""
    case: str = ""
    """Which of the rule's cases."""
    key: str = ""


def key_of(rule: str, *parts: str) -> str:
    """The same 16 hexadecimal digits for the same parts; for `Finding.key`."""
    return blake2s("\0".join((rule, *parts)).encode(errors="replace"), digest_size=8).hexdigest()
