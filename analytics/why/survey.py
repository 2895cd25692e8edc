"""Every node as one kind of pod sees it, judged once for all pods that are alike."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any, Final

from analytics.why.fit import Place
from extender.model.resources import Resources

SURVEYS_MOST: Final = 16
"""So many are kept at once: each has a value for every node of the cluster."""


class Survey:
    """Places in the order of their nodes' names. Pods with the same placement and requests share one."""

    def __init__(self, places: Sequence[Place], asked: Resources) -> None:
        self.places = places
        self.asked = asked

    @cached_property
    def reachable(self) -> Sequence[Place]:
        """Places where the pod could stand one day: labels, taints and size are right."""
        return [place for place in self.places if not place.never]

    @cached_property
    def open(self) -> Sequence[Place]:
        """Places that take pods now, if there is room."""
        return [place for place in self.places if place.open]

    @cached_property
    def fitting(self) -> Sequence[Place]:
        return [place for place in self.places if place.fits]

    @cached_property
    def nearest(self) -> Place | None:
        """The open place that lacks least, measured by the largest share of what is asked for."""
        lacking = [place for place in self.open if place.short]
        return min(lacking, key=lambda place: (self.lack(place), place.node.name), default=None)

    def lack(self, place: Place) -> float:
        """The largest share of what is asked for that is missing there."""
        return max((missing / max(1, self.of(name)) for name, missing in place.short.items()), default=0.0)

    def of(self, resource: str) -> int:
        """What is asked for: millicores, bytes or units."""
        match resource:
            case "cpu":
                return self.asked.cpu_milli
            case "memory":
                return self.asked.memory_bytes
            case "ephemeral-storage":
                return self.asked.ephemeral_bytes
            case "pods":
                return 1
        return self.asked.scalars.get(resource, 0)


class Shared:
    """What pods of one view have in common: surveys, the newest few; and findings, all of them."""

    def __init__(self) -> None:
        self._surveys: OrderedDict[Hashable, Survey] = OrderedDict()
        self.findings: dict[Hashable, Any] = {}

    def survey(self, key: Hashable, made: Callable[[], Survey]) -> Survey:
        found = self._surveys.get(key)
        if found is None:
            found = self._surveys[key] = made()
            if len(self._surveys) > SURVEYS_MOST:
                self._surveys.popitem(last=False)
        self._surveys.move_to_end(key)
        return found

    def once(self, key: Hashable, made: Callable[[], Any]) -> Any:
        if key not in self.findings:
            self.findings[key] = made()
        return self.findings[key]
