"""Something that is wrong, or will be."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    rule: str
    severity: str
    """critical, warning or info."""
    tenant: str
    """Empty: of the whole cluster."""
    message: str
