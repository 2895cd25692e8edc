"""Scheduling gates: no scheduler tries the pod before they are taken off."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

from analytics.why.answer import Evidence, Found
from analytics.why.facts import Facts

KNOWN: Final = {
    "trimtab.dev/qos-order": "gate.qos",
    "trimtab.dev/app-order": "gate.app",
    "kueue.x-k8s.io/admission": "gate.kueue",
    "kueue.x-k8s.io/topology": "gate.kueue",
}


def gated(facts: Facts) -> Found | None:
    pod = facts.pod
    if pod is None or not facts.waits or not pod.gates:
        return None
    # A gate of somebody else holds the pod longer than ours, which go by themselves.
    gate = next((one for one in pod.gates if one not in KNOWN), pod.gates[0])
    ahead = bisect_left(facts.shared.once(("gate", gate), lambda: _created(facts, gate)), pod.created_at_s)
    values: dict[str, str | int] = {"pod": facts.key, "gate": gate, "gates": ", ".join(pod.gates), "ahead": ahead}
    return Found(KNOWN.get(gate, "gate.other"), values, (Evidence("gates", values, source="spec.schedulingGates"),))


def _created(facts: Facts, gate: str) -> list[int]:
    """When the pods behind this gate were made, the oldest first."""
    return [pod.created_at_s for pod in facts.view.pending if gate in pod.gates]
