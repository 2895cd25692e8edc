"""A policy that may take effect, and what it comes to per profile and plugin."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from extender.policy.document import API_VERSION, EVERY_SCHEDULER, KIND, SchedulingPolicy
from extender.policy.modes import Canary

HASH_CHARS = 16


@dataclass(frozen=True, slots=True)
class ResolvedPlugin:
    name: str
    phases: frozenset[str]
    """Phases that are on and in which the plugin does work: those that are enforced."""
    weight: int
    args: Mapping[str, Any]
    """As written; the plugin's own defaults are not filled in."""
    deadline_ms: float | None = None
    on_failure: Literal["open", "closed"] = "open"
    canary: Canary | None = None
    """Whose pods it counts for; None: all."""
    from_s: float | None = None
    """Unix seconds from which on it counts; None: from the beginning."""
    until_s: float | None = None
    """Unix seconds from which on it counts no longer; None: for good."""
    shadow: frozenset[str] = frozenset()
    """Phases that are on for show; then there are no others."""

    @property
    def mode(self) -> Literal["enforce", "shadow"]:
        return "shadow" if self.shadow else "enforce"


@dataclass(frozen=True, slots=True)
class ResolvedProfile:
    scheduler_name: str
    """`*`: every scheduler that no other profile names."""
    plugins: tuple[ResolvedPlugin, ...]
    """In the order in which they run. A plugin whose entries differ in canary, time, deadline or onFailure stands there
    once for each, with disjoint phases."""


@dataclass(frozen=True, slots=True)
class ParsedPolicy:
    document: SchedulingPolicy
    hash: str
    """Of the document's content, however it was laid out; hex digits."""
    warnings: tuple[str, ...]
    profiles: tuple[ResolvedProfile, ...]
    scale: str
    """wide or strict."""
    form: Literal["document", "flat"] = "document"
    """How it was written; `document` is what it became."""

    def profile_of(self, scheduler_name: str) -> ResolvedProfile | None:
        """The profile that governs pods of this scheduler, if any."""
        by_name = {profile.scheduler_name: profile for profile in self.profiles}
        return by_name.get(scheduler_name) or by_name.get(EVERY_SCHEDULER)


def hash_of(document: SchedulingPolicy) -> str:
    canonical = msgspec.json.encode(document, order="sorted")
    return hashlib.sha256(canonical).hexdigest()[:HASH_CHARS]


def empty_policy() -> ParsedPolicy:
    """Every plugin off."""
    document = SchedulingPolicy(api_version=API_VERSION, kind=KIND)
    return ParsedPolicy(document, hash_of(document), (), (), document.scoring.scale)
