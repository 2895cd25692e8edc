"""The order of an application's pods by the graph of its dependencies. Never here: where they are placed."""

from extender.plugins.topological_sort.plugin import PLUGIN

__all__ = ["PLUGIN"]
