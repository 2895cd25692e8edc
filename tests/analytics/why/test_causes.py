"""Why a pod is pending: each cause is named in the situation that was made for it, and told from all others."""

from __future__ import annotations

import json
import re
import string
from dataclasses import replace
from pathlib import Path

import pytest

from analytics.cluster import Happening
from analytics.why import BY_KEY, CAUSES, LANGUAGES, answer
from analytics.why.words import Language, catalogue
from tests.analytics.why.cases import CASES, Case
from tests.analytics.why.scenes import NOW_S, TRIED, by, cluster, facts, filled, nodes, pod, refused

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
    found = answer(case.made(), language)
    texts = [found.sentence, *(one.text for one in found.advice), *(one.command for one in found.advice)]
    texts += [one.text for one in found.lines] + [one.reason for one in found.groups]
    for text in texts:
        assert not re.search(r"\{[a-z_]+\}", text), text
        assert not re.search(r"\b1 (nodes|pods)\b", text), text
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


def test_an_autoscaler_that_adds_no_node_is_heard_and_an_old_promise_is_forgotten() -> None:
    one = pod(requests={"cpu": "64"}, tried=True)
    view = cluster(one, nodes())
    refusal = Happening(one.uid, "NotTriggerScaleUp", "1 max node group size reached", int(NOW_S) - 60)
    old = Happening(one.uid, "TriggeredScaleUp", "pool-a 3->4", int(NOW_S) - 7200)
    found = answer(facts(replace(view, events=[old, refusal])))
    assert found.cause == "size.cpu"
    heard = [line for line in found.lines if "max node group size reached" in line.text]
    assert [(line.basis, line.source) for line in heard] == [("observed", "event NotTriggerScaleUp")]


def test_behind_a_gate_it_is_told_what_would_keep_the_pod_for_ever() -> None:
    gated = {"schedulingGates": [{"name": "example.com/approved"}]}
    found = answer(facts(cluster(pod(spec=gated, requests={"cpu": "64"}), nodes())))
    assert (found.cause, found.lasting) == ("gate.other", "waits")
    assert any("can never fit" in line.text and line.basis == "inferred" for line in found.lines)
    small = answer(facts(cluster(pod(spec=gated), nodes())))
    assert not any("never" in line.text for line in small.lines)


def test_a_reason_of_somebody_elses_does_not_revive_an_older_decision() -> None:
    record = refused(by("MyFilter", "no licence"))
    text = TRIED.format(3, "3 node(s) are on a rack that is full", 3)
    found = answer(facts(cluster(pod(message=text), nodes()), record=record))
    assert found.cause == "told.other"


def test_numbers_that_have_changed_since_do_not_make_a_decision_old() -> None:
    over = "tenant a: cpu: {} used + 2 requested is over the limit of 10"
    record = refused(by("TenantQuota", "tenant over its limit of cpu", over.format(9)))
    text = TRIED.format(3, f"3 {over.format(10)}", 3)
    assert answer(facts(cluster(pod(message=text), nodes()), record=record)).cause == "tenant.told"


def test_every_line_and_group_that_has_words_is_used() -> None:
    folder = Path(__file__).parents[3] / "analytics" / "why"
    code = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    for part in ("lines", "groups", "fit"):
        assert [key for key in catalogue("en")[part] if f'"{key}"' not in code] == []


def test_a_node_that_fits_and_a_node_that_a_plugin_rejects_are_never_one_row() -> None:
    roomy = answer(facts(cluster(pod(tried=True), nodes(), filled(2))))
    assert [(one.reason, one.count) for one in roomy.groups] == [
        ("has too little cpu free", 2),
        ("has room for it", 1),
    ]
    record = refused(by("MyFilter", "no licence", "", 1), nodes_in=1)
    held = answer(facts(cluster(pod(tried=True), nodes(), filled(3)[1:]), record=record))
    assert [(one.plugin, one.count, one.basis) for one in held.groups] == [
        ("NodeResourcesFit", 2, "inferred"),
        ("MyFilter", 1, "observed"),
    ]


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_no_node_is_counted_twice(case: Case) -> None:
    made = case.made()
    groups = answer(made).groups
    named = [name for one in groups for name in one.nodes]
    assert len(named) == len(set(named))
    if made.view.known:
        assert sum(one.count for one in groups) <= max(3, len(made.view.nodes))
