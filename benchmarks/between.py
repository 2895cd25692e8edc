"""What happens between programs: the policy ConfigMap, and a decision's way to the page. On a small cluster, so that
nothing else weighs in."""

from __future__ import annotations

from typing import Any

from benchmarks import journal_to_page, policy_edits
from benchmarks.bench import Bench
from benchmarks.scene import cluster, extender, sidecar

_NODES = _PODS = 50


def measure(bench: Bench) -> dict[str, Any]:
    """policy_config_map and journal_to_page, milliseconds."""
    plan = bench.plan
    with cluster(bench.folder / "small", _NODES, _PODS) as on:
        policy_edits.create_config_map(on)
        option = f"--policy-configmap={policy_edits.NAMESPACE}/{policy_edits.NAME}"
        with extender(on, "extender-small", option) as ours:
            ours.program.until(ours.ready, "ready")
            bench.say("policy ConfigMap: edit to effect")
            edits = policy_edits.by_config_map(on, ours, plan.edits)
            with sidecar(ours, on.folder) as page:
                bench.say("journal to page")
                shown = journal_to_page.shown(on, ours, page, plan.decisions)
    return {"policy_config_map": edits, "journal_to_page": shown}
