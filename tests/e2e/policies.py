"""The policy documents that the e2e tests put into effect."""

from __future__ import annotations

from typing import Any

OUTWEIGHING = 10_000
"""One point of a Trimtab score then weighs more than all in-tree scores of a node together: kube-scheduler multiplies
ours by 10, and its own sum up to 100 x 120 with the weights of scheduler-config/."""


def policy(*profiles: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "policy.trimtab.dev/v1alpha1", "kind": "SchedulingPolicy", "profiles": list(profiles)}


NOTHING = policy({"schedulerName": "*"})
"""Every plugin off."""


def by_size(mode: str) -> dict[str, Any]:
    """The node with the least, or most, allocatable cpu wins, whatever else is true."""
    return policy(
        {
            "schedulerName": "*",
            "plugins": {"score": {"enabled": [{"name": "NodeResourcesAllocatable", "weight": OUTWEIGHING}]}},
            "pluginConfig": [
                {
                    "name": "NodeResourcesAllocatable",
                    "args": {"mode": mode, "resources": [{"name": "cpu", "weight": 1}]},
                }
            ],
        }
    )


def queue_order(scheduler_name: str) -> dict[str, Any]:
    """Pods of that scheduler go by priority, QoS class and time."""
    return policy({"schedulerName": scheduler_name, "plugins": {"queueSort": {"enabled": [{"name": "QoS"}]}}})


QUOTAS = policy({"schedulerName": "*", "plugins": {"multiPoint": {"enabled": [{"name": "CapacityScheduling"}]}}})

TOLERATION = policy({"schedulerName": "*", "plugins": {"postFilter": {"enabled": [{"name": "PreemptionToleration"}]}}})

GANGS = policy({"schedulerName": "*", "plugins": {"multiPoint": {"enabled": [{"name": "Coscheduling"}]}}})
"""Pods of one PodGroup are placed together or not at all."""
