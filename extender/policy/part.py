"""What every mapping of the policy document is."""

from __future__ import annotations

from typing import ClassVar

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, rename="camel"):
    noun: ClassVar[str] = "field"
    """What a key of this mapping is, for people."""
