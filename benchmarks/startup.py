"""Start to kernels warm, sync rate, resident memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.scene import Cluster, Extender, extender


def cold(on: Cluster, policy: Path, cache: Path) -> float:
    """Seconds from start to kernels warm with an empty kernel cache."""
    with extender(on, "extender-cold", f"--policy={policy}", f"--kernel-cache={cache}") as found:
        return found.program.until(lambda: found.check("kernels"), "kernels warm")


def warm(found: Extender, objects: int) -> dict[str, Any]:
    """The same with the cache filled, then the sync with the cluster; ends when the extender is ready."""
    kernels_s = found.program.until(lambda: found.check("kernels"), "kernels warm")
    synced_s = found.program.until(lambda: found.check("cluster"), "the cluster in sync")
    ready_s = found.program.until(found.ready, "ready")
    return {
        "kernels_warm_s": round(kernels_s, 3),
        "synced_s": round(synced_s, 3),
        "ready_s": round(ready_s, 3),
        "objects": objects,
        "objects_per_s": round(objects / max(1e-3, synced_s - kernels_s)),
        "resident_mb": round(found.program.resident_mb(), 1),
    }
