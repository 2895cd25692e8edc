"""Rules from their files: a file that is wrong in any way is refused whole, with its name and the place in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import yaml

from analytics.audit.case import CompiledCase
from analytics.audit.condition import BadCondition, compiled
from analytics.audit.context import BadContext, Context, context_from
from analytics.audit.example import BadExample, events_of
from analytics.audit.rule import Rule, Test

SHIPPED = Path(__file__).with_name("rules")
_LONGEST = 1 << 20


class BadRule(Exception):
    """A rule file cannot be used; the text begins with the file and says where in it and why."""


class _Loader(yaml.CSafeLoader):
    """Times stay texts, and a key may stand there once."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
    for first, known in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _once(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str) or key in found:
            line = key_node.start_mark.line + 1
            raise yaml.YAMLError(f"line {line}: key {key!r} is no text, or stands there twice")
        found[key] = loader.construct_object(value_node, deep=True)
    return found


_Loader.add_constructor("tag:yaml.org,2002:map", _once)


def load_rules(folder: Path) -> tuple[Rule, ...]:
    """Every `*.yaml` of a folder, in the order of the ids. Raises BadRule, and OSError for what cannot be read."""
    found: dict[str, Rule] = {}
    for path in sorted(folder.glob("*.yaml")):
        rule = load_rule(path)
        if rule.id in found:
            raise BadRule(f"{path}: id: {rule.id} is the id of another file too")
        found[rule.id] = rule
    return tuple(found[key] for key in sorted(found))


def load_rule(path: Path) -> Rule:
    """One file. Raises BadRule and OSError."""
    if path.stat().st_size > _LONGEST:
        raise BadRule(f"{path}: more than {_LONGEST} bytes")
    try:
        given = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a child of the safe one
        rule = msgspec.convert(given, Rule)
        _check(rule)
    except (
        yaml.YAMLError,
        msgspec.ValidationError,
        UnicodeError,
        RecursionError,
        BadCondition,
        BadExample,
        BadContext,
    ) as wrong:
        raise BadRule(f"{path}: {wrong}") from None
    return rule


def _check(rule: Rule) -> None:
    context = Context()
    names = [case.name for case in rule.cases]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadCondition(f"cases: two are named {twice[0]!r}")
    for number, case in enumerate(rule.cases):
        CompiledCase(rule, case, context, f"cases[{number}]")
    for number, allowed in enumerate(rule.allow):
        compiled(allowed.match, context, f"allow[{number}].match")
    for wanted in ("positive", "negative"):
        if not any((test.finds > 0) == (wanted == "positive") for test in rule.tests):
            raise BadCondition(f"tests: want a {wanted} one ({'finds: 1' if wanted == 'positive' else 'finds: 0'})")
    for number, test in enumerate(rule.tests):
        _check_test(test, names, f"tests[{number}]")


def _check_test(test: Test, cases: list[str], at: str) -> None:
    if test.case and test.case not in cases:
        raise BadCondition(f"{at}.case: no case {test.case!r}; there are {', '.join(cases)}")
    try:
        context_from(test.context)
    except BadContext as wrong:
        raise BadContext(f"{at}.context: {wrong}") from None
    for number, given in enumerate(test.events):
        try:
            list(events_of(given, "checked"))
        except BadExample as wrong:
            raise BadExample(f"{at}.events[{number}]: {wrong}") from None
