"""Who writes an object's status: the API server notes the name of every writer on the object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MANAGER = "trimtab"
"""Our name as a field manager."""


def is_anothers(found: Mapping[str, Any]) -> bool:
    """Whether somebody else writes the status of an object as the API server gave it."""
    entries = (found.get("metadata") or {}).get("managedFields") or ()
    return any("f:status" in (entry.get("fieldsV1") or {}) and entry.get("manager") != MANAGER for entry in entries)
