"""An operator's own rules are taken while the sidecar runs; what is wrong with them is told, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from analytics.audit import Context, shipped_rules
from analytics.ingest.audit import Intake, RuleBook, validate_config
from analytics.ingest.audit.rulebook import LOOK_S
from analytics.store import Store
from analytics.store.findings import Findings
from analytics.views.sources import ToolSettings
from tests.analytics.audit_io.a_console import Bench
from tests.analytics.audit_io.events import event, line

RULE = """
id: {id}
title: Somebody reads the {resource}
severity: low
fix: Ask whoever it was what it was for, and take the right away if nobody knows.
cases:
- name: read
  says: "{{user}} read {{object}}"
  match: {{resource: {resource}, verb: get}}
tests:
- {{name: "yes", finds: 1, events: [{{verb: get, user: alice, object: {resource}/team-a/x}}]}}
- {{name: "no", finds: 0, events: [{{verb: list, user: alice, object: {resource}/team-a}}]}}
"""


def rule(folder: Path, name: str = "own.yaml", id: str = "OWN-01", resource: str = "widgets") -> Path:  # noqa: A002
    path = folder / name
    path.write_text(RULE.format(id=id, resource=resource))
    return path


class Book:
    """A rule book whose time passes by hand."""

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.now_s = folder, 0.0
        self.book = RuleBook(lambda: self.folder, clock=lambda: self.now_s)

    def later(self) -> tuple[set[str], str]:
        """Ids of own rules, and the problem."""
        self.now_s += LOOK_S
        status = self.book.status()
        return set(status["own"]), status["problem"]


def test_own_rules_count_beside_the_shipped_ones_and_change_with_their_folder(tmp_path: Path) -> None:
    own = Book(tmp_path)
    assert own.later() == (set(), "")
    assert [one.id for one in own.book.rules()] == [one.id for one in shipped_rules()]
    first = rule(tmp_path)
    assert own.later() == ({"OWN-01"}, "")
    assert len(own.book.rules()) == len(shipped_rules()) + 1
    rule(tmp_path, "second.yaml", "OWN-02")
    assert own.later() == ({"OWN-01", "OWN-02"}, "")
    first.unlink()
    assert own.later() == ({"OWN-02"}, "")
    own.folder = None
    assert own.later() == (set(), "")
    assert own.book.status()["folder"] is None


def test_a_folder_that_stays_as_it_is_leaves_the_rules_the_same_object(tmp_path: Path) -> None:
    """Else every batch would forget its thresholds and begin them again from the store."""
    rule(tmp_path)
    own = Book(tmp_path)
    before = own.book.rules()
    own.later()
    assert own.book.rules() is before


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Expected `object`, got `null`"),
        ("id: [", "own.yaml"),
        ("\x00", "own.yaml"),
        (RULE.format(id="OWN-01", resource="widgets").replace("verb: get}\n", "verbs: get}\n"), "cases[0].match.verbs"),
        (RULE.format(id="OWN-01", resource="widgets").replace("finds: 1", "finds: 2"), "OWN-01: tests[0]"),
        (RULE.format(id="SCH-01", resource="widgets"), "say replaces: true"),
        (RULE.format(id="ANO-01", resource="widgets"), "ANO-01: id"),
        (RULE.format(id="OWN-01", resource="widgets").replace("severity: low", "severity: none"), "$.severity"),
    ],
)
def test_a_wrong_file_is_told_with_its_place_and_the_last_good_rules_stay(tmp_path: Path, text: str, told: str) -> None:
    own = Book(tmp_path)
    path = rule(tmp_path)
    assert own.later() == ({"OWN-01"}, "")
    good = own.book.rules()
    path.write_text(text)
    (kept, problem) = own.later()
    assert (kept, own.book.rules() is good) == ({"OWN-01"}, True)
    assert problem.startswith(str(tmp_path))
    assert told in problem
    assert validate_config([], tmp_path) == [problem]
    rule(tmp_path, resource="gadgets")
    assert own.later() == ({"OWN-01"}, "")
    assert own.book.rules() is not good


def test_a_folder_that_is_not_there_is_told_and_taken_when_it_comes(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    own = Book(folder)
    kept, problem = own.later()
    assert (kept, problem) == (set(), f"{folder}: no folder of rules")
    folder.mkdir()
    rule(folder)
    assert own.later() == ({"OWN-01"}, "")


def test_a_folder_as_a_configmap_is_mounted_is_followed(tmp_path: Path) -> None:
    """Links to files behind a link that is put in another's place at once."""
    for version, resource in (("v1", "widgets"), ("v2", "gadgets")):
        (tmp_path / version).mkdir()
        rule(tmp_path / version, resource=resource)
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "..data").symlink_to(tmp_path / "v1")
    (folder / "own.yaml").symlink_to(Path("..data") / "own.yaml")
    own = Book(folder)
    own.later()
    assert [one.title for one in own.book.rules() if one.id == "OWN-01"] == ["Somebody reads the widgets"]
    (folder / "..new").symlink_to(tmp_path / "v2")
    (folder / "..new").replace(folder / "..data")
    own.later()
    assert [one.title for one in own.book.rules() if one.id == "OWN-01"] == ["Somebody reads the gadgets"]


def test_what_an_own_rule_finds_is_stored_from_the_batch_after_it_came(store: Store, tmp_path: Path) -> None:
    own = Book(tmp_path)
    intake = Intake(store, Context, rules=own.book.rules)

    def found(name: str) -> list[str]:
        intake.take([line(event("get", "widgets", name=name, user="eve"))], "log", way="file")
        return [one.row.object for one in Findings(store).find().findings if one.row.rule == "OWN-01"]

    assert found("before") == []
    rule(tmp_path)
    own.later()
    assert found("after") == ["widgets/team-a/after"]


def test_the_page_is_told_of_own_rules_and_of_what_is_wrong_with_them(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    rule(folder)
    bench = Bench(store, tmp_path, settings=ToolSettings(audit_rules=folder))
    assert bench.get("/api/v1/audit/status")["rules"] == {"folder": str(folder), "own": ["OWN-01"], "problem": ""}
    told = {one["rule"]: one["title"] for one in bench.get("/api/v1/audit/rules")["rules"]}
    assert told["OWN-01"] == "Somebody reads the widgets"
    assert len(told) == len(shipped_rules()) + 6
