"""Arguments are decoded strictly, and every problem is told with its path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from extender.framework import Args, Plugin
from extender.framework.arguments import args_of, decode, default_args
from extender.plugins import PLUGINS


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename="camel"):
    name: str
    weight: Annotated[int, msgspec.Meta(ge=1)] = 1


class SomeArgs(Args, frozen=True):
    parts: Annotated[list[Part], msgspec.Meta(max_length=3)] = msgspec.field(default_factory=list)
    one_part: Part = Part(name="only")
    share: float = 0.5
    sizes: dict[str, int] = msgspec.field(default_factory=dict)


def names_differ(args: SomeArgs) -> list[tuple[str, str]]:
    return [("parts", "names repeat")] if len({p.name for p in args.parts}) < len(args.parts) else []


PLUGIN = Plugin("Some", "For tests.", args=SomeArgs, check=names_differ)


def test_nothing_given_means_the_defaults() -> None:
    assert args_of(PLUGIN, {}) == (SomeArgs(), [])


def test_every_problem_is_told_with_its_path() -> None:
    raw = {
        "parts": [{"name": "a", "wieght": 2}, {"weight": 0}, 7],
        "onePart": {"name": None},
        "share": "much",
        "sizes": {"a": "b"},
        "extra": 1,
    }
    args, problems = args_of(PLUGIN, raw)
    assert args is None
    assert {path: message for path, message in problems} == {  # noqa: C416 - the pairs as a table
        "parts[0].wieght": "unknown field; did you mean weight?",
        "parts[1].name": "missing",
        "parts[1].weight": "Expected `int` >= 1",
        "parts[2]": "Expected `object`, got `int`",
        "onePart.name": "missing",
        "share": "Expected `float`, got `str`",
        "sizes[...]": "Expected `int`, got `str`",
        "extra": "unknown field; known: parts, onePart, share, sizes",
    }


def test_bounds_of_a_list_as_a_whole_hold_too() -> None:
    args, problems = args_of(PLUGIN, {"parts": [{"name": str(i)} for i in range(4)]})
    assert args is None
    assert problems == [("parts", "Expected `array` of length <= 3")]


def test_what_the_types_cannot_say_is_checked_after_them() -> None:
    args, problems = args_of(PLUGIN, {"parts": [{"name": "a"}, {"name": "a"}]})
    assert (args, problems) == (None, [("parts", "names repeat")])


def test_null_and_the_pasted_head_count_as_absent() -> None:
    raw = {"apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "SomeArgs", "share": None, "sizes": None}
    assert args_of(PLUGIN, raw) == (SomeArgs(), [])


@pytest.mark.parametrize("raw", [None, [], "x", 3])
def test_arguments_that_are_no_mapping_are_one_problem(raw: object) -> None:
    args, problems = args_of(PLUGIN, raw)
    assert args is None
    assert problems[0][0] == ""
    assert "mapping" in problems[0][1]


def test_names_are_case_sensitive() -> None:
    assert args_of(PLUGIN, {"Share": 1.0})[1] == [("Share", "unknown field; did you mean share?")]


def refuses_late(raw: Mapping[str, Any]) -> SomeArgs:
    raise msgspec.ValidationError("not today - at `$.share`")


def test_a_plugins_own_decoding_may_refuse_with_a_path() -> None:
    late = Plugin("Late", "For tests.", args=SomeArgs, decode_args=refuses_late)
    assert decode(late, {"share": 1.0}) == (None, [("share", "not today")])
    with pytest.raises(ValueError, match="Late"):
        default_args(late)


def wants_a_share(args: SomeArgs) -> list[tuple[str, str]]:
    return [("share", "say how much")]


def test_a_plugin_that_needs_arguments_has_defaults_that_no_policy_can_use() -> None:
    needy = Plugin("Needy", "For tests.", args=SomeArgs, needs_args=True, check=wants_a_share)
    assert isinstance(default_args(needy), SomeArgs)
    assert args_of(needy, {}) == (None, [("share", "say how much")])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KNOWN = st.sampled_from(
    ["resources", "mode", "targetUtilization", "defaultRequests", "metricProvider", "watcherAddress", "name", "weight"]
)


@pytest.mark.parametrize("plugin", [*PLUGINS, PLUGIN], ids=lambda p: p.name)
@given(raw=st.dictionaries(KNOWN | st.text(max_size=5), JSON, max_size=4) | JSON)
def test_whatever_is_given_is_either_args_or_problems(plugin: Plugin, raw: object) -> None:
    args, problems = args_of(plugin, raw)
    assert (args is None) == bool(problems)
    for path, message in problems:
        assert isinstance(path, str)
        assert message
