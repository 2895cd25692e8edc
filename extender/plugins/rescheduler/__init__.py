"""Even load, when pods are placed and afterwards. Never here: the calls that evict a pod."""

from extender.plugins.rescheduler.plugin import PLUGIN

__all__ = ["PLUGIN"]
