"""The audit log's benchmark: its log is read to the end, and its judgement sees what is missed and what is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analytics.audit import Context
from analytics.audit.generator import Corpus, Label, generate
from analytics.audit.lab.attacks import ATTACKS
from benchmarks import audit, budgets
from benchmarks.programs import BenchmarkFailed

KNOWN = replace(Context(), deployers=frozenset({audit.DEPLOYER}))
FEW = [attack for attack in ATTACKS if attack.name in ("binding", "privileged", "slow evictions")]


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return generate(5, scenes=20, attacks=FEW)


@pytest.fixture(scope="module")
def small(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> audit.Log:
    return audit.log_of(corpus, tmp_path_factory.mktemp("logs") / "small.log")


def test_every_event_is_read_and_the_store_tells_of_the_attacks(small: audit.Log, tmp_path: Path) -> None:
    found = audit.read(small, KNOWN, tmp_path / "audit")
    assert found.seconds > 0
    assert 0 < found.stored < small.events
    told = audit.quality(audit.judged(small.labels, found.findings))
    assert "SCH-11: slow evictions" in told["missed"]
    assert not any(name.startswith(("SCH-02", "SCH-16")) for name in told["missed"])
    assert 0 < told["recall"] < 1


def test_a_log_that_is_not_read_whole_fails(corpus: Corpus, tmp_path: Path) -> None:
    broken = audit.log_of(Corpus([*corpus.events[:10], {"kind": "Event"}], corpus.labels), tmp_path / "broken.log")
    with pytest.raises(BenchmarkFailed, match="of 11 audit events 11 were read"):
        audit.read(broken, KNOWN, tmp_path / "audit")


def test_findings_beside_attacks_cost_precision_and_missed_attacks_recall(small: audit.Log, tmp_path: Path) -> None:
    found = audit.read(small, KNOWN, tmp_path / "audit").findings
    nothing = audit.quality(audit.judged(small.labels, []))
    assert (nothing["precision"], nothing["recall"]) == (1.0, 0.0)
    elsewhere = [Label(one.name, one.rules, one.evasive, frozenset({"another"})) for one in small.labels]
    wrong = audit.quality(audit.judged(elsewhere, found))
    assert (wrong["precision"], wrong["recall"]) == (0.0, 0.0)
    assert sum(wrong["wrong"].values()) == wrong["findings"] > 0


def test_the_figures_are_judged_as_they_were_asked_for() -> None:
    found = {budget.id: budget for budget in budgets.load()}
    assert found["audit-rate"].must == 5000
    assert (found["audit-precision"].must, found["audit-recall"].must) == (0.95, 0.95)
    results = {"audit": {"events_per_s": 5100.0, "quality": {"precision": 0.949, "recall": 1.0}}}
    verdicts = [budgets.judge(found[name], results).word for name in ("audit-rate", "audit-precision", "audit-recall")]
    assert verdicts == ["must", "below must", "moonshot"]
