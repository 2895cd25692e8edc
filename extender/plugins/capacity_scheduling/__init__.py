from extender.plugins.capacity_scheduling.plugin import PLUGIN

__all__ = ["PLUGIN"]
