"""Plugins of third parties join by entry point; none of them can take the process along."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from extender.plugins import PLUGINS, installed
from extender.plugins.third_party import GROUP, with_third_party

GOOD = """
from extender.framework import Plugin, Score

def count(node_pod_count: int) -> int:
    return node_pod_count

PLUGIN = Plugin("{name}", "Counts.", score=Score(count))
OTHER = Plugin("Unbound", "Names nothing.", score=Score(lambda node_nothing: 0))
NUMBER = 3
"""


def offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, text: str, attribute: str = "") -> EntryPoint:
    (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, module, raising=False)
    return EntryPoint(module, f"{module}:{attribute}" if attribute else module, GROUP)


@pytest.mark.parametrize("attribute", ["", "PLUGIN"])
def test_r075_a_plugin_or_a_module_that_holds_one_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attribute: str
) -> None:
    entry = offered(tmp_path, monkeypatch, "stranger_a", GOOD.format(name="Stranger"), attribute)
    plugins, refused = with_third_party(PLUGINS, [entry])
    assert [p.name for p in plugins] == [*(p.name for p in PLUGINS), "Stranger"]
    assert refused == {}


@pytest.mark.parametrize(
    ("text", "attribute", "told"),
    [
        ("import nothing_of_this_name", "", "cannot be imported: ModuleNotFoundError"),
        ("raise SystemExit(3)", "", "cannot be imported: SystemExit"),
        ("x = = 3", "", "cannot be imported: SyntaxError"),
        ("", "PLUGIN", "cannot be imported: AttributeError"),
        (GOOD.format(name="A"), "NUMBER", "is no extender.framework.Plugin"),
        ("x = 3", "", "is no extender.framework.Plugin"),
        (GOOD.format(name="A"), "OTHER", "return int"),
        (GOOD.format(name="PodState"), "", "there is a plugin PodState already"),
        (GOOD.format(name="no name"), "", "is not usable"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, attribute: str, told: str
) -> None:
    entry = offered(tmp_path, monkeypatch, "stranger_b", text, attribute)
    plugins, refused = with_third_party(PLUGINS, [entry])
    assert plugins == PLUGINS
    assert told in refused["stranger_b"]


def test_of_two_strangers_with_one_name_the_second_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [offered(tmp_path, monkeypatch, f"stranger_{x}", GOOD.format(name="Same")) for x in "dc"]
    plugins, refused = with_third_party(PLUGINS, entries)
    assert len(plugins) == len(PLUGINS) + 1
    assert set(refused) == {"stranger_d"}


def test_what_is_installed_here_begins_with_our_own() -> None:
    plugins, _refused = installed()
    assert plugins[: len(PLUGINS)] == PLUGINS
