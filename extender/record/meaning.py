"""What the plugins' reasons mean to people who run applications and do not know the plugins.

The reasons themselves stay upstream's, word for word; a meaning is told beside them, never instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Meaning:
    """One reason in plain words."""

    key: str
    """Names the meaning for whoever translates it."""
    waits_for: str
    """gang, quota, tenant, reservation or order: what ends the wait by itself."""
    words: str
    """Goes on after `Waits for ...: `."""


_LENT: Final = Meaning(
    "lent", "quota", "all that the quotas guarantee together is in use, so that nothing is left to borrow"
)
_MAX: Final = Meaning("max", "quota", "its namespace has used its quota up to the maximum")
_GROUP_KEPT: Final = Meaning("kept", "reservation", "the room is kept for a group of pods that starts together")
MEANINGS: Final[tuple[tuple[str, str, Meaning], ...]] = (
    ("Coscheduling", "cannot find enough sibling pods", Meaning("few", "gang", "fewer pods of it exist than it needs")),
    ("Coscheduling", "due to gated pods", Meaning("gated", "gang", "some of its pods are held back by a gate")),
    ("Coscheduling", "resource gap", Meaning("gap", "gang", "there is not enough room for all of it")),
    ("Coscheduling", "failed recently", Meaning("failed", "gang", "it found no room and is tried again soon")),
    (
        "Coscheduling",
        "PodGroup not found",
        Meaning("nogroup", "gang", "there is no PodGroup of its name"),
    ),
    ("Coscheduling", "another node is planned", Meaning("planned", "gang", "its place is planned on another node")),
    ("Coscheduling", "reserved for a pod group", _GROUP_KEPT),
    ("CapacityScheduling", "ElasticQuota used is more than min", _LENT),
    ("CapacityScheduling", "is more than max", _MAX),
    ("TenantQuota", "over", Meaning("tenant", "tenant", "its tenant may use no more")),
    ("QoS", "higher QoS class is waiting", Meaning("order", "order", "a pod of a higher QoS class goes first")),
)


def meaning(plugin: str, reason: str) -> Meaning | None:
    """What the plugin's reason (its label, or the sentence about one pod) means; None: nobody has put it in words."""
    said = reason.lower()
    return next((told for name, part, told in MEANINGS if name == plugin and part.lower() in said), None)
