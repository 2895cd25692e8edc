"""PriorityClasses and what they say, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from extender.framework import Pod
from extender.framework.arguments import args_of
from extender.plugins.preemption_toleration import PLUGIN
from extender.plugins.preemption_toleration.book import KIND, TolerationBook
from extender.plugins.preemption_toleration.exemption import ClassNotFound, exempted, why_exempt
from extender.plugins.preemption_toleration.policy import (
    MINIMUM_PRIORITY,
    TOLERATION_SECONDS,
    PolicyError,
    toleration_of,
)

NOW_S = 1_700_000_000.0


def a_class(value: Any = 100, least: str | None = None, seconds: Any = None) -> dict[str, Any]:
    told = {MINIMUM_PRIORITY: least, TOLERATION_SECONDS: seconds}
    annotations = {name: text for name, text in told.items() if text is not None}
    return {"metadata": {"name": "batch", "annotations": annotations}, "value": value}


def a_victim(scheduled_ago_s: float | None = 10.0, name: str = "batch") -> Pod:
    at = None if scheduled_ago_s is None else NOW_S - scheduled_ago_s
    return Pod(namespace="ns", name="v", uid="v", priority=100, priority_class=name, scheduled_at_s=at)


def a_preemptor(priority: int = 500, policy: str = "PreemptLowerPriority") -> Pod:
    return Pod(namespace="ns", name="p", uid="p", priority=priority, preemption_policy=policy)


def decided(found: dict[str, Any] | None, victim: Pod | None = None, preemptor: Pod | None = None) -> bool:
    book = TolerationBook()
    if found is not None:
        book.object_changed(KIND, "batch", None, found)
    return exempted(book, victim or a_victim(), preemptor or a_preemptor(), NOW_S)


def test_a_pod_without_a_class_is_not_protected() -> None:
    assert not decided(None, a_victim(name=""))


def test_nobody_can_say_for_a_class_that_is_unknown() -> None:
    with pytest.raises(ClassNotFound, match=r'^priorityclass\.scheduling\.k8s\.io "batch" not found$'):
        decided(None)
    assert why_exempt(TolerationBook(), a_victim(), a_preemptor(), NOW_S), "others who evict leave it alone"


def test_a_class_without_annotations_protects_from_nobody_who_may_preempt() -> None:
    assert not decided(a_class())


def test_a_preemptor_that_never_preempts_is_held_off_before_annotations_are_read() -> None:
    assert decided(a_class(least="nonsense"), preemptor=a_preemptor(policy="Never"))


@pytest.mark.parametrize(("priority", "protected"), [(999, True), (1000, False), (1001, False)])
def test_only_preemptors_below_the_minimum_are_held_off(priority: int, *, protected: bool) -> None:
    assert decided(a_class(least="1000", seconds="-1"), preemptor=a_preemptor(priority)) is protected


@pytest.mark.parametrize(
    ("seconds", "ago", "protected"),
    [("0", 0.0, False), ("-1", 10.0**9, True), ("100", 101.0, False), ("100", 100.0, False), ("100", 10.0, True)],
)
def test_protection_ends_with_the_toleration_seconds(seconds: str, ago: float, *, protected: bool) -> None:
    assert decided(a_class(least="1000", seconds=seconds), a_victim(ago)) is protected


def test_a_pod_that_is_not_seen_scheduled_is_protected() -> None:
    assert decided(a_class(least="1000"), a_victim(None))


def test_a_transition_that_is_not_told_was_long_ago() -> None:
    victim = Pod(namespace="ns", name="v", uid="v", priority_class="batch", scheduled_at_s=0.0)
    assert not decided(a_class(least="1000", seconds="9223372036"), victim)


@pytest.mark.parametrize("seconds", ["10000000000", "9223372036854775807"])
def test_huge_tolerations_wrap_to_none(seconds: str) -> None:
    assert not decided(a_class(least="1000", seconds=seconds))
    assert decided(a_class(least="1000", seconds="9223372036"))


def test_the_default_minimum_wraps_at_the_largest_class() -> None:
    assert toleration_of(a_class(2**31 - 1)).minimum_preemptable_priority == -(2**31)


@pytest.mark.parametrize("text", ["", " 1", "1 ", "1_000", "0x10", "1.5", "abc", "+-1", "2147483648", "٣"])
def test_minimum_priorities_are_read_strictly(text: str) -> None:
    with pytest.raises(PolicyError, match="minimum-preemptable-priority"):
        toleration_of(a_class(least=text))


@pytest.mark.parametrize(("text", "number"), [("+60", 60), ("-0", 0), ("0000000000000000000000000007", 7)])
def test_signs_and_leading_zeros_are_fine(text: str, number: int) -> None:
    assert toleration_of(a_class(seconds=text)).toleration_seconds == number


@pytest.mark.parametrize(
    "found",
    [a_class(least="x"), a_class(seconds="9223372036854775808"), a_class(seconds=7), a_class("7"), a_class(value=True)],
)
def test_a_class_that_cannot_be_read_protects_nobody_and_says_so(found: dict[str, Any]) -> None:
    book = TolerationBook()
    book.object_changed(KIND, "batch", None, found)
    assert not exempted(book, a_victim(None), a_preemptor(), NOW_S)
    assert book.problems["batch"].startswith("its pods are not protected: ")
    book.object_changed(KIND, "batch", found, a_class(seconds="-1", least="1000"))
    assert not book.problems
    assert exempted(book, a_victim(), a_preemptor(), NOW_S)


def test_a_class_that_is_gone_is_unknown_again() -> None:
    book = TolerationBook()
    book.object_changed(KIND, "batch", None, a_class())
    book.object_changed(KIND, "batch", a_class(), None)
    assert not book.knows("batch")


@pytest.mark.parametrize(
    "odd", [{}, {"metadata": None}, {"metadata": {"annotations": []}}, {"metadata": 3, "value": 1}]
)
def test_classes_of_any_shape_are_taken(odd: dict[str, Any]) -> None:
    assert not decided(odd)


@pytest.mark.parametrize(
    ("args", "paths"),
    [
        ({}, []),
        ({"minCandidateNodesPercentage": 100, "minCandidateNodesAbsolute": 0}, []),
        ({"minCandidateNodesPercentage": 101}, ["minCandidateNodesPercentage"]),
        ({"minCandidateNodesPercentage": -1}, ["minCandidateNodesPercentage"]),
        ({"minCandidateNodesAbsolute": -1}, ["minCandidateNodesAbsolute"]),
        ({"minCandidateNodesAbsolute": 2**31}, ["minCandidateNodesAbsolute"]),
        (
            {"minCandidateNodesPercentage": 0, "minCandidateNodesAbsolute": 0},
            ["minCandidateNodesPercentage", "minCandidateNodesAbsolute"],
        ),
    ],
)
def test_arguments_have_upstreams_bounds(args: dict[str, int], paths: list[str]) -> None:
    assert [path for path, _message in args_of(PLUGIN, args)[1]] == paths
