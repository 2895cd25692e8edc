"""How often plugins in shadow were asked and differed, by namespace: kept for a few seconds, then one frame each."""

from __future__ import annotations

from collections.abc import Callable

from extender.engine.call import Call
from extender.engine.shadow import Difference
from extender.record.costs import bucket_of
from extender.record.frames import Frame, ShadowTally

EVERY_S = 5.0
TALLIES_MAX = 5000
"""Between two flushes; further namespaces are counted together."""


class Tallies:
    def __init__(self, offer: Callable[[Frame], None], clock: Callable[[], float]) -> None:
        self._offer = offer
        self._clock = clock
        self._since_s = clock()
        self._found: dict[tuple[str, str, str, str], ShadowTally] = {}

    def count(self, call: Call, plugin: str, found: Difference) -> None:
        tally = self._of(call, plugin)
        tally.seen += 1
        tally.placed += found.placed
        tally.would_reject += found.rejected > 0
        tally.would_reject_all += found.rejected_all
        tally.moved += found.moved is not None
        tally.settled += found.settled
        tally.failed += found.failed
        for reason, nodes in found.reasons.items():
            tally.reasons[reason] = tally.reasons.get(reason, 0) + nodes
        bucket = bucket_of(found.cost_ns / 1000)
        tally.costs[bucket] = tally.costs.get(bucket, 0) + 1

    def skip(self, call: Call, plugin: str, why: str) -> None:
        tally = self._of(call, plugin)
        tally.skipped[why] = tally.skipped.get(why, 0) + 1

    def tick(self) -> None:
        if self._clock() - self._since_s >= EVERY_S:
            self.flush()

    def flush(self) -> None:
        now_s = self._clock()
        for tally in self._found.values():
            tally.at_us, tally.from_us = int(now_s * 1e6), int(self._since_s * 1e6)
            self._offer(tally)
        self._found = {}
        self._since_s = now_s

    def _of(self, call: Call, plugin: str) -> ShadowTally:
        profile, revision, namespace = call.profile.scheduler_name, call.policy.revision, call.pod.namespace
        if len(self._found) >= TALLIES_MAX and (revision, profile, plugin, namespace) not in self._found:
            namespace = ""
        key = revision, profile, plugin, namespace
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = ShadowTally(
                at_us=0, from_us=0, profile=profile, plugin=plugin, namespace=namespace, revision=revision
            )
        return found
