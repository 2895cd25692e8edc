"""Small or big nodes first. Never here: what is already used on them."""

from extender.plugins.node_resources_allocatable.plugin import PLUGIN

__all__ = ["PLUGIN"]
