"""The KubeSchedulerConfigurations of scheduler-config/, filled in as its README tells operators to."""

from __future__ import annotations

import re
from pathlib import Path

TEMPLATES = Path(__file__).parents[2] / "scheduler-config"
_PLACE = re.compile(r"@([A-Z_]+)@")


def render(template: str, *, url: str, kubeconfig: Path, scheduler_name: str) -> str:
    """Text of scheduler-config/`template` for one scheduler without leader election."""
    values = {
        "TRIMTAB_URL": url,
        "KUBECONFIG": str(kubeconfig),
        "SCHEDULER_NAME": scheduler_name,
        "LEASE_NAME": scheduler_name,
        "LEADER_ELECT": "false",
    }
    return _PLACE.sub(lambda place: values[place[1]], (TEMPLATES / template).read_text())


def places(template: str) -> set[str]:
    """Names of all @NAME@s in a template."""
    return set(_PLACE.findall((TEMPLATES / template).read_text()))
