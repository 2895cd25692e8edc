"""The languages of the page say the same things: in the shell's catalogue, and in that of each view."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import cast

import pytest

UI = Path(__file__).parents[3] / "analytics" / "ui"
VIEWS = UI.parent / "views"
SHELL = UI / "locales"
FOLDERS = [SHELL, *sorted(VIEWS.glob("*/locales"))]
each_folder = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parent.name)


def words(folder: Path, language: str) -> dict[str, str]:
    return cast("dict[str, str]", json.loads((folder / f"{language}.json").read_text()))


def sources(*folders: Path) -> str:
    return "\n".join(path.read_text() for folder in folders for path in (*folder.rglob("*.ts"), *folder.rglob("*.tsx")))


@each_folder
def test_the_languages_have_the_same_keys_and_placeholders(folder: Path) -> None:
    english, chinese = words(folder, "en"), words(folder, "zh")
    assert list(chinese) == list(english)
    for key, text in chinese.items():
        assert text.strip(), key
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", english[key])), key


@each_folder
def test_there_are_two_languages(folder: Path) -> None:
    assert [path.stem for path in sorted(folder.glob("*.json"))] == ["en", "zh"]


@each_folder
def test_every_key_is_used(folder: Path) -> None:
    told = sources(UI / "src", VIEWS) if folder == SHELL else sources(folder.parent)
    families = set(re.findall(r"`([\w.]+\.)\$\{", told)) | {"since.", "outcome."}
    unused = [
        key
        for key in words(folder, "en")
        if f'"{key}"' not in told and not any(key.startswith(one) for one in families)
    ]
    assert unused == []


@pytest.mark.parametrize("folder", FOLDERS[1:], ids=lambda folder: folder.parent.name)
def test_a_view_says_nothing_that_only_another_view_has_words_for(folder: Path) -> None:
    """Each page must be whole when it is the first that is opened."""
    known = {**words(SHELL, "en"), **words(folder, "en")}
    others = {key for other in FOLDERS[1:] for key in words(other, "en")} - set(known)
    told = sources(folder.parent)
    assert [key for key in sorted(others) if f'"{key}"' in told] == []


def test_no_key_stands_in_two_catalogues() -> None:
    keys = [key for folder in FOLDERS for key in words(folder, "en")]
    assert sorted(keys) == sorted(set(keys))
