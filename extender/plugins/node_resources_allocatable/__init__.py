from extender.plugins.node_resources_allocatable.plugin import PLUGIN

__all__ = ["PLUGIN"]
