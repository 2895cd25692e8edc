"""The table of open decisions is bounded, and what leaves it early is counted."""

import pytest

from extender.engine import attempts
from extender.engine.attempts import Attempts
from extender.telemetry import metrics
from tests.extender.engine.a_world import a_pod


def forgotten() -> float:
    return metrics.REGISTRY.get_sample_value("trimtab_decisions_forgotten_total") or 0.0


def test_the_oldest_decision_leaves_a_full_table_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "REMEMBERED_MAX", 2)
    before, table = forgotten(), Attempts(0.0)
    for uid in ("a", "b", "a", "c"):
        table.filtered(a_pod(uid), nominated=False, now_s=1.0)
    assert (table.get("b"), len(table), forgotten() - before) == (None, 2, 1)
    again = table.get("a")
    assert again is not None
    assert again.ordinal == 2, "a pod that is filtered again is the youngest"
