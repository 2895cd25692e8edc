"""The order of waiting pods by priority and QoS class. Never here: gates, and who takes them off."""

from extender.plugins.qos.plugin import PLUGIN

__all__ = ["PLUGIN"]
