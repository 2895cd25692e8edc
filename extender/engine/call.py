"""One verb call: what it read, which decision it belongs to, and the record it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from extender.engine.attempts import Attempt, pod_ref
from extender.engine.cycle import Pass, World
from extender.engine.profile import PolicySet, Profile
from extender.engine.trace import Trace
from extender.engine.variants import Choice
from extender.model.names import JsonNames
from extender.model.pod import Pod
from extender.model.verdict import Code
from extender.record.frames import Decision, LeaseTouch


@dataclass(slots=True)
class Call:
    """The two references as they stood at the start, and what the call has found since."""

    verb: str
    pod: Pod
    names: Sequence[str]
    rows: NDArray[np.int32]
    attempt: Attempt
    policy: PolicySet
    profile: Profile
    generation: int
    now_s: float
    trace: Trace = field(default_factory=Trace)
    leases: list[LeaseTouch] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    """bind: plugins whose permit was asked."""
    choice: Choice | None = None
    """How the profile was chosen, where there was a choice."""
    done: asyncio.Future[str] | None = None
    """bind that was held: its answer, for whoever joins it."""

    def over(self, world: World, *, quiet: bool = False) -> Pass:
        return Pass(world, self.profile, self.pod, self.rows, self.now_s, quiet)

    def frame(self, code: Code, nodes_out: int) -> Decision:
        """Count the call, and record what every verb's record holds; the verbs add what is theirs."""
        self.trace.count()
        decision = self.begun(self.verb, code, self.now_s)
        decision.nodes_out = nodes_out
        decision.plugins = self.trace.verdicts()
        return decision

    def begun(self, verb: str, code: Code, now_s: float) -> Decision:
        """A record of the call as it stands now, without what the plugins said; nothing is counted."""
        return Decision(
            at_us=int(now_s * 1e6),
            decision=self.attempt.decision,
            attempt=self.attempt.ordinal,
            verb=verb,
            pod=pod_ref(self.pod),
            code=code,
            profile=self.profile.scheduler_name,
            revision=self.policy.revision,
            generation=self.generation,
            nodes_in=len(self.names),
            # Names that were found where they stand in the request are known, all of them.
            nodes_unknown=0 if isinstance(self.names, JsonNames) else int(np.count_nonzero(self.rows < 0)),
            leases=list(self.leases),
            skipped=self.choice.skipped() if self.choice is not None else [],
        )
