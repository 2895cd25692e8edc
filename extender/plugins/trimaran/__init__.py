"""The family of load-aware plugins under one name. Never here: a rule of its own."""

from extender.plugins.trimaran.plugin import PLUGIN

__all__ = ["PLUGIN"]
