"""Plugins that third parties add through the entry-point group `trimtab.plugins`.

An entry point's value is a Plugin, or a module with one called PLUGIN. One that cannot be used is refused with
the reason; it never takes the process, or another plugin, with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from extender.framework import Plugin
from extender.framework.binding import BindingError, bind_plugin

GROUP = "trimtab.plugins"


def found_entry_points() -> Iterable[EntryPoint]:
    """What the packages of this environment offer."""
    return entry_points(group=GROUP)


def with_third_party(
    built_in: Iterable[Plugin], offered: Iterable[EntryPoint]
) -> tuple[tuple[Plugin, ...], dict[str, str]]:
    """(built-in plugins, then the usable ones offered, by name; name of each refused entry point -> why)."""
    plugins = {plugin.name: plugin for plugin in built_in}
    refused: dict[str, str] = {}
    for entry in sorted(offered, key=lambda e: (e.name, e.value)):
        try:
            plugin = _load(entry)
            _refuse_clash(plugin, plugins)
            plugins[plugin.name] = plugin
        except _Refused as why:
            refused[entry.name] = str(why)
    return tuple(plugins.values()), refused


class _Refused(Exception):
    pass


def _load(entry: EntryPoint) -> Plugin:
    try:
        found = entry.load()
    except (Exception, SystemExit) as wrong:  # noqa: BLE001 - code of strangers may do anything while imported
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
