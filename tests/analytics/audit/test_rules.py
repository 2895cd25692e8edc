"""R-121: the 24 rules do what their own tests say, alone and together; a wrong file is refused with its place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from analytics.audit import BadRule, Context, Detector, load_rules, shipped_rules, with_own
from analytics.audit.context import context_from
from analytics.audit.proof import disproof, events_in, findings
from analytics.audit.rule import Rule, Test
from analytics.audit.rulefile import SHIPPED, load_rule
from tests.analytics.audit.examples import found, made, rule

EACH = [pytest.param(rule, test, id=f"{rule.id}: {test.name}") for rule in shipped_rules() for test in rule.tests]
TECHNIQUE = re.compile(r"T1[0-9]{3}(\.[0-9]{3})?")
MATRIX = re.compile(r"MS-TA90[0-4][0-9]")


def test_r121_the_24_rules_are_there_and_each_says_what_it_is_like_and_what_to_do() -> None:
    assert [rule.id for rule in shipped_rules()] == [f"SCH-{number:02d}" for number in range(1, 25)]
    for one in shipped_rules():
        assert one.attack, one.id
        assert all(TECHNIQUE.fullmatch(technique) for technique in one.attack), one.id
        assert all(MATRIX.fullmatch(technique) for technique in one.microsoft), one.id
        assert len(one.fix.split()) > 5, one.id


@pytest.mark.parametrize("one", shipped_rules(), ids=lambda one: one.id)
def test_each_rule_has_a_negative_test_and_a_positive_one_for_every_case(one: Rule) -> None:
    assert any(test.finds == 0 for test in one.tests)
    shown = {finding.case for test in one.tests for finding in findings(one, test)}
    assert shown == {case.name for case in one.cases}


@pytest.mark.parametrize(("one", "test"), EACH)
def test_r121_a_rule_finds_in_its_test_as_much_as_the_test_says(one: Rule, test: Test) -> None:
    told = findings(one, test)
    assert len(told) == test.finds
    assert not test.case or test.case in {finding.case for finding in told}


@pytest.mark.parametrize(("one", "test"), EACH)
def test_a_rule_finds_among_all_rules_what_it_finds_alone(one: Rule, test: Test) -> None:
    """The index by resource and verb leaves no case out that would have found something."""
    detector = Detector(shipped_rules(), context_from(test.context))
    told = [finding for event in events_in(test) for finding in detector.see(event) if finding.rule == one.id]
    assert told == findings(one, test)


@pytest.mark.parametrize(("one", "test"), EACH)
def test_a_finding_names_events_that_were_there_and_fills_its_sentence(one: Rule, test: Test) -> None:
    ids = {event.audit_id for event in events_in(test)}
    for finding in findings(one, test):
        assert finding.event_ids
        assert set(finding.event_ids) <= ids
        assert not re.search(r"[{}]", finding.description), finding.description
        assert finding.attack == (*one.attack, *one.microsoft)


@pytest.mark.parametrize("one", shipped_rules(), ids=lambda one: one.id)
def test_a_request_that_is_a_dry_run_breaks_no_rule(one: Rule) -> None:
    """But where the attempt itself, or who makes it, is what is found: those cases ask for any outcome."""
    any_outcome = {case.name for case in one.cases if case.outcome == "any"}
    for test in one.tests:
        dry = [{**given, "request_uri": f"{given.get('request_uri', '/')}?dryRun=All"} for given in test.events]
        told = findings(one, Test(test.name, tuple(dry), test.finds, test.case, test.context))
        assert {finding.case for finding in told} <= any_outcome


def test_a_rule_that_does_not_hold_is_disproved_with_the_test_that_shows_it() -> None:
    honest = rule("SCH-02")
    assert disproof(honest) == ""
    tests = (honest.tests[0].__class__("three of one", honest.tests[0].events, 3), *honest.tests[1:])
    dishonest = Rule(honest.id, honest.title, honest.severity, honest.fix, honest.cases, tests)
    assert disproof(dishonest).startswith("tests[0] (three of one): 1 findings; want 3")


RULE: dict[str, Any] = {
    "id": "OWN-01",
    "title": "A title",
    "severity": "low",
    "fix": "Do something.",
    "cases": [{"name": "one", "says": "{user} did {verb}", "match": {"verb": "create"}}],
    "tests": [
        {"name": "yes", "finds": 1, "events": [{"verb": "create", "user": "alice", "object": "pods/a/b"}]},
        {"name": "no", "finds": 0, "events": [{"verb": "get", "user": "alice", "object": "pods/a/b"}]},
    ],
}


def written(folder: Path, text: str, name: str = "own.yaml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def changed(**parts: object) -> str:
    return yaml.safe_dump(RULE | parts)


def case(**parts: object) -> str:
    return changed(cases=[{"name": "one", "says": "x", "match": {"verb": "create"}} | parts])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (changed(tests=[RULE["tests"][0], RULE["tests"][0]]), "want a negative one"),
        (changed(tests=[RULE["tests"][1], RULE["tests"][1]]), "want a positive one"),
        (changed(tests=[]), "tests"),
        (changed(severity="awful"), "severity"),
        (changed(id="own"), "id"),
        (changed(colour="red"), "colour"),
        (changed(cases=[]), "cases"),
        (changed(cases=[*RULE["cases"], *RULE["cases"]]), "two are named 'one'"),
        (case(match={}), r"cases\[0\].match: is empty"),
        (case(match={"verbs": "create"}), r"cases\[0\].match.verbs: no field 'verbs'"),
        (case(match={"verb": {"like": "x"}}), r"cases\[0\].match.verb.like: no operator"),
        (case(match={"verb": {"regex": "("}}), r"cases\[0\].match.verb.regex: no regular expression"),
        (case(match={"verb": {"in": "@nobody"}}), r"cases\[0\].match.verb.in: no set '@nobody'"),
        (case(match={"verb": {"above": 3}}), "does not suit a field of type text"),
        (case(match={"address": {"cidr": "10.0.0.0/99"}}), r"cases\[0\].match.address.cidr: no network"),
        (case(says="{nobody}"), r"cases\[0\].says: no field 'nobody'"),
        (case(threshold={"by": ["user"], "count": 2, "within": "25h"}), r"threshold.within: 25h is more than 24h"),
        (case(threshold={"by": ["user"], "count": 1, "within": "1m"}), "count"),
        (case(threshold={"by": ["user"], "count": 2, "within": "1m", "sum": "verb"}), "'verb' is no number"),
        (case(threshold={"by": ["nobody"], "count": 2, "within": "1m"}), "no field 'nobody'"),
        (
            case(threshold={"by": [], "count": 2, "within": "1m"}, silence={"longer": "1m", "usual": 2}),
            "threshold and silence in one case",
        ),
        ("id: [", "own.yaml"),
        ("id: A\nid: B\n", "stands there twice"),
        ("- a\n", "own.yaml"),
    ],
)
def test_a_file_that_is_wrong_is_refused_whole_with_its_name_and_the_place(tmp_path: Path, text: str, why: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(BadRule, match=why) as refused:
        load_rule(path)
    assert str(refused.value).startswith(str(path))


def test_an_own_rule_stands_beside_the_shipped_ones_or_takes_the_place_of_one(tmp_path: Path) -> None:
    written(tmp_path, changed())
    assert next(one.id for one in with_own(shipped_rules(), tmp_path)) == "OWN-01"
    written(tmp_path, changed(id="SCH-02"))
    with pytest.raises(BadRule, match="SCH-02: id: is shipped; say replaces: true"):
        with_own(shipped_rules(), tmp_path)
    written(tmp_path, changed(id="SCH-02", replaces=True))
    replaced = {one.id: one.title for one in with_own(shipped_rules(), tmp_path)}
    assert replaced["SCH-02"] == "A title"
    assert len(replaced) == 24
    written(tmp_path, changed(replaces=True))
    with pytest.raises(BadRule, match="OWN-01: id: replaces nothing"):
        with_own(shipped_rules(), tmp_path)


def test_an_own_rule_that_its_own_tests_disprove_is_refused(tmp_path: Path) -> None:
    tests = [RULE["tests"][0] | {"finds": 2}, RULE["tests"][1]]
    written(tmp_path, changed(tests=tests))
    with pytest.raises(BadRule, match=r"OWN-01: tests\[0\] \(yes\): 1 findings; want 2"):
        with_own(shipped_rules(), tmp_path)


def test_two_files_may_not_have_one_id(tmp_path: Path) -> None:
    written(tmp_path, changed())
    written(tmp_path, changed(), "again.yaml")
    with pytest.raises(BadRule, match="OWN-01 is the id of another file too"):
        load_rules(tmp_path)


def test_an_own_rule_may_name_a_set_of_the_cluster_where_the_index_looks(tmp_path: Path) -> None:
    """`resource: {in: "@..."}` means what the set holds, not the name of the set."""
    match = {"verb": "create", "resource": {"in": ["@deployers"]}}
    tests = [RULE["tests"][0] | {"context": {"deployers": ["pods"]}}, RULE["tests"][1]]
    text = changed(cases=[{"name": "one", "says": "x", "match": match}], tests=tests)
    own = load_rule(written(tmp_path, text))
    assert disproof(own) == ""


def test_every_shipped_file_is_a_rule() -> None:
    assert {path.stem.upper() for path in SHIPPED.iterdir()} == {one.id for one in shipped_rules()}


def test_r120_known_schedulers_bind_and_strangers_are_found() -> None:
    binding = made(verb="create", user="system:serviceaccount:trimtab-system:trimtab", object="pods/a/b/binding")
    assert [finding.rule for finding in found(binding, "SCH-02")] == ["SCH-02"]
    known = Context(scheduler_identities=frozenset({binding[0].user}))
    assert found(binding, "SCH-02", context=known) == []
