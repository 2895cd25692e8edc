"""Who asks for a change, and by which way."""

from __future__ import annotations

from typing import Literal

import msgspec

Via = Literal["api", "cli", "web", "direct"]


class Actor(msgspec.Struct, frozen=True):
    name: str
    groups: tuple[str, ...] = ()
    via: Via = "api"
    request_id: str = ""
    """As in the answer to the request, so that a person can find its audit record."""
    address: str = ""
    """Where the request came from."""


class Change(msgspec.Struct, frozen=True):
    """Who made the policy what it is, as its ConfigMap's annotation tells it."""

    who: str
    via: str
    reason: str
    at: str
    """RFC 3339 UTC; empty: unknown."""
    hash: str = ""
    """content_hash of the text it made; the annotation says nothing about another text."""
