"""What people read of the rules: in both languages on the page, and in the documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from analytics.audit import shipped_rules
from analytics.audit.anomalies import KINDS
from tests.analytics.audit.tables import DOCUMENT, documented_rules, table_of_rules

LOCALES = Path(__file__).parents[3] / "analytics" / "views" / "audit" / "locales"
TOLD = {rule.id: (rule.title, rule.fix) for rule in shipped_rules()} | {
    name: (kind.title, kind.fix) for name, kind in KINDS.items()
}
NAMES = re.compile(r"[a-z]+/[a-z]+|--[a-z-]+|[A-Z][a-z]+[A-Z]\w+|\w+_\w+|[a-z.]+\.io/[a-z/-]*")
"""Of resources, flags, kinds, metrics: they are the same in every language."""


def words(language: str) -> dict[str, tuple[str, str]]:
    told = json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    names = [key.rpartition(".")[2] for key in told if key.startswith("audit.about.")]
    return {name: (told[f"audit.about.{name}"], told[f"audit.remedy.{name}"]) for name in names}


def test_the_page_says_of_every_rule_what_the_rule_says() -> None:
    assert words("en") == TOLD


def test_every_rule_has_a_title_and_a_remedy_in_chinese() -> None:
    chinese = words("zh")
    assert list(chinese) == list(TOLD)
    for name, texts in chinese.items():
        for text in texts:
            assert re.search(r"[\u4e00-\u9fff]{2}", text), name
    assert len({title for title, _ in chinese.values()}) == len(chinese)


@pytest.mark.parametrize("name", TOLD)
def test_names_that_must_be_typed_stand_in_both_languages(name: str) -> None:
    english, chinese = TOLD[name][1], words("zh")[name][1]
    # Plurals are English: a kind is written in the singular in Chinese.
    wanted = {found.rstrip("s") for found in NAMES.findall(english)}
    assert [found for found in sorted(wanted) if found not in chinese] == []


def test_the_table_of_the_rules_in_the_documentation_is_the_rules() -> None:
    """`python -m tests.analytics.audit.tables` writes it."""
    assert documented_rules() == table_of_rules(), f"the table in {DOCUMENT.name} is old"
