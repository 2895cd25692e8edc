"""Plain words beside the plugins' reasons: every one is for something that a plugin says, and is translated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from extender.record.meaning import MEANINGS, Meaning, meaning

ROOT = Path(__file__).parents[3]
CATALOGUE = json.loads((ROOT / "analytics" / "views" / "decisions" / "locales" / "en.json").read_text())
FOLDERS = {
    "CapacityScheduling": "capacity_scheduling",
    "Coscheduling": "coscheduling",
    "QoS": "qos",
    "TenantQuota": "tenant_quota",
}
every_meaning = pytest.mark.parametrize(("plugin", "part", "told"), MEANINGS)


@every_meaning
def test_the_plugin_still_says_it(plugin: str, part: str, told: Meaning) -> None:
    folder = ROOT / "extender" / "plugins" / FOLDERS[plugin]
    sources = "\n".join(path.read_text() for path in folder.glob("*.py") if not path.name.startswith("test_"))
    assert part.lower() in sources.lower()
    assert meaning(plugin, f"Some text in which {part.upper()} stands") is not None
    assert told.waits_for in ("gang", "quota", "tenant", "reservation", "order")


@every_meaning
def test_the_page_says_the_same(plugin: str, part: str, told: Meaning) -> None:
    assert CATALOGUE[f"meaning.{told.key}"] == told.words
    assert f"one.said.wait.{told.waits_for}" in CATALOGUE


def test_a_reason_that_nobody_has_put_in_words_has_no_meaning() -> None:
    assert meaning("Coscheduling", "too blue") is None
    assert meaning("Other", "resource gap") is None
