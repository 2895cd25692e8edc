"""Every plugin folder is complete, named alike, and listed."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import msgspec
import pytest

from extender import plugins
from extender.framework import Plugin
from extender.framework.binding import bind_plugin
from extender.plugins import PLUGINS

ROOM = Path(plugins.__file__).parent
FOLDERS = sorted(path for path in ROOM.iterdir() if path.is_dir() and (path / "__init__.py").exists())
# What a reader of a plugin's README looks for, in this order.
HEADINGS = [
    "Intent",
    "Formula",
    "Inputs",
    "Arguments",
    "In a policy",
    "When to choose it, and when not",
    "Unlike upstream",
]


# Where the name's humps do not say how to write it in lower case.
FOLDER_NAMES = {"QoS": "qos"}


def folder_of(plugin: Plugin) -> Path:
    if plugin.name in FOLDER_NAMES:
        return ROOM / FOLDER_NAMES[plugin.name]
    return ROOM / re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plugin.name).lower()


def test_every_folder_is_listed_and_every_listed_plugin_has_its_folder() -> None:
    assert sorted(map(folder_of, PLUGINS)) == FOLDERS


def test_the_table_is_in_order_and_names_each_plugin_once() -> None:
    names = [plugin.name for plugin in PLUGINS]
    assert names == sorted(set(names))


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda p: p.name)
def test_a_folder_is_complete(plugin: Plugin) -> None:
    folder = folder_of(plugin)
    here = {path.name for path in folder.iterdir()}
    assert {"__init__.py", "plugin.py", "README.md"} <= here
    assert any(name.startswith("test_") for name in here)
    assert ("kernel.py" in here) == bool(bind_plugin(plugin)), "a rule stands in kernel.py"
    assert ("book.py" in here) == bool(plugin.book)


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda p: p.name)
def test_a_readme_has_its_headings_and_names_every_argument_with_maturity(plugin: Plugin) -> None:
    text = (folder_of(plugin) / "README.md").read_text()
    assert text.startswith(f"# {plugin.name}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS
    assert f"Maturity: {plugin.maturity.value}" in text
    for field in msgspec.structs.fields(plugin.args):
        assert f"`{field.encode_name}`" in text, field.encode_name
    for parameters in bind_plugin(plugin).values():
        for parameter in parameters:
            if parameter.name.startswith(("node_", "pod_")):
                assert f"`{parameter.name}`" in text, parameter.name


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda p: p.name)
def test_a_kernel_imports_nothing_of_ours_but_arithmetic(plugin: Plugin) -> None:
    kernel = folder_of(plugin) / "kernel.py"
    tree = ast.parse(kernel.read_text()) if kernel.exists() else ast.Module([], [])
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [alias.name for node in imported if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in imported if isinstance(node, ast.ImportFrom)]
    ours = [name for name in names if name.split(".")[0] in ("extender", "analytics", "numba")]
    assert set(ours) <= {"extender.framework.arithmetic"}
