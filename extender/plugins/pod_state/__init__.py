"""Nodes where room is coming. Never here: whether the pod fits."""

from extender.plugins.pod_state.plugin import PLUGIN

__all__ = ["PLUGIN"]
