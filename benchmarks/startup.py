"""Start to kernels warm, sync rate, resident memory: on a cluster of its own, as large as one extender should bear."""

from __future__ import annotations

from typing import Any

from benchmarks.bench import Bench, usual_policy
from benchmarks.samples import typical
from benchmarks.scene import Cluster, cluster, extender

# A sync lasts seconds, and what asks for it takes a millisecond of the same core.
_SYNC_POLL_S = 0.03


def measure(bench: Bench) -> dict[str, Any]:
    """Seconds, objects per second and MB (10^6 bytes)."""
    plan = bench.plan
    bench.say(f"a cluster of {plan.nodes} nodes and {plan.standing_pods} pods")
    with cluster(bench.folder / "standing", plan.nodes, plan.standing_pods) as on:
        options, found = [f"--policy={usual_policy(on)}"], {}
        if plan.cold:
            options.append(f"--kernel-cache={bench.folder / 'kernels'}")
            bench.say("start with an empty kernel cache")
            with extender(on, "extender-cold", *options) as cold:
                found["cold_kernels_s"] = round(cold.program.until(lambda: cold.check("kernels"), "kernels warm"), 3)
        bench.say("start and sync")
        objects = on.objects()
        starts = [_started(on, objects, number, options) for number in range(plan.repeats)]
    figures = {key: typical([start[key] for start in starts]) for key in starts[0]}
    return {**found, "nodes": plan.nodes, "objects": objects, **figures}


def _started(on: Cluster, objects: int, number: int, options: list[str]) -> dict[str, float]:
    """One start with the kernel cache filled, up to ready."""
    with extender(on, f"extender-start-{number}", *options) as found:
        kernels_s = found.program.until(lambda: found.check("kernels"), "kernels warm")
        synced_s = found.program.until(lambda: found.check("cluster"), "the cluster in sync", every_s=_SYNC_POLL_S)
        ready_s = found.program.until(found.ready, "ready")
        return {
            "kernels_warm_s": kernels_s,
            "synced_s": synced_s,
            "ready_s": ready_s,
            "objects_per_s": objects / max(1e-3, synced_s - kernels_s),
            "resident_mb": found.program.resident_mb(),
        }
