"""R-219, R-220, R-245: the keys, their values, and what becomes of bad ones."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.config.values import TOOL_OF_KEY, BadValue, Values, seconds_of, values_of

DEV = {
    "environment": "development", "log-level": "debug", "replicas": "1", "tenant_manager_enabled": "true",
    "audit_analyzer_enabled": "true", "scheduler_analyzer_enabled": "true", "performance_analyzer_enabled": "true",
    "visualizer_enabled": "true", "heatmap_generator_enabled": "true", "metrics_interval": "30s",
}  # fmt: skip
PROD = DEV | {
    "environment": "production", "log-level": "info", "replicas": "3", "scheduler_analyzer_enabled": "false",
    "visualizer_enabled": "false", "metrics_interval": "60s",
}  # fmt: skip


def read(keys: dict[str, str], last: Values | None = None) -> tuple[Values, list[Any]]:
    start = Values()
    return values_of({key: ("here", text) for key, text in keys.items()}, start, last or start)


def test_r245_both_examples_of_the_paper_are_read_without_a_complaint() -> None:
    assert read(DEV) == (Values("development", 1, 30.0, "debug", "json", "stdout", frozenset()), [])
    off = frozenset({"scheduler-analyzer", "scheduler-visualizer"})
    assert read(PROD) == (Values("production", 3, 60.0, "info", "json", "stdout", off), [])


def test_r219_the_logging_keys_are_read() -> None:
    values, problems = read({"log-level": "warning", "log-format": "text", "log-output": "stderr"})
    assert (values.level, values.format, values.output, problems) == ("warning", "text", "stderr", [])


def test_r246_every_tool_of_the_paper_has_a_key() -> None:
    for key, tool in TOOL_OF_KEY.items():
        assert read({key: "false"})[0].off == {tool}
        assert read({key: "true\n"})[0].off == frozenset()


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("metrics_interval", "soon"), ("metrics_interval", "0s"), ("metrics_interval", "25h"), ("metrics_interval", ""),
        ("replicas", "-1"), ("replicas", "many"), ("replicas", "1001"), ("replicas", "٣"), ("log-level", "loud"),
        ("log-format", "xml"), ("log-output", "file"), ("visualizer_enabled", "yes"), ("visualizer_enabled", "True"),
        ("environment", ""), ("environment", "a b"), ("environment", "x" * 64),
    ],
)  # fmt: skip
def test_r245_a_bad_value_is_told_with_its_key_and_the_last_good_one_stays(key: str, text: str) -> None:
    last, _ = read(PROD | {"log-format": "text", "log-output": "stderr"})
    values, problems = read(PROD | {"log-format": "text", "log-output": "stderr"} | {key: text}, last)
    assert values == last
    assert [(problem.source, problem.key) for problem in problems] == [("here", key)]
    assert "stays in effect" in problems[0].message


def test_an_unknown_key_is_told_and_hurts_nothing() -> None:
    values, problems = read({"metrics-interval": "10s", "\u200bx\n": "y"})
    assert values == Values()
    assert "metrics_interval" in problems[0].message
    assert [problem.key.isprintable() for problem in problems] == [True, True]


@given(st.dictionaries(st.sampled_from([*PROD, "log-format", "log-output"]), st.text(max_size=12)))
def test_no_text_breaks_the_reader_and_what_it_cannot_use_changes_nothing(keys: dict[str, str]) -> None:
    last, _ = read(PROD)
    values, problems = read(PROD | keys, last)
    bad = {problem.key for problem in problems}
    good = {key: text for key, text in keys.items() if key not in bad}
    assert values == read(PROD | good, last)[0]


def test_spans_are_read_to_the_millisecond() -> None:
    assert [seconds_of(text) for text in ("1s", "1.5s", "2m", "24h")] == [1.0, 1.5, 120.0, 86_400.0]
    for text in ("0.999s", "86401s", "1d", "-1s", "1 s", "٣s"):
        with pytest.raises(BadValue):
            seconds_of(text)
