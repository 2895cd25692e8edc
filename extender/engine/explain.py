"""Who would say what about each node, in the policy form of interfaces.md §5. Nothing is reserved or recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from extender.engine.cycle import Pass, World, rows_of, run_filters, run_scores
from extender.engine.profile import PolicySet, Profile
from extender.engine.reclaiming import imagined
from extender.engine.trace import FilterStep, Trace
from extender.model.pod import Pod
from extender.model.verdict import Code

# Nodes written between two yields: well under a millisecond of work.
_SLICE = 500


async def explain(world: World, policy: PolicySet, pod: Pod, names: Sequence[str], now_s: float) -> dict[str, Any]:
    """filter over `names`, then score over those that pass, as two calls of a scheduling cycle would.

    postFilter only for a pod that fits on none of them as it is: who would have to leave. Nobody is evicted.
    """
    generation = world.state.generation
    profile, choice = policy.choose(pod, now_s)
    filtered, scored = Trace(), Trace()
    rows = rows_of(world.state, names)
    codes = run_filters(Pass(world, profile, pod, rows, now_s, quiet=True), filtered)
    passed = np.flatnonzero(codes == 0)
    kept = [names[i] for i in passed.tolist()]
    totals = run_scores(Pass(world, profile, pod, rows[passed], now_s, quiet=True), policy.scale, scored)
    plugins = _frame(profile)
    for step in filtered.pod_steps:
        plugins[step.plugin]["preFilter"] = {"code": step.code, "reasons": [step.reason] if step.reason else []}
    for filter_step in filtered.filter_steps:
        plugins[filter_step.plugin]["filter"] = await _filter_of(filter_step, filtered, names, codes)
    for score_step in scored.score_steps:
        said = plugins[score_step.plugin]
        said["score"] = await _by_node(kept, score_step.raw)
        if score_step.normalized is None:
            said["error"] = score_step.error
        else:
            said["normalized"] = await _by_node(kept, score_step.normalized)
    for plugin, said in (await imagined(Pass(world, profile, pod, rows, now_s, quiet=True), names)).items():
        plugins[plugin]["postFilter"] = said
    return {
        "plugins": plugins,
        "filter": await _verdicts(filtered, names, codes),
        "total": await _by_node(kept, totals),
        "skipped": msgspec.to_builtins(choice.skipped()) if choice is not None else [],
        "profile": profile.scheduler_name,
        "revision": policy.revision,
        "generation": generation,
    }


def _frame(profile: Profile) -> dict[str, dict[str, Any]]:
    return {seat.name: {"weight": seat.weight} if seat.plugin.score else {} for seat in profile.seats}


async def _by_node(names: Sequence[str], values: NDArray[np.int64]) -> dict[str, int]:
    told: dict[str, int] = {}
    for start in range(0, len(names), _SLICE):
        told.update(zip(names[start : start + _SLICE], values[start : start + _SLICE].tolist(), strict=True))
        await asyncio.sleep(0)
    return told


async def _filter_of(
    step: FilterStep, trace: Trace, names: Sequence[str], codes: NDArray[np.int16]
) -> dict[str, dict[str, Any]]:
    """What one filter said; nodes that an earlier plugin had rejected were not shown to it."""
    told: dict[str, dict[str, Any]] = {}
    for i, code in enumerate(codes.tolist()):
        if code == 0 or code > step.base + step.count:
            told[names[i]] = {"code": Code.SUCCESS, "reasons": []}
        elif code > step.base:
            rejection = trace.rejections[code - 1]
            told[names[i]] = {"code": rejection.code, "reasons": [rejection.reason]}
        if i % _SLICE == 0:
            await asyncio.sleep(0)
    return told


async def _verdicts(trace: Trace, names: Sequence[str], codes: NDArray[np.int16]) -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {}
    for i, code in enumerate(codes.tolist()):
        if code == 0:
            told[names[i]] = {"code": Code.SUCCESS, "plugin": "", "reasons": []}
        else:
            rejection = trace.rejections[code - 1]
            told[names[i]] = {"code": rejection.code, "plugin": trace.owners[code - 1], "reasons": [rejection.reason]}
        if i % _SLICE == 0:
            await asyncio.sleep(0)
    return told
