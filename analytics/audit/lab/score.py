"""How well rules do on a labelled log: which attacks each found, and what it found beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from analytics.audit.finding import Finding
from analytics.audit.generator import Label


@dataclass(frozen=True, slots=True)
class Score:
    """Of one rule."""

    rule: str
    attacks: int
    """That it should find."""
    found: int
    missed: tuple[str, ...]
    """Names of the others, each once."""
    findings: int
    right: int
    """Findings that belong to an attack of this rule."""

    @property
    def recall(self) -> float:
        """Found attacks of all; 1 where there are none."""
        return self.found / self.attacks if self.attacks else 1.0

    @property
    def precision(self) -> float:
        """Right findings of all; 1 where there are none."""
        return self.right / self.findings if self.findings else 1.0


def scores(rules: Iterable[str], labels: Sequence[Label], findings: Sequence[Finding]) -> list[Score]:
    """A finding belongs to an attack if it names one of its events."""
    return [_score(rule, labels, [one for one in findings if one.rule == rule]) for rule in rules]


def _score(rule: str, labels: Sequence[Label], findings: Sequence[Finding]) -> Score:
    wanted = [label for label in labels if rule in label.rules]
    named = [frozenset(one.event_ids) for one in findings]
    hit = [label for label in wanted if any(label.event_ids & ids for ids in named)]
    missed = dict.fromkeys(label.name for label in wanted if label not in hit)
    right = sum(any(label.event_ids & ids for label in wanted) for ids in named)
    return Score(rule, len(wanted), len(hit), tuple(missed), len(findings), right)
