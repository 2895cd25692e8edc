"""Why a pod is pending: each cause is named in the situation that was made for it, and told from all others."""

from __future__ import annotations

import json
import re
import string
from pathlib import Path

import pytest

from analytics.why import BY_KEY, CAUSES, LANGUAGES, answer
from analytics.why.words import Language, catalogue
from tests.analytics.why.cases import CASES, Case

NAMES = [one.cause for one in CASES]


def test_there_are_more_than_forty_cases_and_one_for_every_cause() -> None:
    assert len(CASES) >= 40
    assert sorted(NAMES) == sorted(BY_KEY), "a cause without a case, or a case twice"


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_each_cause_is_named_told_and_said_to_last(case: Case) -> None:
    found = answer(case.made())
    assert (found.cause, found.lasting) == (case.cause, case.lasting), found.sentence
    for part in case.says:
        assert part in found.sentence
    assert found.sentence.count("\n") == 0


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_every_value_of_every_text_is_known(case: Case, language: Language) -> None:
    facts = case.made()
    found = answer(facts, language)
    texts = [found.sentence, *(one.text for one in found.advice), *(one.command for one in found.advice)]
    texts += [one.text for one in found.lines] + [one.reason for one in found.groups]
    for text in texts:
        assert not re.search(r"\{[a-z_]+\}", text), text
    assert {*(one.basis for one in found.lines), *(one.basis for one in found.groups)} <= {"observed", "inferred"}
    assert all(one.source for one in found.lines), "every line says where it is known from"


@pytest.mark.parametrize("case", [one for one in CASES if one.lasting in ("waits", "never")], ids=lambda one: one.cause)
def test_who_waits_is_told_what_to_do(case: Case) -> None:
    assert answer(case.made()).advice


def test_the_languages_say_the_same_things() -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    assert list(english["causes"]) == list(chinese["causes"]) == [cause.key for cause in CAUSES]
    for key, one in english["causes"].items():
        other = chinese["causes"][key]
        assert _fields(one["sentence"]) == _fields(other["sentence"]), key
        assert [_fields(text) for text in one["advice"]] == [_fields(text) for text in other["advice"]], key
        assert len(one["advice"]) == len(BY_KEY[key].commands), key
    for part in ("lasting", "lines", "groups", "fit"):
        assert {k: _fields(text) for k, text in english[part].items()} == {
            k: _fields(text) for k, text in chinese[part].items()
        }


def _fields(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)


def test_the_page_of_all_causes_lists_them_as_they_are() -> None:
    page = (Path(__file__).parents[3] / "docs" / "tools" / "why.md").read_text()
    rows = dict(re.findall(r"^\| `([a-z._]+)` \| (\w+) \|", page, re.MULTILINE))
    assert rows == {cause.key: cause.lasting for cause in CAUSES}
    for key, words in catalogue("en")["causes"].items():
        assert f"| `{key}` | {BY_KEY[key].lasting} | {words['title']} |" in page


def test_an_answer_can_be_encoded() -> None:
    import msgspec

    told = json.loads(msgspec.json.encode(answer(CASES[0].made())))
    assert set(told) == {"cause", "title", "sentence", "lasting", "label", "lines", "groups", "advice"}
