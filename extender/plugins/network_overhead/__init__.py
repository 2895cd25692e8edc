"""Pods near the services they depend on. Never here: measuring the network."""

from extender.plugins.network_overhead.plugin import PLUGIN

__all__ = ["PLUGIN"]
