"""What people read of the rules: in both languages on the page, and in the documentation."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from analytics.audit import KINDS as EVENT_KINDS
from analytics.audit import shipped_rules, with_own
from analytics.audit.anomalies import KINDS
from analytics.audit.patterns import KINDS as PATTERN_KINDS
from tests.analytics.audit.tables import DOCS, TABLES, documented

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


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_kind_of_event_and_of_pattern_has_a_name(language: str) -> None:
    told = json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    for family, kinds in (("kind", EVENT_KINDS), ("repeated", PATTERN_KINDS)):
        assert {key for key in told if key.startswith(f"audit.{family}.")} == {
            f"audit.{family}.{kind}" for kind in kinds
        }


@pytest.mark.parametrize("name", TOLD)
def test_names_that_must_be_typed_stand_in_both_languages(name: str) -> None:
    english, chinese = TOLD[name][1], words("zh")[name][1]
    # Plurals are English: a kind is written in the singular in Chinese.
    wanted = {found.rstrip("s") for found in NAMES.findall(english)}
    assert [found for found in sorted(wanted) if found not in chinese] == []


@pytest.mark.parametrize("name", TABLES)
def test_a_table_in_the_documentation_is_what_the_code_says(name: str) -> None:
    """`python -m tests.analytics.audit.tables` writes them."""
    path, table_of = TABLES[name]
    assert documented(name) == table_of(), f"the table of {name} in {path.name} is old"


def test_the_rule_in_the_documentation_is_one(tmp_path: Path) -> None:
    text = (DOCS / "audit-rules.md").read_text(encoding="utf-8")
    (tmp_path / "own.yaml").write_text(text.partition("```yaml\n")[2].partition("```")[0])
    assert len(with_own(shipped_rules(), tmp_path)) == len(shipped_rules()) + 1
