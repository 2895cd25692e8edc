from __future__ import annotations

from typing import Any

import pytest

from extender.policy import PolicyRefused, Problem
from extender.policy.problem import Findings
from extender.policy.reading import CHARS_MAX, DEPTH_MAX, NODES_MAX, TEXT_BYTES_MAX, read


def tree_of(text: str | bytes) -> Any:
    findings = Findings()
    tree = read(text, findings)
    assert findings.problems == ()
    return tree


def problems_of(text: str | bytes) -> tuple[Problem, ...]:
    findings = Findings()
    try:
        read(text, findings)
    except PolicyRefused as refused:
        return refused.problems
    return findings.problems


def the_problem(text: str | bytes) -> Problem:
    (problem,) = problems_of(text)
    return problem


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("yes", "yes"),
        ("on", "on"),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("~", None),
        ("TRUE", True),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
        ("2026-11-21", "2026-11-21"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("!!int '12'", 12),
        ("!!float 1", 1.0),
        ("-9223372036854775807", -9223372036854775807),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(scalar: str, value: object) -> None:
    found = tree_of(f"a: {scalar}")["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("text", ["", "   \n\t\n", b"", b"\xef\xbb\xbf"])
def test_an_empty_text_is_refused(text: str | bytes) -> None:
    assert the_problem(text).message == "the policy is empty"


def test_a_byte_order_mark_is_no_obstacle() -> None:
    assert tree_of(b"\xef\xbb\xbfa: 1") == {"a": 1}


@pytest.mark.parametrize("text", [b"a: \xff\xfe", "a: b".encode("utf-16"), b"\xc3\x28", "a: \ud800"])
def test_text_that_is_not_utf_8_is_refused(text: str | bytes) -> None:
    assert "not UTF-8" in the_problem(text).message


def test_a_text_above_the_limit_is_refused_before_it_is_read() -> None:
    assert "too large" in the_problem(b"[" * (TEXT_BYTES_MAX + 1)).message


def test_several_documents_are_refused_with_the_line_of_the_second() -> None:
    assert the_problem("a: 1\n---\nb: 2\n").message == "a second document begins at line 2"


@pytest.mark.parametrize("text", ["a: [", "a: 'x", "a: b: c", "\tx: 1", "a: \x00", "{a: 1", "%YAML 9.9\n---\na: 1"])
def test_broken_yaml_is_refused_with_a_place(text: str) -> None:
    assert the_problem(text).message.startswith("not YAML: ")


def test_duplicate_keys_are_all_told_with_path_and_line() -> None:
    problems = problems_of("a:\n  b: 1\n  b: 2\nc:\n- {d: 1, d: 2}\n")
    assert [(p.path, p.message) for p in problems] == [
        ("a.b", "duplicate key, line 3 (first on line 2)"),
        ("c[0].d", "duplicate key, line 5 (first on line 5)"),
    ]


def test_duplicate_keys_in_json_are_told_with_their_path() -> None:
    assert the_problem('{"a": [{"b": 1, "b": 2}]}').path == "a[0].b"


@pytest.mark.parametrize("key", ["1", "true", "null", "1.5", "~", ".nan"])
def test_keys_that_are_not_text_are_refused(key: str) -> None:
    assert any(problem.path == "a" or "finite" in problem.message for problem in problems_of(f"a: {{{key}: x}}"))


@pytest.mark.parametrize("text", ["? [a]\n: 1", "? {a: b}\n: 1", "a: &x k\n*x : 1"])
def test_keys_that_are_not_scalars_are_refused(text: str) -> None:
    assert "a key that is" in the_problem(text).message


@pytest.mark.parametrize("value", [".nan", ".inf", "-.Inf", "1e999"])
def test_numbers_that_are_not_finite_are_refused(value: str) -> None:
    assert (the_problem(f"a: {value}").path, the_problem(f"a: [{value}]").path) == ("a", "a[0]")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_json_numbers_that_are_not_finite_are_refused(value: str) -> None:
    assert the_problem(f'{{"a": {value}}}').path == "a"


@pytest.mark.parametrize("value", ["9223372036854775808", "1" * 5000, "0x" + "f" * 100])
def test_integers_beyond_64_bits_are_refused(value: str) -> None:
    problem = the_problem(f"a: {value}")
    assert problem.path == "a"
    assert "too large" in problem.message


def test_aliases_stand_for_their_value() -> None:
    assert tree_of("a: &x {b: [1]}\nc: *x\n") == {"a": {"b": [1]}, "c": {"b": [1]}}


@pytest.mark.parametrize(
    "text", ["a: *nowhere", "a: &x [*x]", "a: &x {b: *x}", "<<: {a: 1}", "a: !!python/object:os.system x", "a: !foo {}"]
)
def test_what_json_cannot_say_is_refused(text: str) -> None:
    assert problems_of(text)


def test_an_alias_bomb_is_refused_by_what_it_expands_to() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 10):
        bomb += f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n"
    problem = the_problem(bomb)
    assert problem.hint.startswith(f"at most {NODES_MAX}")


def test_an_alias_bomb_of_long_texts_is_refused_by_what_it_expands_to() -> None:
    text = "a: &a " + "x" * 100_000 + "\nb: [" + ", ".join(["*a"] * (CHARS_MAX // 100_000 + 1)) + "]\n"
    assert "too long" in the_problem(text).message


def test_a_chain_of_aliases_cannot_get_round_the_depth() -> None:
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, DEPTH_MAX + 2))
    assert "too deeply" in the_problem(chain).message


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "- " * 100_000 + "x", "[" * 100 + "]" * 100])
def test_deep_nesting_is_refused(text: str) -> None:
    assert "too deeply" in the_problem(text).message or "not YAML" in the_problem(text).message


def test_as_deep_as_allowed_is_read() -> None:
    text = "[" * DEPTH_MAX + "]" * DEPTH_MAX
    assert problems_of(text) == problems_of("- " * (DEPTH_MAX - 1) + "[]") == ()


def test_too_many_values_are_refused() -> None:
    assert "too many values" in the_problem("a:\n" + "- 1\n" * (NODES_MAX + 1)).message
    assert "too many values" in the_problem('{"a": [' + "1," * NODES_MAX + "1]}").message


def test_half_a_surrogate_pair_in_json_is_refused() -> None:
    assert the_problem('{"a": "\\ud800"}').path == "a"
    assert the_problem('{"\\ud800": 1}').message.startswith("not valid Unicode")
