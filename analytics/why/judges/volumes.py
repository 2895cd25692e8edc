"""PersistentVolumeClaims, and what kube-scheduler says of volumes and devices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from analytics.why.answer import Found
from analytics.why.facts import Facts

_TOLD: Final = (
    ("volume node affinity conflict", "volume.zone"),
    ("available volume zone", "volume.zone"),
    ("max volume count", "volume.limit"),
    ("readwriteoncepod", "volume.in_use"),
    ("persistent volumes to bind", "volume.none"),
    ("storageclass", "volume.class"),
    ("enough free storage", "volume.full"),
    ("resourceclaim", "device.claim"),
    ("cannot allocate all claims", "device.none"),
)
_SELECTED: Final = "volume.kubernetes.io/selected-node"


def claims(facts: Facts) -> Found | None:
    """A claim that is not there, is lost or leaves holds the pod up whatever the nodes are like."""
    if not facts.waits or not facts.detail.claims or facts.claims is None:
        return None
    for name in facts.detail.claims:
        values: dict[str, str | int] = {"pod": facts.key, "claim": name}
        claim = facts.claims.get(f"{facts.namespace}/{name}")
        if claim is None:
            return Found("claim.missing", values)
        metadata, status = _part(claim, "metadata"), _part(claim, "status")
        if metadata.get("deletionTimestamp"):
            return Found("claim.deleting", values)
        if status.get("phase") == "Lost":
            return Found("claim.lost", {**values, "volume": str(_part(claim, "spec").get("volumeName") or "-")})
        if status.get("phase") == "Pending":
            found = _pending(facts, claim, values)
            if found is not None:
                return found
    return None


def _pending(facts: Facts, claim: Mapping[str, Any], values: dict[str, str | int]) -> Found | None:
    """Waiting for its first consumer is the ordinary way, and no trouble."""
    storage = _part(claim, "spec").get("storageClassName")
    values = {**values, "class": str(storage) if storage else "-"}
    annotations = _part(_part(claim, "metadata"), "annotations")
    if annotations.get(_SELECTED):
        return Found("claim.provisioning", {**values, "node": str(annotations[_SELECTED])})
    if facts.message.says("unbound immediate"):
        return Found("claim.unbound", values)
    return None


def told(facts: Facts) -> Found | None:
    if not facts.waits:
        return None
    for part, cause in _TOLD:
        reason = facts.message.says(part)
        if reason is not None:
            return Found(cause, {"pod": facts.key, "reason": reason.text, "count": reason.nodes or facts.message.nodes})
    reason = facts.message.says("persistentvolumeclaim")
    if reason is None:
        return None
    values: dict[str, str | int] = {
        "pod": facts.key,
        "claim": ", ".join(facts.detail.claims) or reason.text,
        "class": "-",
    }
    return Found("claim.unbound" if "unbound" in reason.text else "claim.missing", values)


def _part(tree: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = tree.get(name)
    return part if isinstance(part, Mapping) else {}
