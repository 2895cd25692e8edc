"""Trimaran decides as its members do when each is configured with the same settings."""

from __future__ import annotations

from extender.framework.arguments import args_of
from extender.plugins.trimaran import PLUGIN


def test_it_has_no_rule_of_its_own() -> None:
    assert PLUGIN.members
    assert not any((PLUGIN.score, PLUGIN.filter, PLUGIN.pre_filter, PLUGIN.reserve, PLUGIN.book))


def test_nothing_is_defaulted_so_that_each_member_defaults_what_is_not_written() -> None:
    args, problems = args_of(PLUGIN, {})
    assert problems == []
    assert args == PLUGIN.args()


def test_every_member_may_be_chosen() -> None:
    assert args_of(PLUGIN, {"members": list(PLUGIN.members)})[1] == []
