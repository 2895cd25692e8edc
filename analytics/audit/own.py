"""An operator's own rules, beside the shipped ones or in place of some."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analytics.audit.anomalies import KINDS
from analytics.audit.proof import disproof
from analytics.audit.rule import Rule
from analytics.audit.rulefile import BadRule, load_rules


def with_own(shipped: Sequence[Rule], folder: Path) -> tuple[Rule, ...]:
    """The shipped rules and those of a folder, each proven by its own tests. Raises BadRule and OSError."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: no folder of rules")
    rules = {rule.id: rule for rule in shipped}
    for rule in load_rules(folder):
        if (rule.id in rules) != rule.replaces:
            why = "is shipped; say replaces: true, or take another id" if rule.id in rules else "replaces nothing"
            raise BadRule(f"{folder}: {rule.id}: id: {why}")
        if rule.id in KINDS:
            raise BadRule(f"{folder}: {rule.id}: id: is that of unusual behaviour; take another id")
        if wrong := disproof(rule):
            raise BadRule(f"{folder}: {rule.id}: {wrong}")
        rules[rule.id] = rule
    return tuple(rules[key] for key in sorted(rules))
