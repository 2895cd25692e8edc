"""The languages of the page say the same things."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

UI = Path(__file__).parents[3] / "analytics" / "ui"
LOCALES = sorted((UI / "locales").glob("*.json"))
ENGLISH = json.loads((UI / "locales" / "en.json").read_text())


@pytest.mark.parametrize("path", LOCALES, ids=lambda path: path.stem)
def test_a_catalogue_has_the_keys_and_placeholders_of_the_english_one(path: Path) -> None:
    catalogue = json.loads(path.read_text())
    assert list(catalogue) == list(ENGLISH)
    for key, text in catalogue.items():
        assert text.strip(), key
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", ENGLISH[key])), key


def test_there_are_two_languages() -> None:
    assert [path.stem for path in LOCALES] == ["en", "zh"]


def test_every_key_is_used() -> None:
    sources = "\n".join(
        path.read_text()
        for folder in (UI / "src", UI.parent / "views")
        for path in (*folder.rglob("*.ts"), *folder.rglob("*.tsx"))
    )
    families = set(re.findall(r"`([\w.]+\.)\$\{", sources)) | {"since.", "outcome."}
    unused = [
        key for key in ENGLISH if f'"{key}"' not in sources and not any(key.startswith(family) for family in families)
    ]
    assert unused == []
