"""What each PriorityClass tolerates, by name, kept up with its changes."""

from __future__ import annotations

from collections.abc import Mapping

from extender.framework import Object, Pod
from extender.plugins.preemption_toleration.policy import PolicyError, Toleration, toleration_of

KIND = "PriorityClass"


class TolerationBook:
    def __init__(self) -> None:
        self._known: dict[str, Toleration | None] = {}
        self._problems: dict[str, str] = {}

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pass

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:  # noqa: ARG002
        if kind != KIND:
            return
        self._known.pop(key, None)
        self._problems.pop(key, None)
        if new is None:
            return
        try:
            self._known[key] = toleration_of(new)
        except PolicyError as wrong:
            self._known[key] = None
            self._problems[key] = f"its pods are not protected: {wrong}"

    def knows(self, name: str) -> bool:
        """Whether there is a class of that name."""
        return name in self._known

    def toleration(self, name: str) -> Toleration | None:
        """None if the class says nothing that can be read."""
        return self._known.get(name)

    @property
    def problems(self) -> Mapping[str, str]:
        """Name of each class whose annotations do not parse -> why."""
        return self._problems
