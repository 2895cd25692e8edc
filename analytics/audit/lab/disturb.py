"""What becomes of a log on its way: late, twice, cut, and wrapped by a managed cloud."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import orjson

from analytics.audit.lab.maker import Event

ENVELOPES: dict[str, Callable[[Event], Event]] = {
    "none": lambda event: event,
    "aks": lambda event: {
        "category": "kube-audit",
        "operationName": "Microsoft.ContainerService/managedClusters/diagnosticLogs/Read",
        "properties": {"log": orjson.dumps(event).decode(), "stream": "stdout"},
        "time": event["stageTimestamp"],
    },
    "eks": lambda event: {
        "messageType": "DATA_MESSAGE",
        "logGroup": "/aws/eks/example/cluster",
        "logEvents": [{"id": event["auditID"], "timestamp": 0, "message": orjson.dumps(event).decode()}],
    },
    "docker": lambda event: {
        "log": orjson.dumps(event).decode() + "\n",
        "stream": "stdout",
        "time": event["stageTimestamp"],
    },
    "list": lambda event: {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [event]},
}


def disturbed(events: Sequence[Event], seed: int, *, places: int = 0, twice: float = 0.0) -> Iterator[Event]:
    """Each event up to so many places away from where it stood, and some of them twice."""
    chance = random.Random(seed)  # noqa: S311 - seeded, not secret
    keyed = [(number + chance.uniform(0, places), event) for number, event in enumerate(events)]
    keyed += [(at + chance.uniform(0, places), event) for at, event in keyed if chance.random() < twice]
    keyed.sort(key=lambda one: one[0])
    return (event for _, event in keyed)
