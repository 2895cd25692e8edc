"""Profiles, and the pods that run under them: a fold over the cluster's events.

What the nodes expose is kept per default profile and way of counting, for those that policies ask about.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from extender.framework import Object, Pod
from extender.plugins.sy_sched.exposure import Exposure
from extender.plugins.sy_sched.members import Members
from extender.plugins.sy_sched.profiles import Profiles

KIND = "SeccompProfile"

# Policies with more different arguments than this make each other wait; who asked longest ago is forgotten.
EXPOSURES_MAX = 8


class SyscallBook:
    def __init__(self) -> None:
        self.profiles = Profiles()
        self._by_name, self._exact = Members(exact=False), Members(exact=True)
        self._exposures: OrderedDict[tuple[str, bool], Exposure] = OrderedDict()

    def pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        for members in (self._by_name, self._exact):
            touched = members.changed(old, new)
            if not self._exposures:
                continue
            for exposure in self._exposures.values():
                if exposure.members is members:
                    exposure.refresh(touched)

    def object_changed(self, kind: str, key: str, old: Object | None, new: Object | None) -> None:  # noqa: ARG002
        if kind == KIND and self.profiles.put(key, new):
            for exposure in self._exposures.values():
                exposure.profile_changed(key)

    def exposure(self, default: str, *, exact: bool) -> Exposure:
        """What nodes expose where `default` (namespace/name) stands in for pods without a profile."""
        asked = (default, exact)
        found = self._exposures.pop(asked, None)
        if found is None:
            found = Exposure(self.profiles, self._exact if exact else self._by_name, default)
        self._exposures[asked] = found
        if len(self._exposures) > EXPOSURES_MAX:
            self._exposures.popitem(last=False)
        return found

    def forget_pods(self) -> None:
        """As if none had ever been seen."""
        self._by_name.clear()
        self._exact.clear()
        self._exposures.clear()

    @property
    def problems(self) -> Mapping[str, str]:
        """namespace/name of each profile that counts as missing -> why."""
        return self.profiles.problems
