"""What pages show of English sentences has its Chinese, in the folder that says it.

A phrase is found by its English, with `{name}` for what differs: so the English must be the one that the code says.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

import analytics
import extender
from analytics.audit import shipped_rules
from analytics.audit.anomalies import KINDS
from analytics.store.analysis import Latency
from analytics.views.analyzer.findings import bottlenecks_of
from extender.framework import Plugin
from extender.framework.info import plugin_info
from extender.plugins import PLUGINS
from tests.house.test_plugins import folder_of

ENGLISH, CHINESE = "[A-Za-z]{3,}", r"[\u4e00-\u9fff\u3001\u3002\uff00-\uffef]"
PLACE = re.compile(r"\{([\w.]+)(?::\w+)?\}")
EXTENDER, ANALYTICS = Path(extender.__file__).parent, Path(analytics.__file__).parent
UNSAID = ("victims count",)
"""Keys of a memo that look like a sentence."""
ABOUT, SAYS = "about.zh.json", "says.zh.json"
FILES = sorted(path for room in (EXTENDER, ANALYTICS) for name in (ABOUT, SAYS) for path in room.rglob(name))
PARTS = ("queue", "own", "held", "bind", "rest")
each_plugin = pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)


def phrases(*paths: Path) -> dict[str, str]:
    """English -> Chinese, of the files that there are."""
    found: dict[str, str] = {}
    for path in paths:
        found |= cast("dict[str, str]", json.loads(path.read_text("utf-8"))) if path.exists() else {}
    return found


def code_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*.py")) if not path.name.startswith("test_")]


def said(code: Iterable[Path]) -> Iterator[str]:
    """Sentences as patterns: texts of several words, but for docstrings, keys, and what is raised or logged."""
    for path in code:
        tree = ast.parse(path.read_text("utf-8"))
        aside = {id(part) for node in ast.walk(tree) for part in _aside(node)}
        for node in ast.walk(tree):
            match node:
                case _ if id(node) in aside:
                    continue
                case ast.JoinedStr():
                    parts = [str(part.value) if isinstance(part, ast.Constant) else "{x}" for part in node.values]
                case ast.Constant(value=str(text)):
                    parts = [re.sub(r"\{\d\}", "{x}", text)]
                case _:
                    continue
            text = "".join(parts)
            if text not in UNSAID and re.search(r"[A-Za-z]{2,}.* .*[A-Za-z]{2,}", PLACE.sub("", text), re.DOTALL):
                yield ".*".join(map(re.escape, text.split("{x}")))


def _aside(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Raise() | ast.Subscript() | ast.Call(func=ast.Attribute(attr="get" | "setdefault" | "pop")):
            yield from ast.walk(node)
        case ast.FunctionDef(name="check"):  # of arguments: its words are for who edits the policy
            yield from ast.walk(node)
        case ast.Expr(value=ast.Constant() as text):
            yield text
        case ast.JoinedStr():
            yield from (part for part in ast.walk(node) if part is not node)
        case _:
            pass


def missing(code: Iterable[Path], told: Mapping[str, str]) -> list[str]:
    return [text for text in said(code) if not any(re.search(text, phrase, re.DOTALL) for phrase in told)]


def left_over(code: Iterable[Path], told: Mapping[str, str]) -> list[str]:
    """Phrases with a word that the code does not know: what they were for is gone, or is said otherwise now."""
    known = set(re.findall(r"\w+", " ".join(path.read_text("utf-8") for path in code)))
    return [phrase for phrase in told if not set(re.findall(r"\w+", PLACE.sub(" ", phrase))) <= known]


def described(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("description"), str):
            yield schema["description"]
        for part in schema.values():
            yield from described(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from described(part)


@pytest.mark.parametrize("path", FILES, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_a_phrase_is_chinese_and_has_the_places_of_its_english(path: Path) -> None:
    for english, chinese in phrases(path).items():
        assert re.search(CHINESE, chinese) or not re.search(ENGLISH, PLACE.sub("", english)), english
        assert set(PLACE.findall(chinese)) <= set(PLACE.findall(english)), english


def test_the_same_english_is_the_same_chinese() -> None:
    found: dict[str, str] = {}
    for path in FILES:
        for english, chinese in phrases(path).items():
            assert found.setdefault(english, chinese) == chinese, english


@each_plugin
def test_what_a_plugin_and_its_arguments_are(plugin: Plugin) -> None:
    told, shared = phrases(folder_of(plugin) / ABOUT), phrases(EXTENDER / "framework" / ABOUT)
    assert {plugin.doc, *described(plugin_info(plugin).args_schema)} - set(shared) == set(told)


@each_plugin
def test_what_a_plugin_says_of_pods_and_nodes(plugin: Plugin) -> None:
    folder = folder_of(plugin)
    told = phrases(folder / SAYS)
    rejections = plugin.filter.rejections if plugin.filter else ()
    assert [one.reason for one in rejections if one.reason not in told] == []
    code = [path for path in code_in(folder) if path.name not in ("args.py", "cases.py")]
    assert missing(code, told | phrases(folder / ABOUT)) == []
    assert left_over(code, told) == []


@pytest.mark.parametrize("room", ["framework", "engine", "eviction", "controllers", "tenancy"])
def test_what_the_rooms_around_plugins_say(room: str) -> None:
    told = phrases(EXTENDER / room / SAYS)
    assert told
    assert left_over(code_in(EXTENDER / room), told) == []


def test_why_preemption_does_not_help() -> None:
    assert missing(code_in(EXTENDER / "framework" / "preemption"), phrases(EXTENDER / "framework" / SAYS)) == []


def test_what_audit_rules_find() -> None:
    folder = ANALYTICS / "audit"
    told = phrases(folder / SAYS)
    of_rules = {case.says for rule in shipped_rules() for case in rule.cases}
    assert of_rules - set(told) == set()
    code = [folder / "anomalies.py", folder / "patterns.py"]
    of_kinds = {re.escape(text) for kind in KINDS.values() for text in (kind.title, kind.fix)}  # test_words.py has them
    assert set(missing(code, told)) - of_kinds == set()
    assert left_over(code, {phrase: "" for phrase in told if phrase not in of_rules}) == []


def test_what_is_found_about_tenants() -> None:
    told = phrases(ANALYTICS / "tenants" / SAYS)
    code = code_in(ANALYTICS / "tenants")
    assert missing(code, told) == []
    assert left_over(code, told) == []


def test_what_charts_of_decisions_say() -> None:
    folder = ANALYTICS / "views" / "decisions"
    told = phrases(folder / SAYS)
    # What screen readers are told of a chart comes without signs.
    titles = {r"Decision\ about\ pod\ .*/.*", r"Attempt\ .*,\ .*,\ .*\ phases"}
    assert {"Decision about pod {pod}", "Attempt {n} {outcome} {phases} phases"} <= set(told)
    assert set(missing([folder / "flowchart.py"], told)) == titles


def test_what_the_time_of_pods_goes_into() -> None:
    latency = Latency(
        pods=9, average_ms=9.0, p50_ms=1.0, p95_ms=9.0, p99_ms=9.0, **{f"{name}_ms": 1.0 for name in PARTS}
    )
    told = phrases(ANALYTICS / "views" / "analyzer" / SAYS)
    assert {part["what"] for part in bottlenecks_of(latency)} == set(told)
