"""The built-in plugins, and those that third parties add through the entry-point group `trimtab.plugins`.

An entry point's value is a Plugin, or a module with one called PLUGIN. One that cannot be used is refused with
the reason; it never takes the process, or another plugin, with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from extender.framework import Plugin
from extender.framework.binding import BindingError, bind_plugin
from extender.plugins import PLUGINS

GROUP = "trimtab.plugins"


@dataclass(frozen=True, slots=True)
class Installed:
    plugins: tuple[Plugin, ...]
    refused: dict[str, str] = field(default_factory=dict)
    """Name of the entry point -> why its plugin is not used."""


def installed_plugins(find: Callable[[], Iterable[EntryPoint]] = lambda: entry_points(group=GROUP)) -> Installed:
    """Built-in plugins first; then the usable third-party ones, in order of their names."""
    plugins = {plugin.name: plugin for plugin in PLUGINS}
    refused: dict[str, str] = {}
    for entry in sorted(find(), key=lambda e: (e.name, e.value)):
        try:
            plugin = _load(entry)
            _refuse_clash(plugin, plugins)
            plugins[plugin.name] = plugin
        except _Refused as why:
            refused[entry.name] = str(why)
    return Installed(tuple(plugins.values()), refused)


class _Refused(Exception):
    pass


def _load(entry: EntryPoint) -> Plugin:
    try:
        found = entry.load()
    except (Exception, SystemExit) as wrong:
        raise _Refused(f"{entry.value} cannot be imported: {type(wrong).__name__}: {wrong}") from None
    plugin = getattr(found, "PLUGIN", found)
    if not isinstance(plugin, Plugin):
        raise _Refused(f"{entry.value} is no extender.framework.Plugin, and has none called PLUGIN")
    try:
        bind_plugin(plugin)
    except BindingError as wrong:
        raise _Refused(str(wrong)) from None
    return plugin


def _refuse_clash(plugin: Plugin, plugins: dict[str, Plugin]) -> None:
    if not plugin.name.isidentifier():
        raise _Refused(f"plugin name {plugin.name!r} is not usable: want letters and digits, such as MyPlugin")
    if plugin.name in plugins:
        raise _Refused(f"there is a plugin {plugin.name} already; rename one of the two")
