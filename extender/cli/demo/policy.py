"""The policy file that the demo writes for its user to edit."""

from __future__ import annotations

from pathlib import Path

TEXT = """\
# Trimtab demo: edit this file while the demo runs, save it, and watch the terminal and the page.
#
# Things to try:
#   - change a weight below (TargetLoadPacking: 1 -> 10) and see which nodes win
#   - set targetUtilization to 20 or 80
#   - comment out CapacityScheduling: team-batch is then no longer held to its quota
#   - comment out Coscheduling: gangs of team-sim then start in part, and wait for the rest while they hold their nodes
#   - set dryRun of Rescheduler to false: it then really moves pods, where their budgets allow it
#   - give a plugin an end (until: 2030-01-01T10:00:00Z), or a share of owners (canary: {percent: 10})
#   - misspell a plugin: nothing changes, and /configz says why
apiVersion: policy.trimtab.dev/v1alpha1
kind: SchedulingPolicy
metadata: {name: demo}
scoring: {scale: wide}
profiles:
- schedulerName: default-scheduler
  plugins:
    multiPoint:
      enabled:
      - name: Coscheduling                # PodGroup objects: all pods of a gang, or none
      - name: CapacityScheduling          # ElasticQuota objects: guaranteed, borrowed, taken back by preemption
      - name: PreemptionToleration        # pods of class standard are left alone for their first 20 seconds
      - {name: Rescheduler, weight: 1}    # keeps off overloaded nodes, and says which pods it would move
    score:
      enabled:
      - {name: TargetLoadPacking, weight: 2}        # fill nodes up to a target of real CPU load
      - {name: NodeResourcesAllocatable, weight: 1} # prefer small nodes, keep the large ones free
      - {name: PodState, weight: 1}                 # prefer nodes with pods that are about to leave
  pluginConfig:
  - name: Rescheduler
    args:
      cpuThreshold: 97
      memoryThreshold: 97
      reserveThreshold: 100
      dryRun: true
      reschedulingInterval: 10s
      minPodAge: 10s
      maxReschedulePods: 3
  - name: TargetLoadPacking
    args: {targetUtilization: 50}
  - name: NodeResourcesAllocatable
    args: {mode: Least}
"""


def write_policy(path: Path) -> bool:
    """Write the file unless it is there already (an earlier run's edits are kept); whether it was written."""
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(TEXT)
    return True
