"""Verdicts: what is reached, and what is said of figures that were not measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.budgets import BELOW, COLUMNS, UNMEASURED, Budget, judge, load

LOWER = Budget("a", "a figure", "x", "lower", must=3, goal=2, moonshot=1, at=("part.a",))
HIGHER = Budget("b", "another", "objects/s", "higher", must=10, goal=20, moonshot=30, at=("part.b",))


def verdict(budget: Budget, **part: Any) -> str:
    return judge(budget, {"part": part}).word


def test_each_figure_of_the_file_has_three_columns_each_harder_than_the_one_before() -> None:
    for budget in load():
        columns = [budget.must, budget.goal, budget.moonshot]
        assert columns == sorted(columns, reverse=budget.better == "lower"), budget.id
    found = {budget.id: (budget.must, budget.goal, budget.moonshot) for budget in load()}
    assert found["filter-500"] == (0.42, 0.36, 0.30)
    assert found["prioritize-500"] == (0.30, 0.25, 0.18)
    assert found["scheduling"] == (0.60, 0.70, 0.80)
    assert found["steering-effect"] == (1000.0, 300.0, 150.0)
    assert len(found) == len(load())


@pytest.mark.parametrize(
    ("value", "word"), [(3.01, BELOW), (3, "must"), (2.01, "must"), (2, "goal"), (1, "moonshot"), (0, "moonshot")]
)
def test_the_highest_column_that_is_reached_is_the_verdict(value: float, word: str) -> None:
    assert verdict(LOWER, a=value) == word
    assert verdict(LOWER, a={"value": value, "low": 0, "high": 9}) == word


@pytest.mark.parametrize(("value", "word"), [(9, BELOW), (10, "must"), (20, "goal"), (31, "moonshot")])
def test_of_some_figures_more_is_better(value: float, word: str) -> None:
    assert verdict(HIGHER, b=value) == word


@given(values=st.lists(st.floats(0, 5), min_size=2, max_size=2))
def test_of_several_numbers_the_worst_counts(values: list[float]) -> None:
    several = Budget("a", "", "x", "lower", must=3, goal=2, moonshot=1, at=("part.first", "part.second"))
    found = judge(several, {"part": dict(zip(("first", "second"), values, strict=True))})
    assert found.value == max(values)
    assert found.word == verdict(LOWER, a=max(values))


def test_bounds_go_with_the_number_that_counts() -> None:
    several = Budget("a", "", "x", "lower", must=3, goal=2, moonshot=1, at=("part.first", "part.second"))
    part = {"first": {"value": 1.0, "low": 0.5, "high": 1.5}, "second": {"value": 2.5, "low": 2.0, "high": 2.8}}
    found = judge(several, {"part": part})
    assert (found.value, found.low, found.high) == (2.5, 2.0, 2.8)


@pytest.mark.parametrize(
    ("results", "why"),
    [
        ({"left_out": {"part": "go is not on this machine"}}, "go is not on this machine"),
        ({"part": {}, "left_out": {"a": "no compiler"}}, "no compiler"),
        ({"part": {"b": 1}}, "part.a is not in the results"),
        ({"part": {"a": "much"}}, "part.a is not in the results"),
    ],
)
def test_a_figure_that_is_missing_says_why(results: dict[str, Any], why: str) -> None:
    found = judge(LOWER, results)
    assert (found.word, found.value, found.why) == (UNMEASURED, None, why)


def test_one_missing_number_of_several_leaves_no_verdict() -> None:
    several = Budget("a", "", "x", "lower", must=3, goal=2, moonshot=1, at=("part.first", "part.second"))
    assert judge(several, {"part": {"first": 0.1}}).word == UNMEASURED


ROW = '[[figure]]\nid = "a"\nwhat = "w"\nunit = "x"\nbetter = "lower"\nmust = 3\ngoal = 2\nmoonshot = 1\nat = ["p.a"]\n'


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (ROW.replace('"lower"', '"smaller"'), "want lower or higher"),
        (ROW.replace("goal = 2", "goal = 4"), "ever lower"),
        (ROW.replace("moonshot = 1", "moonshot = 2.5"), "ever lower"),
        (ROW.replace("must = 3\n", ""), "must"),
        (ROW.replace("must", "should"), "should"),
        (ROW + ROW, "twice"),
    ],
)
def test_a_wrong_row_is_refused_with_its_name(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "budgets.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=why) as refused:
        load(path)
    assert "a" in str(refused.value)
    path.write_text(ROW)
    assert [budget.id for budget in load(path)] == ["a"]


def test_a_verdict_tells_all_that_the_table_shows() -> None:
    told = judge(LOWER, {"part": {"a": 1.5}}).tree()
    assert {column: told[column] for column in COLUMNS} == {"must": 3, "goal": 2, "moonshot": 1}
    assert (told["id"], told["value"], told["verdict"]) == ("a", 1.5, "goal")
